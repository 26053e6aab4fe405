"""Where to train and where to test in the image of a part, in the words of `project.toml`."""

from microtome.benchmark.datasets.dataset import Part
from microtome.box import Int3
from microtome.project.parse import parse_split


def splits(part: Part, shape: Int3, downsample: Int3 = (1, 1, 1)) -> tuple[str | None, str | None]:
    """Where to train and to test in the image of `part`, in the words of `project.toml`; None if not said.

    `shape` is that of the file, the boxes are those after downsampling. What lies half inside is left out.

    Raises:
        ValueError: If a split does not fit into `shape`, or nothing of it is left.
    """
    z, y, x = shape
    train, test = part.train, part.test
    if part.halves:
        train, test = f"0:{z},0:{y // 2},0:{x}", f"0:{z},{y // 2}:{y},0:{x}"
    return _downsampled(train, shape, downsample), _downsampled(test, shape, downsample)


def _downsampled(split: str | None, shape: Int3, factors: Int3) -> str | None:
    if split is None:
        return None
    box = parse_split(split, shape)
    starts = [-(-start // factor) for start, factor in zip(box.start, factors, strict=True)]
    stops = [stop // factor for stop, factor in zip(box.stop, factors, strict=True)]
    small = ",".join(f"{start}:{stop}" for start, stop in zip(starts, stops, strict=True))
    z, y, x = (side // factor for side, factor in zip(shape, factors, strict=True))
    parse_split(small, (z, y, x))
    return small if "," in split else small.partition(",")[0]
