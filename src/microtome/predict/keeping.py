"""The part of an image that is asked for, the rest being context, under the symmetries of prediction."""

from dataclasses import dataclass

from jaxtyping import Float32
from torch import Tensor

from microtome.box import Box
from microtome.learn.augment import symmetry
from microtome.net.config import NetConfig
from microtome.net.cropping import Cuts, cuts


@dataclass(frozen=True)
class ImagePart:
    """An image as networks see it, and the box of it that is asked for."""

    image: Float32[Tensor, "z y x"]
    box: Box

    def turned(self, turn: int) -> "ImagePart":
        """Both under a symmetry, numbered as in `symmetry`."""
        image, start, stop = symmetry(self.image, turn), list(self.box.start), list(self.box.stop)
        if turn & 4:
            start[1], start[2], stop[1], stop[2] = start[2], start[1], stop[2], stop[1]
        for bit, axis in ((1, 2), (2, 1)):
            if turn & bit:
                side = image.shape[axis]
                start[axis], stop[axis] = side - stop[axis], side - start[axis]
        return ImagePart(image, Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2])))

    def cuts(self, net: NetConfig) -> Cuts:
        """What need not be computed, as the box does not depend on it."""
        z, y, x = (side - stop for side, stop in zip(self.image.shape, self.box.stop, strict=True))
        return cuts(net, self.box.start, (z, y, x))

    def of(self, outputs: Float32[Tensor, "c u v w"], cut: Cuts) -> Float32[Tensor, "c z y x"]:
        """The box's part of outputs of the image that lack what was cut."""
        gone = [0, 0, *cut[0].skip.before][-3:] if cut else [0, 0, 0]
        return outputs[:, *self.box.shifted((-gone[0], -gone[1], -gone[2])).slices]
