"""Objects proposed from predictions, against scipy on the whole volume; killed, gone on with, and refused."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile

from microtome.box import Box
from microtome.objects.align import Scene, aligned_patches
from microtome.objects.proposals import Proposals, open_proposals, propose
from microtome.objects.settings import RECALL_FIRST, ProposalSettings
from microtome.objects.sources import Polarity, TwoSides
from microtome.volume import ArrayVolume, open_volume
from proposing import (
    NM,
    blobs,
    byte,
    components,
    expected_ids,
    expected_synapses,
    ids_of,
    one_class,
    renumbered,
    sides_of,
    smooth,
)

SETTINGS = ProposalSettings(smallest=20, block=(4, 16, 24))
TWO = ((2, 10, 10), (5, 10, 30))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("seed", range(12))
def test_the_objects_are_those_of_scipy_whatever_the_blocks(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    probability = smooth(rng, tuple(rng.integers(4, 17, 3).tolist()))
    settings = ProposalSettings(
        threshold=float(rng.uniform(0.3, 0.7)),
        smallest=int(rng.integers(1, 9)),
        connectivity=6 if seed % 2 else 26,
        per_section=seed % 3 == 0,
        block=tuple(rng.integers(3, 10, 3).tolist()),
    )
    found = propose(one_class(probability), settings, tmp_path / "001")
    ids, table = ids_of(found), found.table()
    assert np.array_equal(ids, expected_ids(probability, settings))
    assert len(table) == found.result.objects == ids.max()
    for row in range(len(table)):
        own = ids == row + 1
        box = table.box(row)
        assert own[box.slices].sum() == own.sum() == table.voxels[row]
        assert table.probability[row] == pytest.approx(probability[own].mean() / 255)
        assert table.centre[row] == pytest.approx(np.argwhere(own).mean(axis=0))
        assert table.section[row] == own.sum(axis=(1, 2)).argmax()


@pytest.mark.parametrize("seed", range(3))
def test_synapses_from_three_channels_are_those_of_the_whole_volume(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    shape = (6, 14, 15)
    pre, post, union = (smooth(rng, shape) for _ in range(3))
    settings = ProposalSettings(
        threshold=0.45, smallest=6, dilation=(1, 3, 5), connectivity=6 if seed % 2 else 26, block=(3, 6, 7)
    )
    is_pre, is_post, joint = (channel >= byte(0.45) for channel in (pre, post, union))
    both, later = is_pre & is_post, post >= pre
    ids, sides = expected_synapses(is_pre & ~(both & later), is_post & ~(both & ~later), joint, settings)
    volumes = (ArrayVolume(channel, NM) for channel in (pre, post, union))
    found = propose(Polarity(*volumes), settings, tmp_path / "001")
    assert np.array_equal(ids_of(found), ids)
    assert np.array_equal(sides_of(found), sides)
    assert found.table().probability[0] == pytest.approx(union[ids == 1].mean() / 255)


@pytest.mark.parametrize("seed", range(2))
def test_synapses_from_two_classes_are_those_of_the_whole_volume(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    either, share = smooth(rng, (6, 14, 15)).astype(float), smooth(rng, (6, 14, 15)) / 255
    pre = np.floor(either * share).astype(np.uint8)
    post = np.floor(either * (1 - share)).astype(np.uint8)
    settings = ProposalSettings(threshold=0.45, smallest=6, dilation=(3, 3, 3), block=(3, 6, 7))
    joint, later = pre.astype(int) + post >= byte(0.45), post >= pre
    ids, sides = expected_synapses(joint & ~later, joint & later, joint, settings)
    found = propose(TwoSides(ArrayVolume(pre, NM), ArrayVolume(post, NM)), settings, tmp_path / "001")
    assert np.array_equal(ids_of(found), ids)
    assert np.array_equal(sides_of(found), sides)


def test_two_sides_of_a_cleft_are_one_synapse_and_two_clefts_are_two(tmp_path: Path) -> None:
    pre, post = np.zeros((2, 1, 30, 60), np.uint8)
    for x in (10, 40):
        pre[0, 5:25, x : x + 8], post[0, 5:25, x + 11 : x + 18] = 250, 250  # three voxels between them
    union = np.maximum(pre, post)
    volumes = [ArrayVolume(channel, NM) for channel in (pre, post, union)]
    found = propose(Polarity(*volumes), ProposalSettings(), tmp_path / "joined")
    assert found.table().start.tolist() == [[0, 5, 10], [0, 5, 40]]
    assert found.table().stop.tolist() == [[1, 25, 28], [1, 25, 58]]
    apart = propose(Polarity(*volumes), ProposalSettings(dilation=(1, 3, 3)), tmp_path / "apart")
    assert len(apart.table()) == 4


def test_bytes_reals_and_masks_give_the_same_objects(tmp_path: Path) -> None:
    probability = blobs(*TWO)
    kinds = {"bytes": probability, "reals": (probability / 255).astype(np.float32), "mask": probability > 127}
    found = {name: propose(one_class(kind), SETTINGS, tmp_path / name) for name, kind in kinds.items()}
    for one in found.values():
        assert np.array_equal(ids_of(one), ids_of(found["bytes"]))
    means = [found[name].table().probability for name in kinds]
    assert means[0] == pytest.approx([200 / 255] * 2)
    assert means[1] == pytest.approx(means[0])
    assert means[2].tolist() == [1, 1]


def test_recall_first_finds_what_is_faint_and_small(tmp_path: Path) -> None:
    probability = blobs(*TWO)
    probability[6, 30:36, 5:11] = 70
    assert len(propose(one_class(probability), ProposalSettings(), tmp_path / "a").table()) == 2
    assert len(propose(one_class(probability), RECALL_FIRST, tmp_path / "b").table()) == 3


def test_a_folder_holds_what_was_said_of_it_and_nothing_else(tmp_path: Path) -> None:
    found = propose(one_class(blobs(*TWO), "by hand"), SETTINGS, tmp_path / "001")
    assert names(tmp_path / "001") == {"ids.ome.zarr", "objects.csv", "proposals.json"}
    assert ids_of(found).dtype == np.uint32
    assert found.ids().voxel_size_nm == NM
    again = open_proposals(tmp_path / "001")
    assert (again.plan, again.result) == (found.plan, found.result)
    assert (again.plan.origin, again.plan.settings, again.result.objects) == ("by hand", SETTINGS, 2)
    assert found.sides() is None


@pytest.mark.parametrize(
    ("probability", "settings", "message"),
    [
        (np.zeros((4, 9, 9), np.uint8), SETTINGS, r"highest probability is 0, below the threshold 0\.5"),
        (np.full((4, 9, 9), 100, np.uint8), SETTINGS, r"highest probability is 0\.392, below"),
        (np.zeros((4, 9, 9), bool), SETTINGS, r"highest probability is 0, below"),
        (blobs(*TWO), replace(SETTINGS, smallest=999), r"nothing above the threshold 0\.5 has 999 voxels"),
        ((blobs(*TWO) > 99).astype(np.uint8), SETTINGS, "bytes up to 1: give a mask as booleans"),
        (blobs(*TWO).astype(np.float32), SETTINGS, r"probabilities in \[0, 1\]; got values from 20"),
        (np.full((4, 9, 9), np.nan, np.float32), SETTINGS, "got values from nan"),
    ],
)
def test_without_objects_nothing_is_left_and_the_reason_is_told(
    probability: np.ndarray, settings: ProposalSettings, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        propose(one_class(probability), settings, tmp_path / "001")
    assert not (tmp_path / "001").exists()


def test_one_object_may_fill_the_volume(tmp_path: Path) -> None:
    found = propose(one_class(np.full((5, 20, 30), 255, np.uint8)), SETTINGS, tmp_path / "001")
    assert found.table().box(0) == Box.of((5, 20, 30))
    assert (ids_of(found) == 1).all()


class Killed(Exception):
    """The process ended here."""


@pytest.mark.parametrize("steps", [1, 7, 13, 17, 24])
def test_a_killed_run_is_gone_on_with_and_ends_as_one_run_would(steps: int, tmp_path: Path) -> None:
    probability = smooth(np.random.default_rng(0), (8, 30, 50))
    whole = propose(one_class(probability), SETTINGS, tmp_path / "whole")
    left = steps

    def kill(task: str, done: int, total: int, note: str = "") -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Killed

    with pytest.raises(Killed):
        propose(one_class(probability), SETTINGS, tmp_path / "killed", progress=kill)
    with pytest.raises(ValueError, match="not finished: propose again to go on"):
        open_proposals(tmp_path / "killed")
    found = propose(one_class(probability), SETTINGS, tmp_path / "killed")
    assert np.array_equal(ids_of(found), ids_of(whole))
    assert found.result == whole.result
    assert names(tmp_path / "killed") == names(tmp_path / "whole")
    tables = [(tmp_path / name / "objects.csv").read_bytes() for name in ("whole", "killed")]
    assert tables[0] == tables[1]


def stopped(probability: np.ndarray, folder: Path, task: str) -> None:
    """Stop a run when the first block of a task is done."""

    def stop(name: str, done: int, total: int, note: str = "") -> None:
        if name == task:
            raise Killed

    with pytest.raises(Killed):
        propose(one_class(probability), SETTINGS, folder, progress=stop)


def test_what_is_damaged_or_changed_between_is_done_again(tmp_path: Path) -> None:
    probability, folder = blobs(*TWO), tmp_path / "001"
    stopped(probability, folder, "writing objects")
    piece = folder / "pieces" / "00000000.npz"
    piece.write_bytes(piece.read_bytes()[:-9])
    (folder / "pieces" / "00000001.npz").write_bytes(b"nothing")
    log = folder / "pieces" / "written.jsonl"
    log.write_text(log.read_text() + '{"start": [0, 0')
    volume = open_volume(folder / "ids.ome.zarr", writable=True)
    volume.write(Box((0, 0, 0), (1, 9, 9)), np.full((1, 9, 9), 77, np.uint32))
    changed = blobs(*TWO, (5, 30, 30))
    found = propose(one_class(changed), SETTINGS, folder)
    assert np.array_equal(ids_of(found), expected_ids(changed, SETTINGS))


def test_a_prediction_that_changes_under_way_is_noticed(tmp_path: Path) -> None:
    probability = blobs(*TWO)

    def change(task: str, done: int, total: int, note: str = "") -> None:
        if task == "searching objects" and done == total:
            probability[2, 9, 9] = 130

    with pytest.raises(ValueError, match=r"prediction changed in 0:4,0:16,0:24 while .* run it again"):
        propose(one_class(probability), SETTINGS, tmp_path / "001", progress=change)
    found = propose(one_class(probability), SETTINGS, tmp_path / "001")
    assert found.table().probability[0] < 200 / 255


def test_a_finished_set_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = propose(one_class(blobs(*TWO)), SETTINGS, tmp_path / "001")
    monkeypatch.setattr("microtome.objects.proposing.piece", None)  # a search would fail
    again = propose(one_class(blobs(*TWO)), SETTINGS, tmp_path / "001")
    assert again.result == found.result


def test_a_changed_prediction_or_label_volume_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "001"
    propose(one_class(blobs(*TWO)), SETTINGS, folder)
    with pytest.raises(ValueError, match=r"the prediction changed since the objects in .*001 were proposed"):
        propose(one_class(blobs(*TWO, (5, 30, 30))), SETTINGS, folder)
    open_volume(folder / "ids.ome.zarr", writable=True).write(
        Box((0, 0, 0), (1, 1, 1)), np.ones((1, 1, 1), np.uint32)
    )
    with pytest.raises(ValueError, match="label volume was changed since"):
        propose(one_class(blobs(*TWO)), SETTINGS, folder)


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="is not empty"):
        propose(one_class(blobs(*TWO)), SETTINGS, tmp_path)
    assert names(tmp_path) == {"notes.txt"}
    propose(one_class(blobs(*TWO)), SETTINGS, tmp_path / "001")
    with pytest.raises(ValueError, match="from another prediction or with other settings"):
        propose(one_class(blobs(*TWO)), replace(SETTINGS, threshold=0.6), tmp_path / "001")


def later(first: Proposals, probability: np.ndarray, folder: Path, next_key: int = 1) -> Proposals:
    return propose(one_class(probability), SETTINGS, folder, previous=[first], next_key=next_key)


def test_objects_keep_their_keys_over_rounds_and_none_is_given_twice(tmp_path: Path) -> None:
    first = propose(one_class(blobs(*TWO)), SETTINGS, tmp_path / "001")
    second = later(first, blobs((2, 30, 30), (5, 11, 30)), tmp_path / "002")
    assert second.table().keys.tolist() == [3, 2]  # a new one comes first; the other moved by a voxel
    assert (second.result.carried, second.result.next_key) == (1, 4)
    third = later(second, blobs(*TWO), tmp_path / "003")
    assert third.table().keys.tolist() == [4, 2]  # 1 was gone, and is not remembered


def test_keys_that_were_given_elsewhere_are_passed_over(tmp_path: Path) -> None:
    first = propose(one_class(blobs(*TWO)), SETTINGS, tmp_path / "001", next_key=10)
    assert first.table().keys.tolist() == [10, 11]
    second = later(first, blobs((2, 30, 30), (5, 10, 30)), tmp_path / "002", next_key=50)
    assert second.table().keys.tolist() == [50, 11]
    assert second.result.next_key == 51


def test_a_previous_set_of_another_volume_is_refused_before_any_work(tmp_path: Path) -> None:
    first = propose(one_class(blobs(*TWO)), SETTINGS, tmp_path / "001")
    with pytest.raises(ValueError, match=r"expected a prediction of shape \(8, 40, 40\)"):
        later(first, blobs(*TWO, shape=(8, 40, 41)), tmp_path / "002")
    assert not (tmp_path / "002").exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"version": 1', '"version": 2', "expected version 1; got 2"),
        ('"threshold": 0.5', '"threshold": 7', "threshold in"),
        ('"connectivity"', '"connections"', "all of them and no others"),
        ("{", "", "proposals.json describes no proposals: the file"),
    ],
)
def test_a_damaged_description_is_named(old: str, new: str, message: str, tmp_path: Path) -> None:
    propose(one_class(blobs(*TWO)), SETTINGS, tmp_path / "001")
    path = tmp_path / "001" / "proposals.json"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(ValueError, match=message) as error:
        open_proposals(tmp_path / "001")
    assert str(path) in str(error.value)


def test_a_missing_description_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"holds no proposals: no proposals\.json"):
        open_proposals(tmp_path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"threshold": 0.0}, "threshold in"),
        ({"threshold": float("nan")}, "threshold in"),
        ({"smallest": 0}, "smallest size"),
        ({"connectivity": 18}, "6 or 26; got 18"),
        ({"dilation": (1, 4, 5)}, "three odd sides"),
        ({"block": (0, 4, 5)}, "three positive sides"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ProposalSettings(**settings)


SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
DATA = Path(os.environ.get("MICROTOME_DATA", SHARED)) / "vnc_sstem"


def test_real_mitochondria_are_found_and_stand_upright(tmp_path: Path) -> None:
    if not DATA.is_dir():
        pytest.skip(f"{DATA} is not here; set MICROTOME_DATA to test with real data")
    mask, image = (
        tifffile.imread(DATA / f"{name}.tif", key=range(6))[:, :512, :512]
        for name in ("mitochondria", "image")
    )
    mask = mask > 0
    settings = ProposalSettings(block=(4, 200, 200))
    found = propose(one_class(mask), settings, tmp_path / "001")
    labels, sizes = components(mask, settings)
    assert np.array_equal(ids_of(found), renumbered(np.where(sizes >= 128, labels, 0)))
    table = found.table()
    assert len(table) == 10
    for _, patch in aligned_patches(Scene(ArrayVolume(image, NM), found.ids()), table, range(len(table))):
        covariance = np.cov(np.argwhere(patch.mask).T)
        whole = patch.mask[[0, -1]].sum() + patch.mask[:, [0, -1]].sum() == 0
        assert not whole or abs(covariance[0, 1]) < 0.05 * (covariance[0, 0] + covariance[1, 1])
        assert not whole or covariance[0, 0] >= 0.9 * covariance[1, 1]
