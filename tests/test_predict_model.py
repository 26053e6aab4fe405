import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import rel_entr

from microtome.box import Int3
from microtome.learn.augment import symmetry, undo_symmetry
from microtome.learn.config import AugmentConfig, Recipe, TrainConfig
from microtome.learn.examples import Example
from microtome.learn.train import Weights, new_net
from microtome.net.config import NetConfig
from microtome.predict.model import (
    CUBE,
    SECTION,
    Model,
    SegmentationModel,
    load_model,
    prediction_window,
    save_model,
)
from microtome.predict.network import class_probabilities
from microtome.predict.posterior import Posterior
from microtome.predict.sampling import Sampling
from microtome.progress import silent
from microtome.query.uncertainty import mutual_information

FLAT = NetConfig(widths=(4, 8), dropout=0.5)
DEEP = NetConfig(widths=(4, 8), kernels=((1, 3, 3), (3, 3, 3)), pools=((2, 2, 2),), dropout=0.5)
TRAIN = TrainConfig(steps=3, batch=2, window=(1, 16, 16), seconds=0)
RECIPE = Recipe(net=FLAT, train=TRAIN, augment=AugmentConfig(elastic=0))
STATISTICS = (120.0, 40.0)


def image(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


EXAMPLES = [Example(image(1, 24, 24), image(1, 24, 24) // 128)]


def weights(net: NetConfig, seed: int, classes: int = 3) -> Weights:
    """Weights with batch norms that have seen something."""
    unet = new_net(net, classes, seed=seed).train()
    unet(torch.randn(4, 1, 2, 8, 8, generator=torch.Generator().manual_seed(seed)))
    return {name: value.clone() for name, value in unet.state_dict().items()}


def model(
    net: NetConfig = FLAT, sampling: Sampling = "single", members: int = 1, classes: int = 3
) -> SegmentationModel:
    every = tuple(weights(net, seed, classes) for seed in range(members))
    recipe = dataclasses.replace(RECIPE, net=net)
    return SegmentationModel(recipe, classes, sampling, members=every, statistics=STATISTICS)


def proba_of(one: SegmentationModel, piece: np.ndarray, member: int = 0) -> np.ndarray:
    """Softmax of the net's logits on an image whose sides fit the net; nothing folded, nothing in windows."""
    net = new_net(one.recipe.net, one.classes, seed=9).eval()
    net.load_state_dict(one.members[member])
    x = (torch.from_numpy(piece.copy()).float() - STATISTICS[0]) / STATISTICS[1]
    with torch.inference_mode():
        return net(x[None, None]).softmax(dim=1)[0].numpy()


def same_posterior(a: Posterior, b: Posterior) -> bool:
    return all(np.array_equal(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a))


def test_a_segmentation_model_is_a_model() -> None:
    assert isinstance(model(), Model)


@pytest.mark.parametrize("net", [FLAT, DEEP])
@pytest.mark.parametrize("classes", [2, 3])
def test_a_single_sample_is_the_softmax_of_the_net(net: NetConfig, classes: int) -> None:
    one, piece = model(net, classes=classes), image(4, 16, 12)
    found = one.posterior(piece, 1, 0)
    np.testing.assert_allclose(found.mean, proba_of(one, piece), atol=1e-5)
    np.testing.assert_array_equal(found.deviation, np.zeros_like(found.mean))


@pytest.mark.parametrize("net", [FLAT, DEEP])
def test_an_image_of_odd_sides_is_predicted_mirrored_behind_its_end(net: NetConfig) -> None:
    one, piece = model(net), image(3, 9, 11)
    whole = np.pad(piece, [(0, 1), (0, 1), (0, 1)], mode="symmetric")
    expected = proba_of(one, whole)[:, :3, :9, :11]
    np.testing.assert_allclose(one.posterior(piece, 1, 0).mean, expected, atol=1e-5)


def test_the_image_that_is_predicted_stays_as_it_was() -> None:
    piece = image(1, 9, 11)
    model().posterior(piece, 1, 0)
    np.testing.assert_array_equal(piece, image(1, 9, 11))


def test_flips_are_the_mean_over_the_symmetries_done_by_hand() -> None:
    one, piece = model(sampling="flips"), image(2, 8, 12)
    every = []
    for turn in range(8):
        turned = symmetry(torch.from_numpy(piece), turn).numpy()
        every.append(undo_symmetry(torch.from_numpy(proba_of(one, turned)), turn).numpy())
    found = one.posterior(piece, 8, 0)
    np.testing.assert_allclose(found.mean, np.mean(every, axis=0), atol=1e-5)
    np.testing.assert_allclose(found.deviation, np.std(every, axis=0), atol=1e-5)


def test_flips_work_where_the_image_has_to_be_padded() -> None:
    found = model(DEEP, sampling="flips").posterior(image(3, 9, 14), 8, 0)
    assert found.mean.shape == (3, 3, 9, 14)
    np.testing.assert_allclose(found.mean.sum(axis=0), np.ones((3, 9, 14)), atol=1e-5)


@pytest.mark.parametrize("net", [FLAT, DEEP])
def test_dropout_samples_are_the_same_for_the_same_seed_only(net: NetConfig) -> None:
    one, piece = model(net, sampling="dropout"), image(2, 8, 8)
    first = one.posterior(piece, 4, 0)
    assert same_posterior(first, one.posterior(piece, 4, 0))
    assert not same_posterior(first, one.posterior(piece, 4, 1))
    assert first.deviation.max() > 0


@pytest.mark.parametrize("net", [FLAT, DEEP])
def test_dropout_samples_do_not_depend_on_how_many_go_together(
    net: NetConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, piece = model(net, sampling="dropout"), image(2, 16, 16)
    together = one.posterior(piece, 5, 0)
    monkeypatch.setattr("microtome.predict.network.TOGETHER", 1)
    apart = one.posterior(piece, 5, 0)
    np.testing.assert_allclose(together.mean, apart.mean, atol=1e-6)
    np.testing.assert_allclose(together.deviation, apart.deviation, atol=1e-6)


def test_dropout_samples_leave_later_predictions_alone() -> None:
    one, piece = model(sampling="dropout"), image(1, 8, 8)
    plain = dataclasses.replace(one, sampling="single")
    one.posterior(piece, 4, 0)
    np.testing.assert_allclose(plain.posterior(piece, 1, 0).mean, proba_of(one, piece), atol=1e-5)


def test_an_ensemble_says_what_its_members_say_together() -> None:
    one, piece = model(sampling="ensemble", members=3), image(1, 8, 8)
    every = np.stack([proba_of(one, piece, member) for member in range(3)]).astype(np.float64)
    found = one.posterior(piece, 3, 0)
    np.testing.assert_allclose(found.mean, every.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(found.deviation, every.std(axis=0), atol=1e-5)


def test_the_maximum_of_an_ensemble_is_the_largest_that_a_member_says_of_each_object() -> None:
    one, piece = model(sampling="maximum", members=3, classes=2), image(1, 8, 8)
    every = np.stack([proba_of(one, piece, member) for member in range(3)])
    np.testing.assert_allclose(one.posterior(piece, 1, 0).mean[1], every[:, 1].max(axis=0), atol=1e-5)


def test_mutual_information_of_an_ensemble_is_the_mean_divergence_from_its_mean() -> None:
    one, piece = model(sampling="ensemble", members=3), image(1, 8, 8)
    every = np.stack([proba_of(one, piece, member) for member in range(3)]).astype(np.float64)
    divergence = rel_entr(every, every.mean(axis=0)).sum(axis=1).mean(axis=0)
    np.testing.assert_allclose(mutual_information(one.posterior(piece, 3, 0)), divergence, atol=1e-5)


@pytest.mark.parametrize("classes", [2, 3])
def test_class_probabilities_are_a_softmax(classes: int) -> None:
    logits = torch.randn(2, classes, 1, 3, 4, generator=torch.Generator().manual_seed(0)) * 5
    torch.testing.assert_close(class_probabilities(logits), logits.softmax(dim=1))


@pytest.mark.parametrize("net", [FLAT, DEEP])
def test_features_are_the_mean_of_each_channel_of_the_last_bottleneck(net: NetConfig) -> None:
    one, piece = model(net, members=2), image(2, 8, 12)
    unet = new_net(net, 3, seed=9).eval()
    unet.load_state_dict(one.members[-1])
    x = (torch.from_numpy(piece).float() - STATISTICS[0]) / STATISTICS[1]
    with torch.inference_mode():
        expected = unet.bottleneck(x[None, None])[0].mean(dim=(1, 2, 3)).numpy()
    assert expected.shape == (8,)
    np.testing.assert_allclose(one.features(piece[None])[0], expected, atol=1e-5)


@pytest.mark.parametrize(
    "ask", [lambda m: m.posterior(image(1, 4, 4), 1, 0), lambda m: m.features(image(1, 4, 4)[None])]
)
def test_an_untrained_model_says_nothing(ask) -> None:  # noqa: ANN001
    with pytest.raises(ValueError, match="not trained yet: fit it first"):
        ask(SegmentationModel(RECIPE, 2))


@pytest.mark.parametrize(
    ("net", "shape", "window"),
    [
        (FLAT, (5, 33, 12), (1, 34, 12)),
        (DEEP, (5, 33, 12), (6, 34, 12)),
        (FLAT, (5, 99_999, 33), (1, SECTION, 34)),
        (DEEP, (999, 33, 9_999), (CUBE[0], 34, CUBE[2])),
    ],
)
def test_a_window_is_as_large_as_the_image_up_to_a_limit(net: NetConfig, shape: Int3, window: Int3) -> None:
    assert prediction_window(net, shape) == window


def test_fitting_gives_a_new_model_with_all_members_and_snapshots() -> None:
    untrained = SegmentationModel(dataclasses.replace(RECIPE, members=2, snapshots=3), 2)
    fitted = untrained.fit(EXAMPLES, seed=0, progress=silent)
    assert (len(untrained.members), len(fitted.members)) == (0, 6)
    assert not torch.equal(fitted.members[2]["head.weight"], fitted.members[5]["head.weight"])
    grey = EXAMPLES[0].image.astype(float)
    assert fitted.statistics == pytest.approx((grey.mean(), grey.std()))


def test_fitting_again_starts_from_scratch_unless_the_recipe_fine_tunes() -> None:
    first = SegmentationModel(RECIPE, 2).fit(EXAMPLES, seed=0, progress=silent)
    second = first.fit(EXAMPLES, seed=0, progress=silent)
    torch.testing.assert_close(first.members, second.members, rtol=0, atol=0)


def test_all_members_but_the_last_learn_from_their_own_share_of_the_examples() -> None:
    examples = [Example(image(1, 24, 24, seed=k), image(1, 24, 24, seed=k) // 128) for k in range(5)]
    ensemble = dataclasses.replace(RECIPE, members=3)
    whole, shared = (
        SegmentationModel(dataclasses.replace(ensemble, subset=share), 2).fit(
            examples, seed=0, progress=silent
        )
        for share in (1.0, 0.6)
    )
    same = [
        all(torch.equal(a[name], b[name]) for name in a)
        for a, b in zip(whole.members, shared.members, strict=True)
    ]
    assert same == [False, False, True]
    assert shared.statistics == whole.statistics


def test_gradients_are_the_mean_over_the_image_alone() -> None:
    # a net that pools z by 2 sees three sections as four
    one, piece = model(DEEP), image(3, 8, 12)
    unet = new_net(DEEP, 3, seed=9).eval()
    unet.load_state_dict(one.members[0])
    padded = np.pad(piece, [(0, 1), (0, 0), (0, 0)], mode="symmetric")
    x = (torch.from_numpy(padded).float() - STATISTICS[0]) / STATISTICS[1]
    logits = unet(x[None, None])[:, :, :3]
    labels = logits.argmax(dim=1)
    torch.nn.functional.cross_entropy(logits, labels).backward()
    expected = unet.head.weight.grad.flatten().numpy()  # type: ignore[union-attr]
    np.testing.assert_allclose(one.gradients(piece[None])[0], expected, atol=1e-5)


def test_fine_tuning_starts_from_each_member() -> None:
    still = dataclasses.replace(TRAIN, steps=1, learning_rate=1e-12, weight_decay=0.0, ema=0.0)
    recipe = dataclasses.replace(RECIPE, fine_tune=still, members=2)
    first = SegmentationModel(recipe, 2).fit(EXAMPLES, seed=0, progress=silent)
    second = first.fit(EXAMPLES, seed=1, progress=silent)
    names = [name for name, _ in new_net(FLAT, 2, seed=0).named_parameters()]
    for before, after in zip(first.members, second.members, strict=True):
        for name in names:
            torch.testing.assert_close(after[name], before[name], rtol=0, atol=1e-9)


@pytest.mark.parametrize("net", [FLAT, DEEP, dataclasses.replace(FLAT, loss_head=True)])
def test_saving_and_loading_is_identity(net: NetConfig, tmp_path: Path) -> None:
    one = dataclasses.replace(model(net, "ensemble", members=2), losses=(0.5, 0.25))
    save_model(one, tmp_path / "m", round=3)
    again = load_model(tmp_path / "m", one.recipe)
    torch.testing.assert_close(again.members, one.members, rtol=0, atol=0)
    for name in ("recipe", "classes", "sampling", "statistics", "losses"):
        assert getattr(again, name) == getattr(one, name)
    assert same_posterior(again.posterior(image(2, 8, 8), 2, 0), one.posterior(image(2, 8, 8), 2, 0))


def test_a_model_is_never_overwritten(tmp_path: Path) -> None:
    save_model(model(), tmp_path / "m")
    before = (tmp_path / "m" / "weights.safetensors").read_bytes()
    with pytest.raises(FileExistsError, match="never overwritten"):
        save_model(model(members=2), tmp_path / "m")
    assert (tmp_path / "m" / "weights.safetensors").read_bytes() == before


def test_what_an_interrupted_save_left_behind_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "m.part").mkdir()
    (tmp_path / "m.part" / "weights.safetensors").write_bytes(b"half")
    save_model(model(), tmp_path / "m")
    load_model(tmp_path / "m", RECIPE)
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


@pytest.mark.parametrize("file", ["weights.safetensors", "model.json"])
@pytest.mark.parametrize("kept", [None, 0, 20], ids=["missing", "empty", "cut off"])
def test_a_half_written_folder_is_refused(file: str, kept: int | None, tmp_path: Path) -> None:
    save_model(model(), tmp_path / "m")
    path = tmp_path / "m" / file
    data = path.read_bytes()
    path.unlink()
    if kept is not None:
        path.write_bytes(data[:kept])
    with pytest.raises(ValueError, match="holds no whole model"):
        load_model(tmp_path / "m", RECIPE)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no whole model"):
        load_model(tmp_path / "nowhere", RECIPE)


def test_a_model_saved_before_a_setting_of_the_net_was_there_has_its_default(tmp_path: Path) -> None:
    save_model(model(), tmp_path / "m")
    path = tmp_path / "m" / "model.json"
    description = json.loads(path.read_text())
    del description["recipe"]["net"]["loss_head"]
    path.write_text(json.dumps(description))
    assert load_model(tmp_path / "m", RECIPE).recipe == RECIPE
    with pytest.raises(ValueError, match=r"another \[net\]"):
        load_model(tmp_path / "m", dataclasses.replace(RECIPE, net=dataclasses.replace(FLAT, loss_head=True)))


def test_a_model_of_another_net_is_refused(tmp_path: Path) -> None:
    save_model(model(), tmp_path / "m")
    with pytest.raises(ValueError, match=r"another \[net\]"):
        load_model(tmp_path / "m", dataclasses.replace(RECIPE, net=DEEP))


def test_a_model_of_another_training_is_loaded_to_be_trained_on(tmp_path: Path) -> None:
    save_model(model(), tmp_path / "m")
    recipe = dataclasses.replace(RECIPE, train=TrainConfig(steps=9))
    shutil.copytree(tmp_path / "m", tmp_path / "copy")
    assert load_model(tmp_path / "copy", recipe).recipe == recipe
