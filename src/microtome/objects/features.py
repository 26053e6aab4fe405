"""Features of proposed objects: a VAE of their aligned masks and one of image patches (Lin et al. 2020)."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int8, Int64, UInt8
from numpy.typing import DTypeLike

from microtome.learn.pictures import Pictures
from microtome.learn.triplet import TripletTraining, fine_tuned
from microtome.learn.vae import FittedVAE, VAETraining, fit_vae, load_vae, save_vae
from microtome.net.vae import VAEConfig
from microtome.objects.align import SIDE, Patch, Scene, aligned_patches, cut_out
from microtome.objects.proposals import Proposals
from microtome.objects.squares import anywhere, cut
from microtome.objects.streams import (
    FOLDER,
    Streams,
    discard,
    new_arrays,
    read_note,
    read_streams,
    write_note,
)
from microtome.objects.table import ObjectTable
from microtome.progress import Progress, silent
from microtome.volume import Volume

BATCH = 256  # patches encoded at a time
OWN = "fitted to this set"
MOST_STEP = 64  # voxels of a pixel
MOST_VOXELS = 8192  # along a patch; to cut out one of them takes 1.3 GB

Tuned = Literal["images", "masks", "both"]
Picture = UInt8[np.ndarray, "s s"] | Int8[np.ndarray, "s s"]


@dataclass(frozen=True, slots=True)
class FeatureSettings:
    """How the networks of the two streams look, and what they are fitted to.

    Raises:
        ValueError: If a number is not positive, a patch is too large, or no multiple of what a network sees.
    """

    masks: VAEConfig = field(default_factory=VAEConfig)
    images: VAEConfig = field(default_factory=lambda: VAEConfig(latent=1000))
    training: VAETraining = field(default_factory=VAETraining)
    side: int = SIDE  # pixels of a patch
    step: int = 1  # voxels of a pixel, in y and x
    most: int = 20_000  # patches that a network is fitted to; of more, a random sample
    seed: int = 0
    around: int | None = 3  # pixels of image about an object, and grey beyond; None: all, as Lin et al.

    def __post_init__(self) -> None:
        if min(self.side, self.step, self.most) < 1:
            raise ValueError(
                f"side, step and most must be at least 1; got {self.side}, {self.step} and {self.most}"
            )
        if self.step > MOST_STEP or self.side * self.step > MOST_VOXELS:
            raise ValueError(
                f"expected a step of at most {MOST_STEP} and a patch of at most {MOST_VOXELS} voxels; "
                f"got {self.step} and {self.side} x {self.step}"
            )
        if self.around is not None and self.around < 0:
            raise ValueError(f"expected at least 0 pixels around an object; got {self.around}")
        for config in (self.masks, self.images):
            if self.side % config.side:
                raise ValueError(f"expected a side that is a multiple of {config.side}; got {self.side}")

    @property
    def seen(self) -> int:
        """Patches that a network is fitted to, no more than it is shown."""
        return min(self.most, self.training.steps * self.training.batch)

    def kept(self) -> dict[str, object]:
        """As they are written down: without `around` where all of a patch is seen."""
        return {name: value for name, value in asdict(self).items() if value is not None}


SMALL = FeatureSettings(
    masks=VAEConfig(latent=20, widths=(16, 32, 64, 64), side=32),
    images=VAEConfig(latent=64, widths=(32, 64, 64, 128), side=64),
    training=VAETraining(steps=2000, batch=64),
    most=10_000,
)
"""For a machine without a GPU: coarser patches and fewer numbers, in minutes."""


@dataclass(frozen=True, eq=False)
class Networks:
    """The two fitted VAEs, and where they come from, in words."""

    masks: FittedVAE
    images: FittedVAE
    origin: str = OWN


@dataclass(frozen=True, eq=False)
class FeatureMaker:
    """Makes the features of a set of proposals and keeps them beside its table.

    `origin` is the digest of what they are of. Memory holds the patches that one network is fitted to, or a
    batch of them, whatever the number of objects.
    """

    proposals: Proposals
    image: Volume
    origin: str
    settings: FeatureSettings
    device: str = "cpu"
    progress: Progress = silent

    def made(self, networks: Networks | None = None, *, anew: bool = False) -> Streams:
        """The features: as they are kept, or else now encoded, by `networks` or by ones fitted for it.

        What was fitted before an interruption is used again; encoding starts anew. Features of what has
        changed since are replaced; others that are finished only if they are to be made `anew`.

        Raises:
            ValueError: If there are finished ones of other settings, the label volume is not the one that
                was proposed, or the networks do not fit the patches.
            OSError: If a volume cannot be read or the folder not written.
        """
        note, before = self._note(networks), read_note(self.proposals)
        if before is not None:
            same = all(before[name] == value for name, value in note.items())
            if before["finished"] and not anew:
                if same:
                    return read_streams(self.proposals, self.origin)
                if before["origin"] == self.origin:
                    raise ValueError(
                        f"proposals {self.proposals.folder.name} have features of other settings or networks "
                        f"({before['networks']}): say that they are to be made anew"
                    )
            if before["finished"] or not same:
                discard(self.proposals)
        self.proposals.require_intact(self.progress)
        write_note(self.proposals, {**note, "finished": False})
        self._encode(self._kept(networks))
        write_note(self.proposals, {**note, "finished": True})
        return read_streams(self.proposals, self.origin)

    def networks(self) -> Networks:
        """The networks that made the finished features.

        Raises:
            ValueError: If there are no features, or a network is damaged.
        """
        read_streams(self.proposals, self.origin)
        note = read_note(self.proposals)
        assert note is not None, "features were read"
        masks, images = (load_vae(path, device=self.device) for path in self._folders)
        origin = str(note["networks"]).replace(OWN, f"fitted to {self.proposals.folder.name}")
        return Networks(masks, images, origin)

    def tuned(
        self,
        networks: Networks,
        rows: Int64[np.ndarray, "m"],
        correct: Bool[np.ndarray, "m"],
        streams: Tuned = "images",
        training: TripletTraining | None = None,
    ) -> Networks:
        """Networks whose features draw together what people called alike: active clustering.

        `rows` are objects of the table, and `correct` what was decided of each.

        Raises:
            ValueError: If all were decided alike, or the patches do not fit the networks.
            OSError: If a volume cannot be read.
        """
        masks, images, seed = networks.masks, networks.images, self.settings.seed
        patches = self._patches(rows)
        if streams in ("masks", "both"):
            pictures = np.stack([patch.mask for patch in patches])
            masks = fine_tuned(masks, pictures, correct, training, seed=seed, progress=self.progress)
        if streams in ("images", "both"):
            pictures = np.stack([self._picture(patch) for patch in patches])
            images = fine_tuned(images, pictures, correct, training, seed=seed, progress=self.progress)
        told = f"{streams} tuned by {len(rows)} answers of {self.proposals.folder.name}"
        return Networks(masks, images, f"{networks.origin}; {told}")

    @property
    def _folders(self) -> tuple[Path, Path]:
        folder = self.proposals.folder / FOLDER
        return folder / "mask-vae", folder / "image-vae"

    @cached_property
    def _table(self) -> ObjectTable:
        return self.proposals.table()

    @cached_property
    def _scene(self) -> Scene:
        found, settings = self.proposals, self.settings
        return Scene(self.image, found.ids(), found.sides(), settings.side, settings.step)

    def _note(self, networks: Networks | None) -> dict[str, object]:
        settings = self.settings
        if networks is not None:
            settings = replace(settings, masks=networks.masks.config, images=networks.images.config)
        words = json.loads(json.dumps(settings.kept()))
        if networks is not None:
            del words["training"]  # which was another one
        return {
            "origin": self.origin,
            "settings": words,
            "networks": OWN if networks is None else networks.origin,
        }

    def _kept(self, given: Networks | None) -> Networks:
        """The networks, in the folder: those given, those that are there, or new ones."""
        masks, images = self._folders
        if not masks.exists():
            save_vae(given.masks if given else self._fitted_to_masks(), masks)
        if not images.exists():
            save_vae(given.images if given else self._fitted_to_images(), images)
        return Networks(load_vae(masks, device=self.device), load_vae(images, device=self.device))

    def _fitted_to_masks(self) -> FittedVAE:
        return self._fitted(self._of_objects(lambda patch: patch.mask, np.int8, 0), self.settings.masks)

    def _fitted_to_images(self) -> FittedVAE:
        """To what it will see: patches from anywhere in the volume, or objects that are cut out."""
        settings = self.settings
        if settings.around is not None:
            return self._fitted(self._of_objects(self._picture, np.uint8, 1), settings.images)
        rng = np.random.default_rng((settings.seed, 1))
        squares = anywhere(self.image.shape, settings.side * settings.step, settings.seen, rng)
        pictures = np.empty((len(squares), settings.side, settings.side), np.uint8)
        for k, picture in enumerate(cut(self.image, squares, settings.step)):
            pictures[k] = picture
            self.progress("cutting images", k + 1, len(squares))
        return self._fitted(pictures, settings.images)

    def _of_objects(self, picture: Callable[[Patch], Picture], dtype: DTypeLike, stream: int) -> Pictures:
        """Pictures of the patches of objects, of all of them or a random sample."""
        count, settings = len(self._table), self.settings
        rng = np.random.default_rng((settings.seed, stream))
        rows = np.sort(rng.choice(count, min(count, settings.seen), replace=False))
        pictures = np.empty((len(rows), settings.side, settings.side), dtype)
        for k, (_, patch) in enumerate(aligned_patches(self._scene, self._table, rows.tolist())):
            pictures[k] = picture(patch)
            self.progress("cutting objects", k + 1, len(rows))
        return pictures

    def _fitted(self, pictures: Pictures, config: VAEConfig) -> FittedVAE:
        settings = self.settings
        return fit_vae(
            pictures,
            config,
            settings.training,
            seed=settings.seed,
            device=self.device,
            progress=self.progress,
        )

    def _encode(self, networks: Networks) -> None:
        widths = networks.masks.config.latent, networks.images.config.latent
        done, total = 0, len(self._table)
        cuts = aligned_patches(self._scene, self._table, range(total))
        with new_arrays(self.proposals, widths) as (masks, images):
            while batch := list(islice(cuts, BATCH)):
                rows = [row for row, _ in batch]
                masks[rows] = networks.masks.encode(np.stack([patch.mask for _, patch in batch]))
                images[rows] = networks.images.encode(np.stack([self._picture(patch) for _, patch in batch]))
                done += len(rows)
                self.progress("encoding objects", done, total)

    def _picture(self, patch: Patch) -> UInt8[np.ndarray, "s s"]:
        """What the network of images sees of a patch."""
        around = self.settings.around
        return patch.image if around is None else cut_out(patch, around)

    def _patches(self, rows: Int64[np.ndarray, "m"]) -> list[Patch]:
        """In the order of `rows`."""
        patches = dict(aligned_patches(self._scene, self._table, rows.tolist()))
        return [patches[row] for row in rows.tolist()]
