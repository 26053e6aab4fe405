"""The network, its training, and what its features say of pictures."""

import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from microtome.learn.pictures import as_tensor
from microtome.learn.vae import (
    REPORT_EVERY,
    FittedVAE,
    VAETraining,
    divergence,
    fit_vae,
    load_vae,
    net_of,
    save_vae,
    vae_loss,
)
from microtome.learn.weights import Weights
from microtome.net.vae import IMAGES, MASKS, SMALL_IMAGES, SMALL_MASKS, VAE, VAEConfig

SHARED = Path(__file__).parents[2] / "shared" / "data"
ROOT = Path(os.environ.get("MICROTOME_DATA", SHARED))
TINY = VAEConfig(latent=4, widths=(16, 16), side=16)
SHORT = VAETraining(steps=25, batch=8)
SHAPES = ("disc", "bar", "ring")


def mask(shape: str, rng: np.random.Generator, side: int = 32) -> np.ndarray:
    """A mask that is moved and scaled a little."""
    middle = (side - 1) / 2
    y, x = np.mgrid[:side, :side] - middle + rng.uniform(-1.5, 1.5, (2, 1, 1))
    size = rng.uniform(0.85, 1.15)
    if shape == "bar":
        return (np.abs(x) < 3 * size) & (np.abs(y) < 12 * size)
    radius = np.hypot(y, x) / size
    return radius < 8 if shape == "disc" else (radius > 7) & (radius < 11)


def masks(count: int, seed: int) -> np.ndarray:
    """Masks of the three shapes in turn."""
    rng = np.random.default_rng(seed)
    return np.stack([mask(SHAPES[k % 3], rng) for k in range(count)]).astype(np.int8)


def noise(count: int = 12, side: int = 16, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, side, side), dtype=np.uint8)


def same(a: Weights, b: Weights) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def tiny() -> FittedVAE:
    return fit_vae(noise(), TINY, SHORT, seed=0)


@pytest.fixture(scope="module")
def of_masks() -> FittedVAE:
    config = VAEConfig(latent=8, widths=(16, 16, 32), side=16)
    return fit_vae(masks(300, seed=0), config, VAETraining(steps=120, batch=32, learning_rate=3e-3), seed=0)


# The network


def test_the_default_network_is_that_of_lin_et_al() -> None:
    assert (MASKS.latent, IMAGES.latent, IMAGES.deepest) == (20, 1000, 2)
    net = VAE(IMAGES)
    shapes = {name: tuple(p.shape) for name, p in net.named_parameters()}
    widths = (1, 64, 128, 128, 256, 256, 512)
    for level in range(6):
        assert shapes[f"down.{level}.0.weight"] == (widths[level + 1], widths[level], 3, 3)
    assert shapes["mean.weight"] == shapes["log_variance.weight"] == (1000, 2048)
    assert shapes["rise.weight"] == (2048, 1000)
    back = (512, 256, 256, 128, 128, 64, 64)
    for level in range(6):
        assert shapes[f"up.{level}.0.weight"] == (back[level], back[level + 1], 3, 3)
    assert shapes["last.weight"] == (1, 64, 3, 3)


@pytest.mark.parametrize(
    "config", [TINY, VAEConfig(3, (32,), 8, channels=3), VAEConfig(32, (16, 16, 16, 16, 32), 32, channels=3)]
)
def test_pictures_come_back_in_their_shape_between_minus_one_and_one(config: VAEConfig) -> None:
    picture = 100 * torch.randn(2, config.channels, config.side, config.side)
    back, mean, log_variance = VAE(config)(picture, torch.zeros(2, config.latent))
    assert back.shape == picture.shape
    assert mean.shape == log_variance.shape == (2, config.latent)
    assert back.abs().max() <= 1


def test_what_is_decoded_is_the_mean_plus_noise_times_the_deviation() -> None:
    net, picture, drawn = VAE(TINY), torch.randn(2, 1, 16, 16), torch.randn(2, 4)
    back, mean, log_variance = net(picture, drawn)
    torch.testing.assert_close(back, net.decode(mean + log_variance.exp().sqrt() * drawn))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"latent": 0}, "latent, channels and side must be at least 1; got 0, 1 and 16"),
        ({"channels": 0}, "got 4, 0 and 16"),
        ({"latent": 5000}, "latent must be at most 4096; got 5000"),
        ({"side": 18}, "side must be a multiple of 4 for 2 widths; got 18"),
        ({"widths": ()}, r"multiples of 16; got \(\)"),
        ({"widths": (16, 24)}, r"multiples of 16; got \(16, 24\)"),
        ({"widths": (0,)}, r"multiples of 16; got \(0,\)"),
        ({"side": 4}, "a last width of 16 needs a larger side"),
    ],
)
def test_a_network_that_cannot_be_is_refused(changes: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(TINY, **changes)


# Its loss


def test_divergence_is_that_worked_out_by_hand() -> None:
    mean, log_variance = (
        torch.tensor([[0.0, 0.0], [3.0, 1.0]]),
        torch.tensor([[0.0, 0.0], [0.0, math.log(2)]]),
    )
    expected = [0, 0.5 * (9 + (1 + 2 - 1 - math.log(2)))]
    assert divergence(mean, log_variance).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("reconstruction", ["l1", "mse"])
def test_the_loss_is_the_error_of_a_pixel_and_the_weighted_divergence(reconstruction: str) -> None:
    net, batch = VAE(TINY), torch.rand(3, 1, 16, 16)
    training = VAETraining(reconstruction=reconstruction, divergence=0.25)  # type: ignore[arg-type]
    loss, mean = vae_loss(net, batch, training, torch.Generator().manual_seed(5))
    back, expected_mean, log_variance = net(
        batch, torch.randn(3, 4, generator=torch.Generator().manual_seed(5))
    )
    error = (back - batch).abs() if reconstruction == "l1" else (back - batch) ** 2
    away = divergence(expected_mean, log_variance)
    assert loss.item() == pytest.approx(error.mean().item() + 0.25 * away.sum().item() / 3)
    torch.testing.assert_close(mean, expected_mean)


# Training


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(tiny: FittedVAE) -> None:
    again = fit_vae(noise(), TINY, SHORT, seed=0)
    assert same(again.weights, tiny.weights)
    assert again.losses == tiny.losses
    np.testing.assert_array_equal(again.encode(noise()), tiny.encode(noise()))
    assert not same(fit_vae(noise(), TINY, SHORT, seed=1).weights, tiny.weights)


def test_training_leaves_pictures_and_random_state_alone() -> None:
    pictures, state = noise(), torch.random.get_rng_state()
    fit_vae(pictures, TINY, replace(SHORT, steps=2), seed=0)
    np.testing.assert_array_equal(pictures, noise())
    assert torch.equal(state, torch.random.get_rng_state())


def test_the_learning_rate_rises_in_a_line_and_falls_as_a_cosine() -> None:
    rates: list[float] = []
    hook = register_optimizer_step_pre_hook(lambda o, *_: rates.append(o.param_groups[0]["lr"]))
    try:
        fit_vae(noise(), TINY, VAETraining(steps=10, batch=2, learning_rate=0.5, warm_up=0.3), seed=0)
    finally:
        hook.remove()
    falling = [0.25 * (1 + math.cos(math.pi * k / 7)) for k in range(7)]
    assert rates == pytest.approx([0.125, 0.25, 0.375, *falling])


def test_training_reports_its_steps_and_losses() -> None:
    calls = []
    fitted = fit_vae(noise(), TINY, SHORT, seed=0, progress=lambda *call: calls.append(call))
    assert REPORT_EVERY == 10
    assert [call[1:3] for call in calls] == [(10, 25), (20, 25), (25, 25)]
    assert [call[3] for call in calls] == [f"loss {loss:.4f}" for loss in fitted.losses]


def test_training_that_diverges_says_so() -> None:
    with pytest.raises(ValueError, match=r"training diverged: the loss is nan after \d+ steps"):
        fit_vae(noise(), TINY, replace(SHORT, learning_rate=1e30), seed=0)


def test_pictures_that_do_not_fit_are_refused_before_training() -> None:
    with pytest.raises(ValueError, match=r"a side that|side is a multiple of 16; got shape \(12, 24, 24\)"):
        fit_vae(noise(side=24), TINY, SHORT, seed=0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"steps": 0}, "steps and batch must be at least 1; got 0"),
        ({"batch": 0}, "steps and batch"),
        ({"learning_rate": 0.0}, "learning_rate must be positive; got 0"),
        ({"learning_rate": math.nan}, "learning_rate"),
        ({"divergence": -1.0}, "divergence must be at least 0; got -1"),
        ({"warm_up": 1.0}, r"warm_up must be in \[0, 1\); got 1"),
    ],
)
def test_training_that_cannot_be_is_refused(changes: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(SHORT, **changes)


# Features


def test_features_are_the_means_alone(tiny: FittedVAE) -> None:
    net = net_of(tiny).eval()
    with torch.no_grad():
        mean, _ = net.encode(as_tensor(noise(), TINY, "cpu"))
    np.testing.assert_array_equal(tiny.encode(noise()), mean.numpy())


def test_features_do_not_depend_on_the_batch(tiny: FittedVAE) -> None:
    counts: list[tuple[int, int]] = []
    whole = tiny.encode(noise())
    parts = tiny.encode(
        noise(), batch=5, progress=lambda _, done, total, note="": counts.append((done, total))
    )
    np.testing.assert_allclose(parts, whole, atol=1e-5)
    assert counts == [(5, 12), (10, 12), (12, 12)]


def test_pictures_are_encoded_while_they_are_made(tiny: FittedVAE) -> None:
    pictures, made = noise(), []

    def batches():  # noqa: ANN202
        for k in range(0, 12, 4):
            made.append(k)
            yield pictures[k : k + 4]

    stream = tiny.encoded(batches())
    np.testing.assert_array_equal(next(stream), tiny.encode(pictures[:4]))
    assert made == [0]
    np.testing.assert_array_equal(np.concatenate(list(stream)), tiny.encode(pictures[4:], batch=4))


def test_pictures_in_a_file_give_the_same_weights_and_features(tiny: FittedVAE, tmp_path: Path) -> None:
    np.save(tmp_path / "pictures.npy", noise())
    mapped = np.load(tmp_path / "pictures.npy", mmap_mode="r")
    fitted = fit_vae(mapped, TINY, SHORT, seed=0)
    assert same(fitted.weights, tiny.weights)
    np.testing.assert_array_equal(fitted.encode(mapped), tiny.encode(noise()))


@pytest.mark.parametrize("config", [SMALL_MASKS, SMALL_IMAGES])
def test_small_networks_take_the_patches_of_the_large_ones(config: VAEConfig) -> None:
    pictures = noise(4, MASKS.side)
    fitted = fit_vae(pictures, config, VAETraining(steps=1, batch=2), seed=0)
    assert fitted.encode(pictures).shape == (4, config.latent)


def test_no_pictures_have_no_features(tiny: FittedVAE) -> None:
    assert tiny.encode(noise(0)).shape == (0, 4)


def test_pictures_of_another_size_are_refused(tiny: FittedVAE) -> None:
    with pytest.raises(ValueError, match="multiple of 16; got shape"):
        tiny.encode(noise(side=8))


def test_masks_of_the_same_shape_are_near_and_those_of_others_far(of_masks: FittedVAE) -> None:
    features = of_masks.encode(masks(60, seed=1))  # of no mask it was fitted to
    kind = np.arange(60) % 3
    distance = np.linalg.norm(features[:, None] - features, axis=2)
    alike = kind[:, None] == kind
    within = distance[alike & ~np.eye(60, dtype=bool)].mean()
    assert distance[~alike].mean() > 1.5 * within
    nearest = (distance + np.diag(np.full(60, np.inf))).argmin(axis=1)
    assert (kind[nearest] == kind).mean() >= 0.95


def test_masks_are_drawn_back_from_their_features(of_masks: FittedVAE) -> None:
    unseen = masks(60, seed=1)
    truth = as_tensor(unseen, of_masks.config, "cpu").numpy()
    error = np.abs(of_masks.decode(of_masks.encode(unseen)) - truth).mean()
    assert error < 0.6 * np.abs(np.median(truth, axis=0) - truth).mean()  # the best picture for all


@pytest.mark.slow
@pytest.mark.skipif(not (ROOT / "vnc_sstem" / "image.tif").is_file(), reason="the vnc data are not here")
def test_patches_of_tissue_come_back_far_better_than_the_mean_patch() -> None:
    def patches(sections: range) -> np.ndarray:
        image = tifffile.imread(ROOT / "vnc_sstem" / "image.tif", key=sections)[:, :1024, :1024]
        return image.reshape(-1, 16, 64, 16, 64).swapaxes(2, 3).reshape(-1, 64, 64)

    train, test = patches(range(4)), patches(range(15, 17))
    config = VAEConfig(latent=64, widths=(16, 32), side=16)
    fitted = fit_vae(train, config, VAETraining(steps=300, batch=32, learning_rate=3e-3), seed=0)
    truth = as_tensor(test, config, "cpu").numpy()
    error = np.abs(fitted.decode(fitted.encode(test)) - truth).mean()
    of_the_mean = np.abs(as_tensor(train, config, "cpu").numpy().mean(axis=0) - truth).mean()
    assert error < 0.65 * of_the_mean


# On disk


def test_a_vae_that_is_saved_and_loaded_is_the_same(tiny: FittedVAE, tmp_path: Path) -> None:
    save_vae(tiny, tmp_path / "vae")
    loaded = load_vae(tmp_path / "vae")
    assert (loaded.config, loaded.training, loaded.losses) == (tiny.config, tiny.training, tiny.losses)
    assert same(loaded.weights, tiny.weights)
    np.testing.assert_array_equal(loaded.encode(noise()), tiny.encode(noise()))


def test_settings_that_are_not_those_of_the_weights_are_found(tiny: FittedVAE, tmp_path: Path) -> None:
    save_vae(replace(tiny, config=replace(TINY, latent=5)), tmp_path / "vae")
    with pytest.raises(
        ValueError, match=r"vae holds no whole vae: expected weights mean.weight of shape \(5, "
    ):
        load_vae(tmp_path / "vae")


def test_a_damaged_vae_is_refused_in_one_line(tiny: FittedVAE, tmp_path: Path) -> None:
    save_vae(tiny, tmp_path / "vae")
    file = tmp_path / "vae" / "vae.json"
    file.write_text(file.read_text().replace('"side": 16', '"side": 17'))
    with pytest.raises(ValueError, match=r"^[^\n]*config: [^\n]*side must be a multiple of 4[^\n]*$"):
        load_vae(tmp_path / "vae")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no CUDA device")
def test_a_gpu_fits_and_encodes_what_a_cpu_does(tiny: FittedVAE) -> None:
    fitted = fit_vae(noise(), TINY, SHORT, seed=0, device="cuda")
    assert fitted.losses == pytest.approx(tiny.losses, abs=0.02)
    on_cpu = replace(fitted, device="cpu").encode(noise())
    np.testing.assert_allclose(fitted.encode(noise()), on_cpu, atol=0.05)  # bfloat16
