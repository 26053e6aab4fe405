import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from microtome.box import Box
from microtome.learn.config import Recipe
from microtome.learn.train import new_net
from microtome.net.config import NetConfig
from microtome.predict.blocks import block_shape
from microtome.predict.filling import Filling
from microtome.predict.filling import fill as fill_store
from microtome.predict.model import SegmentationModel
from microtome.predict.posterior import entropy
from microtome.predict.store import PredictionStore, open_store, prediction_chunks
from microtome.progress import silent
from microtome.volume import ArrayVolume

NM = (40.0, 4.0, 4.0)
NET = NetConfig(widths=(4, 8))
DEEP = NetConfig((4, 8), ((3, 3, 3),) * 2, ((2, 2, 2),))
SHAPE = (3, 20, 24)
WHOLE = Box.of(SHAPE)


class CountedVolume:
    """A volume that remembers which boxes were read of it, and may break after some."""

    def __init__(self, least: int = 10**9) -> None:
        data = np.random.default_rng(0).integers(0, 256, SHAPE).astype(np.uint8)
        self._volume, self._least = ArrayVolume(data, NM), least
        self.shape, self.dtype, self.voxel_size_nm = SHAPE, data.dtype, NM
        self.read_boxes: list[Box] = []
        self.array = data

    def read(self, box: Box) -> np.ndarray:
        if len(self.read_boxes) == self._least:
            raise OSError("the disk is gone")
        self.read_boxes.append(box)
        return self._volume.read(box)

    def write(self, box: Box, data: np.ndarray) -> None:
        self._volume.write(box, data)


def model(classes: int = 3) -> SegmentationModel:
    weights = new_net(NET, classes, seed=0).state_dict()
    return SegmentationModel(Recipe(net=NET), classes, members=(weights,), statistics=(127.0, 70.0))


def store_in(folder: Path, classes: tuple[str, ...] = ("a", "b")) -> PredictionStore:
    return open_store(folder, classes, SHAPE, NM, (1, 16, 16))


def fill(store: PredictionStore, volume: CountedVolume) -> None:
    fill_store(Filling(model(), lambda: volume, store, 1, 0), WHOLE, progress=silent)


def stored(store: PredictionStore) -> list[np.ndarray]:
    return [volume.read(WHOLE) for volume in store.volumes()]


def mean_of(foreground: np.ndarray) -> np.ndarray:
    return np.stack([1 - foreground, foreground]).astype(np.float32)


@contextmanager
def torn_log(folder: Path, cut: int) -> Iterator[None]:
    """The log without its last `cut` bytes, as a kill leaves it."""
    log = folder / "done.jsonl"
    log.write_bytes(log.read_bytes()[:-cut])
    yield


def test_what_is_stored_is_what_the_model_predicts(tmp_path: Path) -> None:
    volume, store = CountedVolume(), store_in(tmp_path)
    fill(store, volume)
    expected = model().posterior(volume.array, 1, 0)
    images = [expected.mean[1], expected.mean[2], entropy(expected.mean) / math.log(3)]
    for found, image in zip(stored(store), images, strict=True):
        np.testing.assert_allclose(found / 255, image, atol=0.51 / 255)


def test_there_is_an_image_for_each_class_and_of_the_uncertainty(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    assert [(v.shape, v.dtype, v.voxel_size_nm) for v in store.volumes()] == [(SHAPE, np.uint8, NM)] * 3
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"a.ome.zarr", "b.ome.zarr", "uncertainty.ome.zarr"}


def test_a_byte_of_128_and_more_is_a_probability_of_a_half_and_more(tmp_path: Path) -> None:
    around = np.float32(0.5) + np.arange(-240, 240, dtype=np.float32) * np.float32(2**-24)
    foreground = np.concatenate([around, np.linspace(0, 1, 960, dtype=np.float32)]).reshape(SHAPE)
    store = store_in(tmp_path, ("a",))
    store.write(WHOLE, mean_of(foreground))
    found = stored(store)[0]
    np.testing.assert_array_equal(found >= 128, foreground >= 0.5)
    np.testing.assert_allclose(found / 255, foreground, atol=0.51 / 255)


def test_certainty_is_0_and_the_largest_entropy_255(tmp_path: Path) -> None:
    foreground = np.full(SHAPE, 0.5, np.float32)
    foreground[0], foreground[1] = 0, 1
    store = store_in(tmp_path, ("a",))
    store.write(WHOLE, mean_of(foreground))
    probability, uncertainty = stored(store)
    assert [np.unique(section).tolist() for section in probability] == [[0], [255], [128]]
    assert [np.unique(section).tolist() for section in uncertainty] == [[0], [0], [255]]


def test_blocks_that_are_done_are_not_done_again(tmp_path: Path) -> None:
    broken = CountedVolume(least=2)
    with pytest.raises(OSError, match="the disk is gone"):
        fill(store_in(tmp_path), broken)
    assert len(store_in(tmp_path).done()) == 2
    rest = CountedVolume()
    fill(store_in(tmp_path), rest)
    assert [box.start[0] for box in broken.read_boxes + rest.read_boxes] == [0, 1, 2]


def test_a_prediction_that_was_resumed_is_the_one_made_in_one_go(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="the disk is gone"):
        fill(store_in(tmp_path / "resumed"), CountedVolume(least=1))
    for name in ("resumed", "whole"):
        fill(store_in(tmp_path / name), CountedVolume())
    np.testing.assert_array_equal(
        stored(store_in(tmp_path / "resumed")), stored(store_in(tmp_path / "whole"))
    )


@pytest.mark.parametrize("cut", [2, 5, 12])
def test_a_block_whose_line_was_cut_off_is_done_again_and_then_never(cut: int, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="the disk is gone"):
        fill(store_in(tmp_path), CountedVolume(least=2))
    with torn_log(tmp_path, cut):
        assert {box.start[0] for box in store_in(tmp_path).done()} == {0}
    again, nothing = CountedVolume(), CountedVolume()
    fill(store_in(tmp_path), again)
    fill(store_in(tmp_path), nothing)
    assert [box.start[0] for box in again.read_boxes] == [1, 2]
    assert nothing.read_boxes == []


def test_progress_counts_the_blocks_that_were_done_before(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []

    def progress(task: str, done: int, total: int, note: str = "") -> None:
        told.append((done, total))

    volume = CountedVolume()
    with pytest.raises(OSError, match="the disk is gone"):
        fill(store_in(tmp_path), CountedVolume(least=1))
    fill_store(Filling(model(), lambda: volume, store_in(tmp_path), 1, 0), WHOLE, progress=progress)
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_store_of_another_shape_is_refused(tmp_path: Path) -> None:
    store_in(tmp_path)
    with pytest.raises(ValueError, match=r"has shape \(3, 20, 24\); the image has \(3, 20, 25\)"):
        open_store(tmp_path, ("a", "b"), (3, 20, 25), NM, (1, 16, 16))


def test_a_store_of_other_voxels_is_refused(tmp_path: Path) -> None:
    store_in(tmp_path)
    with pytest.raises(
        ValueError, match=r"has voxels of \(40.0, 4.0, 4.0\) nm; the project says \(40.0, 4.0, 5"
    ):
        open_store(tmp_path, ("a", "b"), SHAPE, (40.0, 4.0, 5.0), (1, 16, 16))


def test_a_store_that_was_killed_as_it_was_made_is_made(tmp_path: Path) -> None:
    left = tmp_path / ".a.ome.zarr.partial" / "a.ome.zarr"
    left.mkdir(parents=True)
    assert len(store_in(tmp_path).volumes()) == 3
    assert not left.exists()


def test_a_block_that_could_not_be_read_back_is_not_done(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    store.log(WHOLE, "")
    assert store.done() == {}


def test_what_is_stored_has_one_version_however_it_came_about(tmp_path: Path) -> None:
    def filled(name: str, *shapes: tuple[int, int, int]) -> PredictionStore:
        store = store_in(tmp_path / name)
        for shape in shapes:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("microtome.predict.filling.block_shape", lambda *_, shape=shape: shape)
                fill(store, CountedVolume())
        return store

    once, again = filled("once", (1, 16, 16)), filled("again", (1, 8, 24), (1, 16, 16))
    assert again.done() == once.done()
    assert again.version() == once.version()


def test_a_part_of_what_is_done_is_done_and_the_version_stays(tmp_path: Path) -> None:
    store, part, volume = store_in(tmp_path), Box((1, 3, 5), (2, 20, 23)), CountedVolume()
    fill_store(Filling(model(), CountedVolume, store, 1, 0), part, progress=silent)
    of_part = store.version()
    fill(store, CountedVolume())
    assert set(store.done()) == {Box((z, 0, 0), (z + 1, 20, 24)) for z in range(3)}
    of_whole = store.version()
    fill_store(Filling(model(), lambda: volume, store, 1, 0), part, progress=silent)
    assert (volume.read_boxes, store.version()) == ([], of_whole)
    assert of_part != of_whole


@pytest.mark.parametrize("line", ["5", '{"start": 1}', "{}", "\x00\x00", "\udcff"])
def test_a_damaged_line_of_the_log_is_no_block(line: str, tmp_path: Path) -> None:
    (tmp_path / "done.jsonl").write_text(line, encoding="utf-8", errors="surrogateescape")
    assert store_in(tmp_path).done() == {}


def test_images_that_were_not_made_yet_are_made(tmp_path: Path) -> None:
    store_in(tmp_path, ("a",))
    assert len(store_in(tmp_path, ("a", "b")).volumes()) == 3


@pytest.mark.parametrize("net", [NET, DEEP])
@pytest.mark.parametrize("section", [(5000, 2700), (700, 300), (250, 1300)])
def test_no_two_blocks_share_a_chunk(net: NetConfig, section: tuple[int, int]) -> None:
    for depth in range(1, 40):
        volume = (depth, *section)
        blocks, chunks = block_shape(net, volume), prediction_chunks(net, volume)
        starts = [range(0, side, block) for side, block in zip(volume, blocks, strict=True)]
        assert all(k % chunk == 0 for axis, chunk in zip(starts, chunks, strict=True) for k in axis), volume


def test_blocks_of_a_part_lie_as_those_of_the_whole_volume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("microtome.predict.filling.block_shape", lambda *_: (1, 16, 16))
    store, part = store_in(tmp_path), Box((1, 3, 5), (2, 20, 23))
    fill_store(Filling(model(), CountedVolume, store, 1, 0), part, progress=silent)
    assert set(store.done()) == {
        Box((1, 3, 5), (2, 16, 16)),
        Box((1, 3, 16), (2, 16, 23)),
        Box((1, 16, 5), (2, 20, 16)),
        Box((1, 16, 16), (2, 20, 23)),
    }


def test_weights_are_not_touched_by_predicting(tmp_path: Path) -> None:
    one = model()
    before = {name: value.clone() for name, value in one.members[0].items()}
    fill_store(Filling(one, CountedVolume, store_in(tmp_path), 1, 0), WHOLE, progress=silent)
    assert all(torch.equal(one.members[0][name], value) for name, value in before.items())
