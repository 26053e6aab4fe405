"""How much is shown around a query."""

from microtome.box import Box, Int3

LEAST, MOST = 32, 256  # voxels of context on each side, in y and x


def view_of(box: Box, volume: Int3) -> Box:
    """The query's box with context in y and x, and in z where the box is deep: half a side, in the volume."""
    z, y, x = box.shape
    margin = (z // 2 if z > 1 else 0, _context(y), _context(x))
    return box.grown(margin).intersection(Box.of(volume))


def preview_of(box: Box, volume: Int3) -> Box:
    """Where a query's prediction is shown: what is seen of its own sections."""
    view = view_of(box, volume)
    return Box((box.start[0], *view.start[1:]), (box.stop[0], *view.stop[1:]))


def _context(side: int) -> int:
    return min(max(side // 2, LEAST), MOST)
