"""Predicting a volume block by block: where nothing is, with a mask, and on the workers of a cluster."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from microtome.box import Box
from microtome.predict.filling import Filling, fill, inside
from microtome.predict.store import PredictionStore
from microtome.progress import silent
from microtome.schedule import on_dask
from microtome.volume import ArrayVolume, Volume, create_volume, open_volume
from test_predict_store import NM, SHAPE, WHOLE, CountedVolume, model, store_in, stored


def filled(folder: Path, volume: CountedVolume, mask: np.ndarray | None = None) -> list[np.ndarray]:
    opened = None if mask is None else (lambda: ArrayVolume(mask, NM))
    store = store_in(folder)
    fill(Filling(model(), lambda: volume, store, 1, 0, opened), WHOLE, progress=silent)
    return stored(store)


def test_nothing_is_predicted_outside_of_the_mask(tmp_path: Path) -> None:
    mask = np.zeros(SHAPE, np.uint8)
    mask[1, 4:12, 6:20] = 1
    volume = CountedVolume()
    found, everywhere = filled(tmp_path / "in", volume, mask), filled(tmp_path / "all", CountedVolume())
    assert [box.start[0] for box in volume.read_boxes] == [1]
    for one, whole in zip(found, everywhere, strict=True):
        np.testing.assert_array_equal(one, np.where(mask, whole, 0))


def test_a_mask_may_be_coarser(tmp_path: Path) -> None:
    coarse = np.zeros((3, 5, 6), np.uint8)
    coarse[0, 1:3, 2:5] = 7
    found = filled(tmp_path, CountedVolume(), coarse)[0]
    assert found[0, 4:12, 8:20].any()
    found[0, 4:12, 8:20] = 0
    assert not found.any()


def test_sides_that_a_coarser_mask_does_not_divide_are_covered() -> None:
    mask = ArrayVolume(np.arange(1, 13, dtype=np.uint8).reshape(1, 3, 4) % 5, NM)
    whole = np.kron(mask.array[0], np.ones((4, 4)))[:11, :14] != 0
    np.testing.assert_array_equal(inside(mask, (1, 11, 14), Box.of((1, 11, 14)))[0], whole)
    np.testing.assert_array_equal(
        inside(mask, (1, 11, 14), Box((0, 3, 5), (1, 10, 14)))[0], whole[3:10, 5:14]
    )


def test_a_mask_of_another_shape_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected a mask of shape \(3, 20, 24\), or so many times coarser"):
        filled(tmp_path, CountedVolume(), np.ones((3, 6, 24), np.uint8))


def test_where_the_image_is_empty_nothing_is_predicted(tmp_path: Path) -> None:
    volume = CountedVolume()
    volume.array[1] = 0
    found = filled(tmp_path, volume)
    assert all(not one[1].any() and one[0].any() for one in found)


def test_what_was_predicted_before_is_cleared_where_nothing_is(tmp_path: Path) -> None:
    filled(tmp_path, CountedVolume())
    (tmp_path / "done.jsonl").unlink()
    assert not filled(tmp_path, CountedVolume(), np.zeros(SHAPE, np.uint8))[0].any()


def test_parts_that_overlap_are_both_there_and_said_to_be(tmp_path: Path) -> None:
    parts = (Box((0, 0, 0), (1, 14, 16)), Box((0, 6, 8), (1, 20, 24)))
    store, image = store_in(tmp_path / "parts"), CountedVolume()
    for part in parts:
        fill(Filling(model(), lambda: image, store, 1, 0), part, progress=silent)
    assert list(store.done()) == [Box((0, 0, 0), (1, 20, 24))]
    for part in parts:
        assert not fill(Filling(model(), lambda: image, store, 1, 0), part, progress=silent)
    whole = filled(tmp_path / "whole", CountedVolume())
    for one, other in zip(stored(store), whole, strict=True):
        np.testing.assert_array_equal(one[0], other[0])


def test_killed_where_parts_overlap_no_voxels_are_left_that_no_log_tells_of(tmp_path: Path) -> None:
    store, image = store_in(tmp_path), CountedVolume()
    first, second = Box((0, 0, 0), (1, 14, 16)), Box((0, 6, 8), (1, 20, 24))
    fill(Filling(model(), lambda: image, store, 1, 0), first, progress=silent)

    def gone() -> Volume:
        if not store.done():  # as the new block is read
            raise OSError("killed")
        return image

    with pytest.raises(OSError, match="killed"):
        fill(Filling(model(), gone, store, 1, 0), second, progress=silent)
    assert not store.done()
    assert not any(one.any() for one in stored(store))


def test_what_lay_otherwise_and_is_partly_written_over_is_cleared(tmp_path: Path) -> None:
    store, image = store_in(tmp_path), CountedVolume()
    filled(tmp_path, image)
    low, high = Box.of((1, *SHAPE[1:])), Box((0, 0, 0), (2, *SHAPE[1:]))
    store.forget(list(store.done()))
    store.log(high, store.digest(high))  # a block of two sections, as those of a deep net
    fill(Filling(model(), lambda: image, store, 1, 0), low, progress=silent)
    assert list(store.done()) == [low]
    found = stored(store)
    assert found[0][0].any()
    assert not any(one[1].any() for one in found)


@pytest.mark.parametrize(("together", "order"), [(1, [0, 0, 1, 1, 2, 2]), (2, [0, 1, 0, 1, 2, 2])])
def test_sections_that_are_stored_together_are_predicted_one_behind_the_other(
    together: int, order: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, voxels in (("FLAT_VOXELS", 240), ("LONGEST", 24), ("CHUNK", 4)):
        monkeypatch.setattr(f"microtome.predict.blocks.{name}", voxels)
    volume = CountedVolume()
    volume.sections_together = together  # type: ignore[attr-defined]
    filled(tmp_path, volume)
    assert [box.start[0] for box in volume.read_boxes] == order


def opened(path: Path) -> Volume:
    return open_volume(path)


@pytest.mark.filterwarnings("default")
@pytest.mark.slow
def test_the_workers_of_a_cluster_store_what_one_process_does(tmp_path: Path) -> None:
    from distributed import LocalCluster

    image = np.random.default_rng(0).integers(0, 256, SHAPE).astype(np.uint8)
    create_volume(tmp_path / "image.ome.zarr", SHAPE, image.dtype, NM).write(WHOLE, image)
    read = partial(opened, tmp_path / "image.ome.zarr")
    stores: dict[str, PredictionStore] = {name: store_in(tmp_path / name) for name in ("alone", "cluster")}
    fill(Filling(model(), read, stores["alone"], 1, 0), WHOLE, progress=silent)
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        on_dask(cluster.scheduler_address) as schedule,
    ):
        fill(Filling(model(), read, stores["cluster"], 1, 0), WHOLE, progress=silent, schedule=schedule)
    np.testing.assert_array_equal(stored(stores["cluster"]), stored(stores["alone"]))
    assert stores["cluster"].done() == stores["alone"].done()
