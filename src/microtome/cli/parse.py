"""Numbers and boxes from words; what cannot be read is wrong usage."""

from math import isfinite

import typer

from microtome.box import Int3

LARGEST = 1_000_000  # voxels along an axis, or groups


def numbers(text: str, count: int, option: str) -> tuple[float, ...]:
    """`count` numbers, all finite, with commas between them.

    Raises:
        typer.BadParameter: If they are not that.
    """
    parts = text.split(",")
    try:
        values = tuple(float(part) for part in parts)
    except ValueError:
        values = ()
    if len(values) != count or not all(isfinite(value) for value in values):
        raise typer.BadParameter(
            f"expected {count} numbers with commas between them; got {text!r}", param_hint=option
        )
    return values


def require_local(host: str, *, allow_remote: bool) -> None:
    """Refuse to listen to other machines unless that was asked for.

    Raises:
        typer.BadParameter: If `host` is not this machine's loopback address.
    """
    if host not in ("127.0.0.1", "localhost", "::1") and not allow_remote:
        raise typer.BadParameter(
            f"{host} can be reached from other machines; add --allow-remote if that is meant",
            param_hint="--host",
        )


def names(text: str) -> tuple[str, ...]:
    """Names with commas between them, without the blanks around them."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def whole_numbers(text: str, option: str) -> tuple[int, ...]:
    """Whole numbers with commas between them.

    Raises:
        typer.BadParameter: If they are not that.
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        message = f"expected whole numbers with commas between them; got {text!r}"
        raise typer.BadParameter(message, param_hint=option) from None


def int3(text: str, option: str, *, least: int = 1) -> Int3:
    """Three whole numbers z,y,x, from `least` to `LARGEST`.

    Raises:
        typer.BadParameter: If they are not that.
    """
    values = numbers(text, 3, option)
    if any(value != int(value) or not least <= value <= LARGEST for value in values):
        raise typer.BadParameter(
            f"expected three whole numbers from {least} to {LARGEST}; got {text!r}", param_hint=option
        )
    z, y, x = (int(value) for value in values)
    return z, y, x


def window(text: str) -> tuple[float, float]:
    """Two grey values, the lower one first.

    Raises:
        typer.BadParameter: If they are not that.
    """
    low, high = numbers(text, 2, "--window")
    if not low < high:
        raise typer.BadParameter(f"expected low < high; got {text!r}", param_hint="--window")
    return low, high
