"""Light heads on frozen features (tier A): an ensemble of small perceptrons, fitted in half a second."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, UInt8
from torch import Tensor
from torch.nn import functional

from microtome.benchmark.protocol.filters import SIGMAS, FilterBank
from microtome.benchmark.protocol.learners import Labelled
from microtome.benchmark.protocol.task import Scene
from microtome.box import Box, grid
from microtome.labels import IGNORE
from microtome.learn.losses import class_weights, ranking_loss
from microtome.predict.network import class_probabilities
from microtome.predict.posterior import Posterior, PosteriorSum
from microtome.predict.sampling import Sampling
from microtome.query.candidates import Predictor

CHUNK = 2**15  # voxels that go through the heads at a time
HIDDEN = 24
STEPS = 300
BATCH = 512  # voxels a step and head
LEARNING_RATE = 1e-2
DROPOUT = 0.1  # probability that a hidden unit is dropped
DROPOUT_SAMPLES = 10
RANKING_STEPS = 200  # of the head that predicts losses


@dataclass(frozen=True, eq=False)
class HeadLearner:
    """Heads over a bank of filters; the banks of the scenes it has seen are kept."""

    classes: int  # background included
    members: int = 4
    _banks: dict[int, FilterBank] = field(default_factory=dict, init=False)

    @property
    def settings(self) -> object:
        """All that the heads depend on besides what is labelled."""
        return ["heads", self.members, HIDDEN, STEPS, BATCH, LEARNING_RATE, DROPOUT, SIGMAS]

    def fit(self, scene: Scene, labelled: Labelled, seed: int) -> "Heads":
        """Train all heads on the labelled voxels, each from its own weights and draws.

        Raises:
            ValueError: If nothing is labelled.
        """
        rows, classes = self._voxels(scene, labelled)
        if not len(rows):
            raise ValueError("training expects at least one labelled voxel; there is none")
        mean, deviation = rows.mean(axis=0), rows.std(axis=0) + 1e-6
        x, y = torch.from_numpy((rows - mean) / deviation), torch.from_numpy(classes.astype(np.int64))
        generator = torch.Generator().manual_seed(seed)
        weights = _fitted(x, y, self.classes, self.members, generator).of_raw(mean, deviation)
        return Heads(self, weights, tuple(labelled), scene, seed)

    def bank(self, scene: Scene) -> FilterBank:
        """The features of a scene."""
        return self._banks.setdefault(id(scene), FilterBank(scene.image))

    def _voxels(
        self, scene: Scene, labelled: Labelled
    ) -> tuple[Float32[np.ndarray, "n f"], UInt8[np.ndarray, "n"]]:
        bank, rows, classes = self.bank(scene), [], []
        for box, labels in labelled:
            known = labels != IGNORE
            rows.append(bank.at(box)[known])
            classes.append(labels[known])
        return np.concatenate(rows), np.concatenate(classes)


@dataclass(frozen=True, eq=False)
class Weights:
    """One hidden layer for each of m members: f features, h hidden units, c classes."""

    hidden: Float[Tensor, "m f h"]
    hidden_bias: Float[Tensor, "m 1 h"]
    out: Float[Tensor, "m h c"]
    out_bias: Float[Tensor, "m 1 c"]

    def activations(
        self, x: Float[Tensor, "m n f"], dropout: torch.Generator | None = None
    ) -> Float[Tensor, "m n h"]:
        """What the hidden units say; with a generator some of them are dropped, others each time."""
        active = torch.relu(torch.baddbmm(self.hidden_bias, x, self.hidden))
        if dropout is None:
            return active
        kept = torch.rand(active.shape[0], active.shape[1], active.shape[2], generator=dropout) >= DROPOUT
        return active * kept / (1 - DROPOUT)

    def shared_activations(self, x: Float[Tensor, "n f"]) -> Float[Tensor, "m n h"]:
        """As `activations`, of the same voxels for all members: one product, nearly twice as fast."""
        members, features, units = self.hidden.shape
        flat = self.hidden.transpose(0, 1).reshape(features, members * units)
        hidden = torch.addmm(self.hidden_bias.flatten(), x, flat).relu_()
        return hidden.view(len(x), members, units).transpose(0, 1)

    def of_raw(self, mean: Float32[np.ndarray, "f"], deviation: Float32[np.ndarray, "f"]) -> "Weights":
        """The same heads for features that are not standardised."""
        hidden = self.hidden / torch.from_numpy(deviation)[:, None]
        shift = torch.einsum("f,mfh->mh", torch.from_numpy(mean), hidden)[:, None]
        return replace(self, hidden=hidden, hidden_bias=self.hidden_bias - shift)

    def logits(self, activations: Float[Tensor, "m n h"]) -> Float[Tensor, "m n c"]:
        return torch.baddbmm(self.out_bias, activations, self.out)


@dataclass(frozen=True, eq=False)
class Heads:
    """Fitted heads."""

    learner: HeadLearner
    weights: Weights
    labelled: Labelled
    scene: Scene  # they were trained on
    seed: int

    def on(self, scene: Scene) -> "HeadsOnScene":
        """The heads over a scene's image."""
        return HeadsOnScene(self, self.learner.bank(scene))


@dataclass(frozen=True, eq=False)
class HeadsOnScene:
    """What fitted heads say of any box of an image."""

    heads: Heads
    bank: FilterBank
    _known: dict[tuple[Box, bool], Posterior] = field(default_factory=dict, init=False)

    def posterior(self, box: Box, sampling: Sampling | None = None) -> Posterior:
        """Mean and spread of the members; or, sampled by `dropout`, of the first member's dropout samples."""
        dropout = sampling == "dropout"
        if (box, dropout) not in self._known:
            sections = [self._section(section, dropout) for section in grid(box, (1, *box.shape[1:]))]
            self._known[box, dropout] = Posterior(
                np.concatenate([section.mean for section in sections], axis=1),
                np.concatenate([section.entropy_of_samples for section in sections]),
                np.concatenate([section.deviation for section in sections], axis=1),
            )
        return self._known[box, dropout]

    def _section(self, box: Box, dropout: bool) -> Posterior:
        total = PosteriorSum(self.heads.learner.classes, box.shape)
        for proba in self._dropped(box) if dropout else self._proba(box):
            total.add(np.ascontiguousarray(proba))
        return total.posterior()

    def _dropped(self, box: Box) -> Iterator[Float32[np.ndarray, "c z y x"]]:
        """Of the first member, its hidden units dropped anew in each sample but alike for all voxels.

        So a sample is a network, and neighbours of a voxel are seen by the same one.
        """
        generator = torch.Generator().manual_seed(self.heads.seed)
        weights, hidden = self.heads.weights, self._hidden(box)
        for _ in range(DROPOUT_SAMPLES):
            kept = torch.rand(hidden.shape[1], generator=generator) >= DROPOUT
            logits = weights.out_bias[0] + (hidden * kept / (1 - DROPOUT)) @ weights.out[0]
            proba = class_probabilities(logits.T[None])[0]
            yield proba.reshape(-1, *box.shape).numpy()

    def features(self, boxes: Sequence[Box]) -> Float32[np.ndarray, "n d"]:
        """Activations of the first member, mean over each box."""
        return np.stack([self._hidden(box).mean(dim=0).numpy() for box in boxes])

    def gradients(self, boxes: Sequence[Box]) -> Float32[np.ndarray, "n d"]:
        """Gradient at the first member's last layer, as `SegmentationModel.gradients` has it."""
        rows = []
        for box in boxes:
            hidden = self._hidden(box)
            proba = self.heads.weights.logits(hidden.expand(self.heads.learner.members, -1, -1))[0].softmax(
                -1
            )
            error = proba - functional.one_hot(proba.argmax(dim=1), proba.shape[1])
            rows.append((error.T @ hidden / len(hidden)).flatten().numpy())
        return np.stack(rows)

    def losses(self, boxes: Sequence[Box]) -> Float64[np.ndarray, "n"]:
        """Losses predicted from `features` by a linear ranker that was trained on the labelled boxes."""
        known = self.heads.on(self.heads.scene)
        mine = [box for box, _ in self.heads.labelled]
        true = torch.tensor([known._true_loss(box, labels) for box, labels in self.heads.labelled])
        weights = _ranker(torch.from_numpy(known.features(mine)), true, self.heads.seed)
        return (torch.from_numpy(self.features(boxes)) @ weights).double().numpy()

    def taught(self, box: Box, labels: UInt8[np.ndarray, "z y x"], seed: int) -> Predictor:
        """Heads trained on this box alone."""
        return self.heads.learner.fit(self.heads.scene, [(box, labels)], seed).on(self.heads.scene).posterior

    def _true_loss(self, box: Box, labels: UInt8[np.ndarray, "z y x"]) -> float:
        known = labels != IGNORE
        proba = np.take_along_axis(
            self.posterior(box).mean, np.where(known, labels, 0)[None].astype(np.int64), 0
        )
        return float(-np.log(np.maximum(proba[0][known], 1e-6)).mean()) if known.any() else 0.0

    def _inputs(self, box: Box) -> Float32[Tensor, "n f"]:
        rows = self.bank.at(box)
        return torch.from_numpy(rows.reshape(-1, rows.shape[-1]))

    def _hidden(self, box: Box) -> Float32[Tensor, "n h"]:
        weights = self.heads.weights
        return torch.relu(torch.addmm(weights.hidden_bias[0], self._inputs(box), weights.hidden[0]))

    def _proba(self, box: Box) -> Float32[np.ndarray, "m c z y x"]:
        members, classes = self.heads.learner.members, self.heads.learner.classes
        parts = []
        for x in torch.split(self._inputs(box), CHUNK):
            hidden = self.heads.weights.shared_activations(x)
            parts.append(class_probabilities(self.heads.weights.logits(hidden).movedim(-1, 1)))
        proba = torch.cat(parts, dim=2)
        return np.ascontiguousarray(proba.reshape(members, classes, *box.shape).numpy())


def _fitted(
    x: Float[Tensor, "n f"], y: Tensor, classes: int, members: int, generator: torch.Generator
) -> Weights:
    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator) * (2 / shape[1]) ** 0.5

    parameters = [
        drawn(members, x.shape[1], HIDDEN),
        torch.zeros(members, 1, HIDDEN),
        drawn(members, HIDDEN, classes),
        torch.zeros(members, 1, classes),
    ]
    for parameter in parameters:
        parameter.requires_grad_()
    weights = Weights(*parameters)
    balance = class_weights(torch.bincount(y, minlength=classes).float())
    optimiser = torch.optim.AdamW(parameters, lr=LEARNING_RATE, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    for _ in range(STEPS):
        drawn_voxels = torch.randint(len(y), (members, BATCH), generator=generator)
        logits = weights.logits(weights.activations(x[drawn_voxels], generator))
        loss = functional.cross_entropy(logits.flatten(0, 1), y[drawn_voxels].flatten(), balance)
        optimiser.zero_grad(set_to_none=True)
        (members * loss).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    return Weights(*(parameter.detach() for parameter in parameters))


def _ranker(features: Float[Tensor, "n d"], losses: Float[Tensor, "n"], seed: int) -> Float[Tensor, "d"]:
    """A linear order of features by loss, from pairs (Yoo & Kweon 2019)."""
    generator = torch.Generator().manual_seed(seed)
    weights = (0.01 * torch.randn(features.shape[1], generator=generator)).requires_grad_()
    optimiser = torch.optim.Adam([weights], lr=LEARNING_RATE)
    for _ in range(RANKING_STEPS):
        optimiser.zero_grad(set_to_none=True)
        ranking_loss(features @ weights, losses).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return weights.detach()
