"""The phantom of proposals: what is planted is what is proposed, and errors lie where they are said to."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from microtome.benchmark.objects.kinds import KINDS, is_correct, planted
from microtome.benchmark.objects.phantom import WHOLE, ObjectPhantom, ObjectPhantomConfig, object_phantom
from microtome.benchmark.objects.scenes import CYTOPLASM, SCENES, scene
from microtome.benchmark.objects.shapes import SIDE, Form, Pose, bar, body, depth
from microtome.box import Box

SMALL = ObjectPhantomConfig(sections=2, across=6, correct=0.4, seed=3)
NAMES = [kind.name for kind in KINDS]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> ObjectPhantom:
    return object_phantom(SMALL, tmp_path_factory.mktemp("phantom") / "small")


def sizes(found: ObjectPhantom, name: str) -> np.ndarray:
    return found.proposals.table().voxels[found.kinds == NAMES.index(name)]


def test_a_share_is_correct_and_errors_show_in_thirds() -> None:
    kinds = planted(30_000, 0.7, np.random.default_rng(0))
    assert is_correct(kinds).sum() == 21_000
    shown = [sum((kinds == k).sum() for k, kind in enumerate(KINDS) if kind.visible == way)
             for way in ("mask", "image", "both")]  # fmt: skip
    assert np.ptp(shown) <= 1
    assert sum(shown) == 9_000


def test_each_way_to_show_has_its_kinds_in_equal_parts() -> None:
    counts = np.bincount(planted(30_000, 0.7, np.random.default_rng(0)), minlength=len(KINDS))
    of_images = [counts[k] for k, kind in enumerate(KINDS) if kind.visible == "image"]
    assert np.ptp(of_images) <= 1


@pytest.mark.parametrize("correct", [0.0, 1.0])
def test_all_or_none_may_be_correct(correct: float) -> None:
    assert is_correct(planted(50, correct, np.random.default_rng(0))).mean() == correct


def test_kinds_have_a_scene_each() -> None:
    assert list(SCENES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_mask_is_one_piece_that_touches_no_side(name: str) -> None:
    for seed in range(20):
        tissue = np.full((SIDE, SIDE), CYTOPLASM)
        image, mask = scene(name, tissue, np.random.default_rng(seed))
        assert ndimage.label(mask)[1] == 1
        assert mask.sum() == mask[1:-1, 1:-1].sum()
        assert image.shape == tissue.shape
        assert (tissue == CYTOPLASM).all()


@cache
def area(kind: str) -> np.ndarray:
    rngs = (np.random.default_rng(seed) for seed in range(120))
    return np.array([scene(kind, np.full((SIDE, SIDE), CYTOPLASM), rng)[1].sum() for rng in rngs])


@pytest.mark.parametrize("name", [kind.name for kind in KINDS if kind.visible == "image"])
def test_what_shows_in_the_image_alone_has_the_mask_of_a_mitochondrion(name: str) -> None:
    quantiles = [0.1, 0.5, 0.9]
    ratio = np.quantile(area(name), quantiles) / np.quantile(area("mitochondrion"), quantiles)
    assert np.abs(np.log(ratio)).max() < 0.3


def test_every_planted_proposal_is_proposed(small: ObjectPhantom) -> None:
    assert len(small.proposals.table()) == len(small.kinds) == SMALL.count
    assert small.correct.mean() == pytest.approx(SMALL.correct, abs=1 / SMALL.count)


def test_rows_know_their_kind(small: ObjectPhantom) -> None:
    assert sizes(small, "speckle").max() < 130 < sizes(small, "sprawl").min()


def test_the_same_configuration_gives_the_same_voxels(small: ObjectPhantom, tmp_path: Path) -> None:
    again = object_phantom(SMALL, tmp_path / "again")
    box = Box.of(SMALL.shape)
    np.testing.assert_array_equal(again.image.read(box), small.image.read(box))
    np.testing.assert_array_equal(again.kinds, small.kinds)
    assert again.proposals.result.labels_sha256 == small.proposals.result.labels_sha256


def test_another_seed_gives_another_image(small: ObjectPhantom, tmp_path: Path) -> None:
    other = object_phantom(ObjectPhantomConfig(sections=2, across=6, correct=0.4), tmp_path / "other")
    box = Box.of(SMALL.shape)
    assert (other.image.read(box) != small.image.read(box)).mean() > 0.5


def test_a_finished_phantom_is_only_opened(small: ObjectPhantom) -> None:
    note = small.proposals.folder.parent / WHOLE
    before = note.stat().st_mtime_ns
    np.testing.assert_array_equal(object_phantom(SMALL, note.parent).kinds, small.kinds)
    assert note.stat().st_mtime_ns == before


def test_an_interrupted_phantom_is_made_anew(tmp_path: Path) -> None:
    config = ObjectPhantomConfig(sections=1, across=2)
    folder = tmp_path / "phantom"
    object_phantom(config, folder)
    (folder / WHOLE).unlink()
    assert len(object_phantom(config, folder).kinds) == 4


def test_a_folder_of_another_phantom_is_refused(small: ObjectPhantom) -> None:
    with pytest.raises(ValueError, match="another phantom"):
        object_phantom(ObjectPhantomConfig(sections=2, across=6), small.proposals.folder.parent)


@pytest.mark.parametrize(
    "bad", [{"sections": 0}, {"across": 0}, {"correct": 1.1}, {"noise": -1.0}, {"flicker": -0.1}]
)
def test_impossible_phantoms_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        ObjectPhantomConfig(**bad)  # type: ignore[arg-type]


def test_depth_counts_pixels_to_the_border() -> None:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[10:21, 10:21] = True
    found = depth(mask)
    assert found[15, 15] == 5.5
    assert found[10, 15] == 0.5
    assert found[8, 15] == -1.5


def test_nothing_is_as_deep_outside_as_the_square_is_wide() -> None:
    assert (depth(np.zeros((SIDE, SIDE), bool)) == -SIDE).all()


def test_a_body_and_a_bar_have_their_length_along_the_angle() -> None:
    down = Pose(32, 32, 0.0)
    inside = body(Form(15, 5, rough=0), down, np.random.default_rng(0)) > 0
    assert np.ptp(np.nonzero(inside)[0]) == pytest.approx(30, abs=2)
    assert np.ptp(np.nonzero(inside)[1]) == pytest.approx(10, abs=2)
    rows, columns = np.nonzero(bar(12, 3, down) > 0)
    assert np.ptp(rows) == pytest.approx(30, abs=2)
    assert np.ptp(columns) == pytest.approx(6, abs=2)
