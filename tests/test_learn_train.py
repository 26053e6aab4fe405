import dataclasses
import math
import time

import numpy as np
import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from microtome.evaluate import contingency, jaccard
from microtome.labels import IGNORE
from microtome.learn.augment import augmented
from microtome.learn.config import AugmentConfig, TrainConfig
from microtome.learn.examples import Example, Windows, image_statistics
from microtome.learn.losses import class_weights, masked_loss
from microtome.learn.train import MOMENTUM, REPORT_EVERY, Trained, Trainer, Weights, new_net, step
from microtome.net.config import NetConfig
from microtome.net.unet import UNet
from microtome.predict.windows import normalised
from microtome.progress import silent

NET = NetConfig(widths=(4, 8), dropout=0)
SHORT = TrainConfig(steps=6, batch=2, window=(1, 16, 16))
TRAINER = Trainer(NET, 2, SHORT, AugmentConfig())


def blobs(seed: int = 0, side: int = 48) -> Example:
    """Dark discs on a bright, noisy ground; the disc is class 1."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    discs = np.zeros((side, side), bool)
    for cy, cx in rng.integers(6, side - 6, (5, 2)):
        discs |= (y - cy) ** 2 + (x - cx) ** 2 < 36
    image = np.where(discs, 100, 150) + rng.normal(0, 15, discs.shape)
    return Example(image.clip(0, 255).astype(np.uint8)[None], discs.astype(np.uint8)[None])


EXAMPLES = [blobs()]


def trainer(**changes: object) -> Trainer:
    """The short training with some settings of `TrainConfig` changed."""
    return dataclasses.replace(TRAINER, config=dataclasses.replace(SHORT, **changes))  # type: ignore[arg-type]


def fit(one: Trainer = TRAINER, seed: int = 0, start: Weights | None = None) -> Trained:
    return one.fit(EXAMPLES, seed=seed, start=start, progress=silent)


def same(a: Weights, b: Weights) -> bool:
    return list(a) == list(b) and all(torch.equal(a[name], b[name]) for name in a)


def weights_by_hand(config: TrainConfig, seed: int, rates: list[float]) -> Weights:
    """Training written out without averages, snapshots or a clock."""
    net = new_net(NET, 2, seed=seed).train()
    windows = Windows(EXAMPLES, config.window, 2, seed=seed)
    weights = class_weights(torch.from_numpy(windows.counts).float())
    optimiser = torch.optim.AdamW(net.parameters(), weight_decay=config.weight_decay, foreach=True)
    rng = np.random.default_rng((seed, 2))
    for rate in rates:
        optimiser.param_groups[0]["lr"] = rate
        drawn = windows.draw(
            config.batch, config.foreground, rng, reject=config.reject, reject_below=config.reject_below
        )
        x, y = augmented(*drawn, AugmentConfig(), image_statistics(EXAMPLES), rng)
        step(net, optimiser, x, y, weights, config)
    return net.state_dict()


def test_the_same_seed_gives_the_same_weights() -> None:
    assert same(fit(seed=3).snapshots[-1], fit(seed=3).snapshots[-1])


def test_another_seed_gives_other_weights() -> None:
    assert not same(fit(seed=3).snapshots[-1], fit(seed=4).snapshots[-1])


def test_training_leaves_the_random_state_of_the_process_alone() -> None:
    before = torch.get_rng_state()
    fit()
    assert torch.equal(torch.get_rng_state(), before)


def test_without_averaging_the_last_weights_are_kept() -> None:
    config = dataclasses.replace(SHORT, ema=0.0)
    rates = [config.learning_rate * 0.5 * (1 + math.cos(math.pi * k / 6)) for k in range(6)]
    assert same(fit(trainer(ema=0.0)).snapshots[-1], weights_by_hand(config, 0, rates))


def test_a_constant_schedule_keeps_the_rate() -> None:
    config = dataclasses.replace(SHORT, ema=0.0, schedule="constant")
    expected = weights_by_hand(config, 0, [config.learning_rate] * 6)
    assert same(fit(trainer(ema=0.0, schedule="constant")).snapshots[-1], expected)


def rates_of(one: Trainer) -> list[float]:
    """The learning rate of every step, as a share of the whole one."""
    seen: list[float] = []
    hook = register_optimizer_step_pre_hook(
        lambda optimiser, *_: seen.append(optimiser.param_groups[0]["lr"])
    )
    fit(one)
    hook.remove()
    return [rate / one.config.learning_rate for rate in seen]


def test_steps_lower_the_rate_tenfold_twice_towards_the_end() -> None:
    rates = rates_of(trainer(steps=40, schedule="steps"))
    assert rates == pytest.approx([1.0] * 36 + [0.1] * 2 + [0.01] * 2)


def test_the_rate_rises_linearly_while_it_warms_up() -> None:
    rates = rates_of(trainer(steps=10, schedule="constant", warm_up=0.4))
    assert rates == pytest.approx([0, 0.25, 0.5, 0.75] + [1.0] * 6)


def test_stochastic_gradient_descent_has_momentum_and_decay() -> None:
    config = dataclasses.replace(SHORT, ema=0.0, schedule="constant", optimiser="sgd", weight_decay=0.01)
    net = new_net(NET, 2, seed=0).train()
    windows = Windows(EXAMPLES, config.window, 2, seed=0)
    weights = class_weights(torch.from_numpy(windows.counts).float())
    rng, pace = np.random.default_rng((0, 2)), {}
    for _ in range(config.steps):
        x, y = augmented(
            *windows.draw(config.batch, config.foreground, rng),
            AugmentConfig(),
            image_statistics(EXAMPLES),
            rng,
        )
        net.zero_grad()
        masked_loss(net(x), y, weights, config.loss).backward()
        for name, parameter in net.named_parameters():
            pull = parameter.grad + 0.01 * parameter.data  # type: ignore[operator]
            pace[name] = MOMENTUM * pace[name] + pull if name in pace else pull
            parameter.data -= config.learning_rate * pace[name]
    found = fit(dataclasses.replace(TRAINER, config=config)).snapshots[-1]
    for name, value in net.state_dict().items():
        torch.testing.assert_close(found[name], value)


def test_windows_are_rejected_as_the_settings_say() -> None:
    changes: dict = {"ema": 0.0, "schedule": "constant", "foreground": 0.0, "reject": 0.9, "reject_below": 60}
    config = dataclasses.replace(SHORT, **changes)
    found = fit(trainer(**changes)).snapshots[-1]
    assert same(found, weights_by_hand(config, 0, [config.learning_rate] * 6))
    assert not same(found, fit(trainer(**{**changes, "reject": 0.0})).snapshots[-1])


def test_averaged_weights_are_the_moving_average_of_the_last_ones() -> None:
    config = dataclasses.replace(SHORT, ema=0.6)
    average = new_net(NET, 2, seed=0).state_dict()["head.weight"].clone()
    for k in range(6):
        rates = [config.learning_rate * 0.5 * (1 + math.cos(math.pi * j / 6)) for j in range(k + 1)]
        decay = min(0.6, 1 - 1 / (k + 2))  # the first ones weigh little
        average = decay * average + (1 - decay) * weights_by_hand(config, 0, rates)["head.weight"]
    torch.testing.assert_close(fit(trainer(ema=0.6)).snapshots[-1]["head.weight"], average)


def test_training_starts_from_the_weights_that_are_given() -> None:
    start = fit(seed=5).snapshots[-1]
    after = fit(trainer(learning_rate=1e-12, weight_decay=0.0, steps=1, ema=0.0), start=start).snapshots[-1]
    for name, _ in UNet(NET, 2).named_parameters():
        torch.testing.assert_close(after[name], start[name], rtol=0, atol=1e-9)


def test_the_weights_that_are_given_stay_as_they_are() -> None:
    start = fit(seed=5).snapshots[-1]
    before = {name: value.clone() for name, value in start.items()}
    fit(start=start)
    assert same(start, before)


def test_dropout_is_on_while_training() -> None:
    dropping = dataclasses.replace(TRAINER, net=dataclasses.replace(NET, dropout=0.5))
    assert not same(fit(TRAINER).snapshots[-1], fit(dropping).snapshots[-1])
    assert same(fit(dropping).snapshots[-1], fit(dropping).snapshots[-1])


@pytest.mark.parametrize("loss", ["ce+dice", pytest.param("ce", marks=pytest.mark.slow), "dice"])
def test_the_loss_goes_down(loss: str) -> None:
    losses = fit(trainer(steps=60, batch=4, loss=loss)).losses
    assert len(losses) == 6
    assert losses[-1] < 0.9 * losses[0]


def test_blobs_are_learnt_from_sparse_labels_in_seconds() -> None:
    example = blobs()
    labels = np.where(np.random.default_rng(0).random(example.labels.shape) < 0.3, example.labels, IGNORE)
    config = TrainConfig(steps=120, batch=4, window=(1, 32, 32), learning_rate=1e-2)
    one = dataclasses.replace(TRAINER, config=config)
    trained = one.fit([Example(example.image, labels.astype(np.uint8))], seed=0, progress=silent)
    net = new_net(NET, 2, seed=0).eval()
    net.load_state_dict(trained.snapshots[-1])
    unseen = blobs(seed=1)
    with torch.inference_mode():
        found = net(normalised(unseen.image, trained.statistics)[None, None]).argmax(dim=1)
    assert jaccard(contingency(unseen.labels, found[0].numpy().astype(np.uint8), 1), 1) > 0.8


def test_bfloat16_learns_what_float32_learns_and_keeps_exact_weights() -> None:
    exact, half = (fit(trainer(steps=30, precision=name)) for name in ("float32", "bfloat16"))
    assert not same(exact.snapshots[-1], half.snapshots[-1])
    assert all(value.dtype != torch.bfloat16 for value in half.snapshots[-1].values())
    assert half.losses[-1] == pytest.approx(exact.losses[-1], abs=0.1)


def test_a_cpu_is_exact_unless_told_otherwise() -> None:
    assert same(fit().snapshots[-1], fit(trainer(precision="float32")).snapshots[-1])


@pytest.mark.parametrize(("epochs", "examples", "batch", "steps"), [(3, 2, 2, 3), (3, 1, 2, 2), (1, 1, 8, 1)])
def test_epochs_are_passes_over_the_examples(epochs: int, examples: int, batch: int, steps: int) -> None:
    one = trainer(epochs=epochs, batch=batch)
    assert one.fit(EXAMPLES * examples, seed=0, progress=silent).steps == steps


def test_a_share_of_the_examples_is_drawn_by_the_seed() -> None:
    examples = [blobs(seed) for seed in range(5)]
    fits = [
        TRAINER.fit(examples, seed=seed, share=share, progress=silent)
        for seed, share in ((0, 0.4), (0, 0.4), (0, 0.5), (0, 1.0))
    ]
    first, again, half, whole = (trained.snapshots[-1] for trained in fits)
    assert same(first, again)
    assert same(first, half)  # two of five, as well
    assert not same(first, whole)
    assert {trained.statistics for trained in fits} == {fits[3].statistics}


def test_a_share_is_at_least_one_example_that_says_something() -> None:
    nothing = Example(blobs(1).image, np.full((1, 48, 48), IGNORE, np.uint8))
    trained = trainer(epochs=2, batch=1).fit(
        [nothing, *EXAMPLES, nothing], seed=0, share=0.01, progress=silent
    )
    assert trained.steps == 2


def test_seconds_end_training_early() -> None:
    start = time.monotonic()
    trained = fit(trainer(steps=10**6, seconds=0.3))
    assert 0.3 <= trained.seconds <= time.monotonic() - start < 10
    assert 0 < trained.steps < 10**6
    assert len(trained.snapshots) == 1


def test_a_rate_cut_short_by_seconds_has_run_out() -> None:
    seen: list[float] = []
    hook = register_optimizer_step_pre_hook(lambda one, *_: seen.append(one.param_groups[0]["lr"]))
    fit(trainer(steps=10**6, seconds=0.5))
    hook.remove()
    assert seen[0] == SHORT.learning_rate
    assert seen == sorted(seen, reverse=True)
    assert seen[-1] < 0.5 * SHORT.learning_rate  # near 0, but for a step that a busy machine held up


@pytest.mark.parametrize(
    "changes", [{"steps": 12}, {"steps": 7}, {"steps": 2}, {"steps": 10**6, "seconds": 1e-9}]
)
def test_as_many_snapshots_come_as_were_asked_for(changes: dict) -> None:
    assert len(fit(dataclasses.replace(trainer(**changes), snapshots=3)).snapshots) == 3


def test_snapshots_differ_and_the_last_is_that_of_the_whole_run() -> None:
    several = fit(dataclasses.replace(trainer(schedule="constant"), snapshots=3))
    assert same(several.snapshots[-1], fit(trainer(schedule="constant")).snapshots[-1])
    assert not same(several.snapshots[0], several.snapshots[1])


def test_the_first_snapshot_is_that_of_a_run_a_third_as_long() -> None:
    several = fit(dataclasses.replace(trainer(steps=6), snapshots=3))
    assert same(several.snapshots[0], fit(trainer(steps=2)).snapshots[-1])


def test_progress_and_losses_come_every_few_steps_and_at_the_end() -> None:
    told: list[tuple[str, int, int]] = []

    def progress(task: str, done: int, total: int, note: str = "") -> None:
        told.append((task, done, total))

    trained = trainer(steps=25).fit(EXAMPLES, seed=0, progress=progress)
    assert told == [("training", 10, 25), ("training", 20, 25), ("training", 25, 25)]
    assert (REPORT_EVERY, len(trained.losses), trained.steps) == (10, 3, 25)


def test_the_statistics_are_those_of_the_examples() -> None:
    image = EXAMPLES[0].image.astype(float)
    assert fit(trainer(steps=1)).statistics == pytest.approx((image.mean(), image.std()))


def test_a_net_that_crosses_z_learns_too() -> None:
    deep = NetConfig(widths=(4, 8), kernels=((3, 3, 3),) * 2, pools=((2, 2, 2),))
    stack = Example(*(np.repeat(part, 4, axis=0) for part in (EXAMPLES[0].image, EXAMPLES[0].labels)))
    one = dataclasses.replace(trainer(steps=30, window=(4, 16, 16)), net=deep)
    losses = one.fit([stack], seed=0, progress=silent).losses
    assert losses[-1] < losses[0]


def test_a_new_net_depends_on_the_seed_alone() -> None:
    before = torch.get_rng_state()
    first = new_net(NET, 2, seed=1).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    assert same(first, new_net(NET, 2, seed=1).state_dict())
    assert not same(first, new_net(NET, 2, seed=2).state_dict())


def test_distances_are_refused_where_the_size_of_a_voxel_is_not_known_or_not_one() -> None:
    one = trainer(target="distance", loss="squared")
    with pytest.raises(ValueError, match=r"examples of one voxel size in nm; got \['None'\]"):
        fit(one)
    mixed = [dataclasses.replace(blobs(), voxel_size_nm=(40.0, size, size)) for size in (4.0, 8.0)]
    with pytest.raises(ValueError, match=r"one voxel size in nm; got .*4\.0.*8\.0"):
        one.fit(mixed, seed=0, progress=silent)


def test_polarity_of_another_number_of_classes_is_refused() -> None:
    with pytest.raises(ValueError, match="two classes, pre and post; got 1"):
        fit(trainer(target="polarity"))


@pytest.mark.parametrize(
    ("target", "classes", "names"),
    [("sigmoid", 2, 1), ("sigmoid", 3, 2), ("polarity", 3, 3), ("distance", 2, 1)],
)
def test_every_target_trains_as_many_channels_as_it_has(target: str, classes: int, names: int) -> None:
    """A loss head goes along with all of them."""
    one = trainer(target=target, loss="squared" if target == "distance" else "ce+dice", steps=2)
    one = dataclasses.replace(one, net=dataclasses.replace(NET, loss_head=True), classes=classes)
    examples = [dataclasses.replace(blobs(), voxel_size_nm=(40.0, 4.0, 4.0))]
    trained = one.fit(examples, seed=0, progress=silent)
    assert trained.snapshots[-1]["head.weight"].shape[0] == names
    before = new_net(one.net, names, seed=0).state_dict()
    assert not torch.equal(trained.snapshots[-1]["loss_head.last.weight"], before["loss_head.last.weight"])


def test_given_weights_replace_the_balance_of_every_window() -> None:
    plain, given = (trainer(target="sigmoid", class_weights=weights) for weights in ((), (1.0, 1.0)))
    assert not same(fit(plain).snapshots[-1], fit(given).snapshots[-1])


def test_class_weights_of_the_wrong_length_are_refused() -> None:
    with pytest.raises(ValueError, match="class_weights must have 2 entries, background first; got 3"):
        fit(trainer(class_weights=(1.0, 1.0, 1.0)))


def test_given_class_weights_are_used() -> None:
    assert not same(fit().snapshots[-1], fit(trainer(class_weights=(0.0, 1.0))).snapshots[-1])


@pytest.mark.parametrize("window", [(1, 15, 16), (1, 16, 17)])
def test_a_window_that_does_not_fit_the_net_is_refused(window: tuple) -> None:
    with pytest.raises(ValueError, match=r"window must be a multiple of \(1, 2, 2\) for this net; got"):
        fit(trainer(window=window))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 0}, "steps >= 1"),
        ({"epochs": -1}, "epochs >= 0"),
        ({"batch": 0}, "batch >= 1; got 0"),
        ({"window": (1, 0, 16)}, "window >= 1 on every axis"),
        ({"learning_rate": 0.0}, "learning_rate > 0"),
        ({"learning_rate": math.nan}, "learning_rate > 0"),
        ({"seconds": -1.0}, "seconds >= 0"),
        ({"ema": 1.0}, r"ema in \[0, 1\)"),
        ({"foreground": 1.1}, r"foreground in \[0, 1\]"),
        ({"loss_head_until": -0.1}, r"loss_head_until in \[0, 1\]"),
        ({"class_weights": (1.0, -1.0)}, "class_weights >= 0"),
        ({"warm_up": -0.1}, r"warm_up in \[0, 1\]"),
        ({"reject": 1.0}, r"reject in \[0, 1\)"),
        ({"reject_below": 0}, "reject_below >= 1"),
        ({"target": "distance", "loss": "ce"}, "loss 'squared' for target 'distance'"),
        ({"target": "polarity", "loss": "squared"}, "loss 'squared' for target 'distance', and for no other"),
    ],
)
def test_impossible_settings_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainConfig(**settings)
