"""Features of proposed objects: what they are of, what is kept, and when they are refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from microtome.learn.triplet import TripletTraining
from microtome.learn.vae import FittedVAE, VAETraining, fit_vae, load_vae
from microtome.net.vae import VAEConfig
from microtome.objects import features
from microtome.objects.align import Scene, aligned, cut_out
from microtome.objects.features import FeatureMaker, FeatureSettings, Networks
from microtome.objects.proposals import Proposals, propose
from microtome.objects.settings import ProposalSettings
from microtome.objects.streams import origin_of, read_streams
from microtome.project.config import ImageConfig
from microtome.volume import ArrayVolume
from proposing import NM, blobs, one_class

NET = VAEConfig(latent=3, widths=(16, 32), side=16)
SETTINGS = FeatureSettings(
    masks=NET,
    images=replace(NET, latent=5),
    training=VAETraining(steps=4, batch=4),
    side=32,
    most=7,
    around=None,
)
IMAGE = ImageConfig(uri="image.npy", voxel_size_nm=NM, shape=(8, 40, 80), fingerprint=f"sha256:{'0' * 64}")
PLACES = [(2, 10, 10), (2, 10, 40), (5, 30, 20), (5, 25, 60), (2, 30, 70)]


@pytest.fixture
def found(tmp_path: Path) -> Proposals:
    source = one_class(blobs(*PLACES, shape=IMAGE.shape))
    return propose(source, ProposalSettings(smallest=8), tmp_path / "001")


def maker(found: Proposals, settings: FeatureSettings = SETTINGS) -> FeatureMaker:
    image = np.random.default_rng(0).integers(0, 256, IMAGE.shape, dtype=np.uint8)
    return FeatureMaker(found, ArrayVolume(image, NM), origin_of(found, IMAGE), settings)


def test_each_row_is_what_the_kept_networks_make_of_the_aligned_patch(found: Proposals) -> None:
    made = maker(found)
    streams = made.made()
    assert streams.masks.shape == (5, 3)
    assert streams.images.shape == (5, 5)
    networks = made.networks()
    scene = Scene(made.image, found.ids(), side=32)
    for row in range(5):
        patch = aligned(scene, found.table(), row)
        assert np.allclose(streams.masks[row], networks.masks.encode(patch.mask[None])[0], atol=1e-5)
        assert np.allclose(streams.images[row], networks.images.encode(patch.image[None])[0], atol=1e-5)


def test_batches_smaller_than_the_set_change_nothing(
    found: Proposals, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = np.array(maker(found).made().images)
    monkeypatch.setattr(features, "BATCH", 2)
    again = maker(found)
    assert np.allclose(whole, again.made(again.networks(), anew=True).images, atol=1e-5)


def test_objects_that_are_cut_out_are_what_the_images_are_fitted_to_and_encoded_from(
    found: Proposals, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted = []

    def seen(pictures: np.ndarray, *words: object, **more: object) -> FittedVAE:
        fitted.append(pictures)
        return fit_vae(pictures, *words, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(features, "fit_vae", seen)
    made = maker(found, replace(SETTINGS, around=2))
    streams = made.made()
    scene = Scene(made.image, found.ids(), side=32)
    patches = [aligned(scene, found.table(), row) for row in range(5)]
    pictures = np.stack([cut_out(patch, 2) for patch in patches])
    assert np.array_equal(fitted[1], pictures)
    assert np.allclose(streams.images, made.networks().images.encode(pictures), atol=1e-5)
    assert not np.allclose(streams.images, maker(found).made(anew=True).images, atol=1e-2)


def test_features_made_before_objects_could_be_cut_out_are_still_known() -> None:
    assert "around" not in SETTINGS.kept()
    assert replace(SETTINGS, around=0).kept()["around"] == 0


def test_less_than_the_object_is_refused() -> None:
    with pytest.raises(ValueError, match="expected at least 0 pixels around an object; got -1"):
        FeatureSettings(around=-1)


def test_finished_features_are_only_read(found: Proposals) -> None:
    maker(found).made()
    before = (found.folder / "features" / "masks.npy").stat().st_mtime_ns
    assert np.array_equal(maker(found).made().masks, read_streams(found, maker(found).origin).masks)
    assert (found.folder / "features" / "masks.npy").stat().st_mtime_ns == before


def test_an_interrupted_run_fits_no_network_twice(found: Proposals, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = np.array(maker(found).made().images)
    features.discard(found)

    def fails(*words: object) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(FeatureMaker, "_encode", fails)
        with pytest.raises(OSError, match="disk is full"):
            maker(found).made()
    with pytest.raises(ValueError, match="not finished: run `microtome objects features` to go on"):
        read_streams(found, maker(found).origin)
    monkeypatch.setattr(features, "fit_vae", fails)
    assert np.array_equal(maker(found).made().images, expected)


def test_encoding_that_failed_leaves_no_half_written_file(
    found: Proposals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "BATCH", 2)
    batches = []

    def progress(task: str, done: int, total: int, note: str = "") -> None:
        batches.append(task)
        if batches.count("encoding objects") == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace(maker(found), progress=progress).made()
    there = {path.name for path in (found.folder / "features").iterdir()}
    assert there == {"features.json", "mask-vae", "image-vae"}


def test_features_of_a_changed_table_are_refused_and_then_replaced(found: Proposals) -> None:
    maker(found).made()
    table = found.folder / "objects.csv"
    table.write_text(table.read_text().replace("1,1,", "1,11,", 1))
    with pytest.raises(ValueError, match="changed since the features were made"):
        read_streams(found, maker(found).origin)
    assert len(maker(found).made().masks) == 5


def test_a_changed_label_volume_is_refused(found: Proposals) -> None:
    from microtome.box import Box
    from microtome.volume import open_volume

    volume = open_volume(found.folder / "ids.ome.zarr", writable=True)
    volume.write(Box((0, 0, 0), (1, 2, 2)), np.ones((1, 2, 2), np.uint32))
    with pytest.raises(ValueError, match="label volume was changed"):
        maker(found).made()


def test_other_settings_replace_features_only_when_told(found: Proposals) -> None:
    maker(found).made()
    other = maker(found, replace(SETTINGS, masks=replace(NET, latent=2)))
    with pytest.raises(ValueError, match="features of other settings or networks"):
        other.made()
    assert other.made(anew=True).masks.shape == (5, 2)


def test_without_features_the_command_to_make_them_is_named(found: Proposals) -> None:
    with pytest.raises(ValueError, match="proposals 001 have no features: run `microtome objects features`"):
        read_streams(found, "")


@pytest.mark.parametrize("damage", ["gone", "empty", "text", "cut", "fewer"])
def test_a_damaged_file_is_refused_with_what_mends_it(damage: str, found: Proposals) -> None:
    masks = np.array(maker(found).made().masks)
    path = found.folder / "features" / "masks.npy"
    match damage:
        case "gone":
            path.unlink()
        case "fewer":
            np.save(path, masks[1:])
        case _:
            path.write_bytes({"empty": b"", "text": b"no array", "cut": path.read_bytes()[:-4]}[damage])
    for refused in (lambda: read_streams(found, maker(found).origin), maker(found).made):
        with pytest.raises(
            ValueError, match=r"masks\.npy.*`microtome objects features --anew` makes"
        ) as error:
            refused()
        assert "pickle" not in str(error.value)
    assert np.array_equal(maker(found).made(anew=True).masks, masks)


def test_only_the_tuned_stream_changes(found: Proposals) -> None:
    made = maker(found)
    before = made.made()
    images, masks = np.array(before.images), np.array(before.masks)
    answers = np.array([True, False, True, False])
    tuned = made.tuned(made.networks(), np.array([0, 1, 3, 4]), answers, training=TripletTraining(epochs=1))
    assert tuned.origin == "fitted to 001; images tuned by 4 answers of 001"
    after = made.made(tuned, anew=True)
    assert np.allclose(after.masks, masks, atol=1e-6)
    assert not np.allclose(after.images, images, atol=1e-6)
    assert load_vae(found.folder / "features" / "image-vae").losses == tuned.images.losses


def test_networks_of_another_set_are_taken_as_they_are(found: Proposals, tmp_path: Path) -> None:
    made = maker(found)
    made.made()
    moved = propose(
        one_class(blobs(*PLACES[1:], shape=IMAGE.shape)), ProposalSettings(smallest=8), tmp_path / "002"
    )
    streams = maker(moved).made(Networks(made.networks().masks, made.networks().images, "of 001"))
    assert np.allclose(streams.masks[0], made.made().masks[1], atol=1e-5)


def test_one_object_and_an_image_smaller_than_a_patch_have_features(tmp_path: Path) -> None:
    shape = (8, 20, 24)
    found = propose(
        one_class(blobs((2, 10, 10), shape=shape)), ProposalSettings(smallest=8), tmp_path / "001"
    )
    image = ArrayVolume(np.full(shape, 90, np.uint8), NM)
    streams = FeatureMaker(found, image, "", SETTINGS).made()
    assert np.isfinite(streams.images).all()


@pytest.mark.parametrize(
    "wrong", [{"side": 40}, {"step": 0}, {"most": 0}, {"step": 65}, {"step": 9, "side": 1024}]
)
def test_settings_that_no_patch_has_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(
        ValueError, match=r"expected a side|must be at least 1|at most 64 and a patch of at most 8192 voxels"
    ):
        replace(SETTINGS, **wrong)
