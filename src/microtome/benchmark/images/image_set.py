"""Labelled images to learn from and to test on, all of one size."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Int64, UInt8

Images = UInt8[np.ndarray, "_ _ _ _"]  # n c y x
Labels = Int64[np.ndarray, "_"]
HELD_OUT = 0.2  # of the images to learn from, tested on in place of the test images


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images, the class of each as a number, and what the classes are called.

    Raises:
        ValueError: If there is nothing to learn or to test, less than two classes, or numbers do not fit.
    """

    images: Images
    labels: Labels
    test_images: Images
    test_labels: Labels
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.classes) < 2:
            raise ValueError(f"expected at least two classes; got {', '.join(self.classes) or 'none'}")
        for name, images, labels in (
            ("to learn from", self.images, self.labels),
            ("to test on", self.test_images, self.test_labels),
        ):
            if not len(images) or len(images) != len(labels):
                raise ValueError(
                    f"expected images {name}, with a label each; got {len(images)}, {len(labels)} labels"
                )
            if labels.min() < 0 or labels.max() >= len(self.classes):
                raise ValueError(
                    f"labels of images {name} must be 0 … {len(self.classes) - 1}; "
                    f"got {labels.min()} … {labels.max()}"
                )
        if self.images.shape[1:] != self.test_images.shape[1:]:
            raise ValueError(
                f"expected test images of shape {self.images.shape[1:]}; got {self.test_images.shape[1:]}"
            )

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all images, labels and names."""
        found = hashlib.sha256(repr((self.images.shape, self.test_images.shape, self.classes)).encode())
        for array in (self.images, self.labels, self.test_images, self.test_labels):
            found.update(array.tobytes())
        return found.hexdigest()


def held_out(found: ImageSet, seed: int = 0) -> ImageSet:
    """A fifth of the images to learn from as test images, to find settings by; the others stay unseen."""
    test, rest = parted(found.labels, HELD_OUT, seed)
    return ImageSet(
        found.images[rest], found.labels[rest], found.images[test], found.labels[test], found.classes
    )


def parted(labels: Labels, share: float, seed: int) -> tuple[Int64[np.ndarray, "k"], Int64[np.ndarray, "m"]]:
    """Rows of this share of every class, drawn by the seed, at least one of each, and the other rows."""
    rng = np.random.default_rng(seed)
    drawn = [
        rng.permutation(np.flatnonzero(labels == label))[: max(1, round(share * count))]
        for label, count in enumerate(np.bincount(labels).tolist())
        if count
    ]
    rows = np.sort(np.concatenate(drawn)).astype(np.int64)
    return rows, np.setdiff1d(np.arange(len(labels)), rows)
