"""A fitted model: networks, the grey values they expect, and the recipe that made them."""

import json
import math
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float32, Float64, UInt8
from safetensors import SafetensorError
from torch import Tensor
from torch.nn import functional

from microtome.box import Box, Int3
from microtome.learn.augment import undo_symmetry
from microtome.learn.config import Recipe
from microtome.learn.examples import Example
from microtome.learn.side_by_side import Run, fit_all
from microtome.learn.targets import Target, target_of
from microtome.learn.train import Trainer
from microtome.learn.weights import WEIGHTS_FILE, Weights, read_weights, save_weights
from microtome.net.config import NetConfig
from microtome.net.inference import dropout_masks, folded
from microtome.net.unet import UNet
from microtome.predict.keeping import ImagePart
from microtome.predict.network import TORCH, Engine, Network
from microtome.predict.posterior import Posterior, PosteriorSum
from microtome.predict.sampling import Pass, Sampling, passes
from microtome.predict.windows import blended, mirrored, normalised
from microtome.progress import Progress

SECTION = 2048  # voxels; sides of a section up to which it is predicted in one piece
CUBE = (96, 320, 320)  # voxels z y x up to which a net that crosses z does; wider where it is thinner

_MAKING = threading.Lock()  # one thread makes networks ready, those that predict beside it wait


@runtime_checkable
class Model(Protocol):
    """Immutable: fitting gives a new model."""

    def fit(self, examples: Sequence[Example], *, seed: int, progress: Progress) -> "Model": ...

    def posterior(self, image: UInt8[np.ndarray, "z y x"], samples: int, seed: int) -> Posterior: ...

    def features(self, images: UInt8[np.ndarray, "b z y x"]) -> Float32[np.ndarray, "b d"]: ...


@dataclass(frozen=True)
class SegmentationModel:
    """U-Nets that say which class each voxel is. Without members it is untrained and can only be fitted."""

    recipe: Recipe
    classes: int  # background included
    sampling: Sampling = "single"
    device: str = "cpu"
    members: tuple[Weights, ...] = ()
    statistics: tuple[float, float] = (0.0, 1.0)
    losses: tuple[float, ...] = ()
    engine: Engine = TORCH

    def fit(self, examples: Sequence[Example], *, seed: int, progress: Progress) -> "SegmentationModel":
        """A model trained on `examples`: from scratch, or from this one where the recipe fine-tunes.

        Raises:
            ValueError: If nothing is labelled or the labels are not classes of this model.
        """
        recipe = self.recipe
        tuning = recipe.fine_tune if self.members else None
        trainer = Trainer(
            recipe.net,
            self.classes,
            tuning or recipe.train,
            recipe.augment,
            recipe.snapshots,
            self.device,
            recipe.corrections,
        )
        members = [
            Run(
                seed=seed * recipe.members + member,
                start=self.members[(member + 1) * recipe.snapshots - 1] if tuning else None,
                share=recipe.subset if member < recipe.members - 1 else 1.0,
            )
            for member in range(recipe.members)
        ]
        runs = fit_all(trainer, examples, members, progress)
        return replace(
            self,
            members=tuple(weights for run in runs for weights in run.snapshots),
            statistics=runs[0].statistics,
            losses=runs[0].losses,
        )

    def posterior(
        self, image: UInt8[np.ndarray, "z y x"], samples: int, seed: int, keep: Box | None = None
    ) -> Posterior:
        """Statistics of the model's samples at every voxel of `image`, which fits in memory.

        With `keep` those of this box alone, the rest of the image being context.

        Raises:
            ValueError: If the model is untrained or `samples` does not fit its sampling.
        """
        total: PosteriorSum | None = None
        for proba in self._samples(image, samples, seed, keep):
            total = total or PosteriorSum(self.classes, proba.shape[1:], largest=self.sampling == "maximum")
            total.add(proba)
        assert total is not None, "there is one pass at least"
        return total.posterior()

    def mean(
        self, image: UInt8[np.ndarray, "z y x"], samples: int, seed: int, keep: Box | None = None
    ) -> Float32[np.ndarray, "c u v w"]:
        """The posterior's mean alone, in less time.

        Raises:
            ValueError: As `posterior` does.
        """
        if self.sampling == "maximum":
            return self.posterior(image, samples, seed, keep).mean
        total, count = None, 0
        for proba in self._samples(image, samples, seed, keep):
            total = proba if total is None else total + proba
            count += 1
        assert total is not None, "there is one pass at least"
        return total if count == 1 else total / np.float32(count)

    def features(self, images: UInt8[np.ndarray, "b z y x"]) -> Float32[np.ndarray, "b d"]:
        """Mean activation of each channel at the bottleneck of the last member, for each image.

        Raises:
            ValueError: If the model is untrained.
        """
        with torch.inference_mode():
            deep = self._nets[-1].bottleneck(self._batch(images))
        return deep.mean(dim=(2, 3, 4)).float().cpu().numpy()

    def gradients(self, images: UInt8[np.ndarray, "b z y x"]) -> Float32[np.ndarray, "b d"]:
        """Gradient of the cross-entropy at the last layer's weights, mean over each image.

        The classes that the last member thinks likeliest stand for the truth (BADGE, Ash et al. 2020):
        (p − onehot ŷ) ⊗ h, h the activations before the last layer. Where channels are not classes, it is the
        gradient that a last layer of classes with the same p would have.

        Raises:
            ValueError: If the model is untrained.
        """
        depth, height, width = images.shape[1:]
        with torch.inference_mode():
            hidden, outputs = self._nets[-1].last_layer(self._batch(images))
            hidden, outputs = (part[..., :depth, :height, :width] for part in (hidden, outputs))
            proba = self._target.class_logits(outputs).float().softmax(dim=1)
            error = proba - functional.one_hot(proba.argmax(dim=1), self.classes).movedim(-1, 1)
            outer = torch.einsum("bczyx,bwzyx->bcw", error, hidden.float()) / error[0, 0].numel()
        return outer.flatten(1).cpu().numpy()

    def predicted_losses(self, images: UInt8[np.ndarray, "b z y x"]) -> Float64[np.ndarray, "b"]:
        """The loss that the last member's head predicts of each image; only the order has a meaning.

        Raises:
            ValueError: If the model is untrained, or its net has no such head.
        """
        with torch.inference_mode():
            _, losses = self._nets[-1].with_loss(self._batch(images), detached=True)
        return losses.cpu().numpy().astype(np.float64)

    def _batch(self, images: UInt8[np.ndarray, "b z y x"]) -> Float32[Tensor, "b 1 u v w"]:
        padded = [mirrored(image, self.recipe.net.multiple, (1, 1, 1)) for image in images]
        return torch.stack([normalised(image, self.statistics) for image in padded])[:, None].to(self.device)

    @property
    def _target(self) -> Target:
        return target_of(self.recipe.train.target)

    def __getstate__(self) -> dict[str, object]:
        """To another process go settings and weights; it makes networks of its own."""
        return {field.name: vars(self)[field.name] for field in fields(self)}

    @property
    def networks(self) -> tuple[Network, ...]:
        """The members on the engine that predicts, made ready when they are first asked for."""
        with _MAKING:
            return self._networks

    @cached_property
    def _networks(self) -> tuple[Network, ...]:
        return tuple(self.engine.ready(net, self._target, self.device) for net in self._nets)

    @cached_property
    def _nets(self) -> tuple[UNet, ...]:
        if not self.members:
            raise ValueError("the model is not trained yet: fit it first")
        return tuple(self._net(weights) for weights in self.members)

    def _net(self, weights: Weights) -> UNet:
        net = UNet(self.recipe.net, self._target.channels(self.classes))
        net.load_state_dict(weights)
        return folded(net).to(self.device)

    def padded(self, image: UInt8[np.ndarray, "z y x"]) -> Float32[Tensor, "1 1 u v w"]:
        """An image as the networks expect it: normalised, with mirrored voxels behind its end."""
        z, y, x = self.recipe.net.multiple
        square = math.lcm(y, x)  # a quarter turn must fit the pools as well
        window = prediction_window(self.recipe.net, image.shape)
        return normalised(mirrored(image, (z, square, square), window), self.statistics)[None, None]

    def _samples(
        self, image: UInt8[np.ndarray, "z y x"], samples: int, seed: int, keep: Box | None
    ) -> Iterator[Float32[np.ndarray, "c u v w"]]:
        """What each pass says of an image, one after the other."""
        net = self.recipe.net
        if self.sampling == "dropout" and not (net.dropout and net.level_pools):
            raise ValueError(
                "sampling 'dropout' expects a net with dropout behind its pools; "
                f"got dropout {net.dropout} and {len(net.level_pools)} pools"
            )
        window = prediction_window(self.recipe.net, image.shape)
        kept = ImagePart(self.padded(image)[0, 0], keep or Box.of(image.shape))
        every = passes(self.sampling, len(self.networks), samples, seed)
        if self.sampling == "dropout" and kept.image.shape == window:
            yield from self._dropped(kept, every)
        else:
            for one in every:
                yield self._predicted(kept, one, window)

    def _dropped(self, kept: ImagePart, every: Sequence[Pass]) -> Iterator[Float32[np.ndarray, "c u v w"]]:
        """All samples of a member together: what dropout leaves alone is computed once."""
        images, cut = kept.image[None, None], kept.cuts(self.recipe.net)
        for member, network in enumerate(self.networks):
            streams = [_stream(one) for one in every if one.member == member]
            with ThreadPoolExecutor(1, "masks") as drawing:  # on one core, while others predict
                masks = drawing.map(partial(dropout_masks, self.recipe.net, images.shape), streams)
                for proba in network.sampled(images, masks, cut):
                    yield np.ascontiguousarray(kept.of(proba[0], cut).numpy())

    def _predicted(self, kept: ImagePart, one: Pass, window: Int3) -> Float32[np.ndarray, "c u v w"]:
        network, turned = self.networks[one.member], kept.turned(one.symmetry)
        z, y, x = window
        shape = (z, x, y) if one.symmetry & 4 else window
        cut = turned.cuts(self.recipe.net) if turned.image.shape == shape else ()
        stream = torch.Generator() if one.dropout is None else _stream(one)

        def proba(images: Tensor) -> Tensor:
            if one.dropout is None:
                return network.probabilities(images, cut)
            masks = dropout_masks(self.recipe.net, images.shape, stream)
            return next(network.sampled(images, [masks], cut))

        blend = torch.from_numpy(blended(proba, turned.image, shape, _overlap(self.recipe.net, shape)))
        return np.ascontiguousarray(undo_symmetry(turned.of(blend, cut), one.symmetry).numpy())


def _stream(one: Pass) -> torch.Generator:
    assert one.dropout is not None, "a pass with dropout has a seed"
    return torch.Generator().manual_seed(one.dropout)


def prediction_window(net: NetConfig, shape: tuple[int, ...]) -> Int3:
    """The window in which an image of `shape` is predicted: as large as fits the caches and the memory."""
    most = (1, SECTION, SECTION) if net.flat else _cube(shape[0])
    sides = [min(limit, side) for limit, side in zip(most, shape, strict=True)]
    z, y, x = (-(-side // m) * m for side, m in zip(sides, net.multiple, strict=True))
    return z, y, x


def _cube(depth: int) -> Int3:
    """As many voxels as a CUBE has, no deeper than `depth`."""
    z = min(CUBE[0], depth)
    side = math.isqrt(math.prod(CUBE) // z)
    return z, side, side


def save_model(model: SegmentationModel, folder: Path, **notes: object) -> None:
    """Write weights and settings into a new `folder`, whole or not at all.

    Raises:
        FileExistsError: If the folder is there already.
        OSError: If it cannot be written.
    """
    members = enumerate(model.members)
    save_weights(
        folder,
        "model",
        {f"{k}.{name}": value for k, member in members for name, value in member.items()},
        classes=model.classes,
        sampling=model.sampling,
        members=len(model.members),
        statistics=model.statistics,
        losses=model.losses,
        recipe=model.recipe,
        **notes,
    )


def load_model(folder: Path, recipe: Recipe, *, device: str = "cpu") -> SegmentationModel:
    """The model saved in `folder`, ready to predict on `device`.

    Raises:
        ValueError: If the folder holds no whole model, or one that `recipe` did not make.
    """
    try:
        description = json.loads((folder / "model.json").read_text())
        tensors = read_weights(folder / WEIGHTS_FILE, description["sha256"])
    except KeyError as error:
        raise ValueError(f"{folder} holds no whole model: model.json lacks {error}") from error
    except (OSError, ValueError, TypeError, SafetensorError) as error:
        raise ValueError(f"{folder} holds no whole model: {error}") from error
    made_with = asdict(NetConfig()) | description["recipe"]["net"]  # older models lack newer settings
    if json.loads(json.dumps(asdict(recipe.net))) != json.loads(json.dumps(made_with)):
        raise ValueError(
            f"{folder} was made with another [net] than the project now has; restore it or train anew"
        )
    taught = description["recipe"]["train"].get("target", "classes")  # older models know no other
    if recipe.train.target != taught:
        raise ValueError(
            f"{folder} was made with train.target {taught!r}, the project now has {recipe.train.target!r}; "
            "restore it or train anew"
        )
    members: list[Weights] = [{} for _ in range(description["members"])]
    for key, value in tensors.items():
        index, name = key.split(".", 1)
        members[int(index)][name] = value
    return SegmentationModel(
        recipe=recipe,
        classes=description["classes"],
        sampling=description["sampling"],
        device=device,
        members=tuple(members),
        statistics=tuple(description["statistics"]),
        losses=tuple(description["losses"]),
    )


def _overlap(net: NetConfig, window: Int3) -> Int3:
    """Voxels shared by neighbouring windows: what an output voxel sees, but no more than half a window."""
    z, y, x = (
        min(-(-2 * r // m), side // m // 2) * m
        for r, side, m in zip(net.receptive_radius, window, net.multiple, strict=True)
    )
    return z, y, x
