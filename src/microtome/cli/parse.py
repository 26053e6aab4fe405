"""Numbers and boxes from words; what cannot be read is wrong usage."""

import typer

from microtome.box import Int3


def numbers(text: str, count: int | None, option: str) -> tuple[float, ...]:
    """`count` numbers with commas between them.

    Raises:
        typer.BadParameter: If they are not that.
    """
    parts = text.split(",")
    try:
        values = tuple(float(part) for part in parts)
    except ValueError:
        values = ()
    if not values or (count is not None and len(values) != count):
        expected = f"{count} numbers" if count else "numbers"
        raise typer.BadParameter(
            f"expected {expected} with commas between them; got {text!r}", param_hint=option
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


def int3(text: str, option: str) -> Int3:
    """Three positive whole numbers z,y,x.

    Raises:
        typer.BadParameter: If they are not that.
    """
    values = numbers(text, 3, option)
    if any(value != int(value) or value < 1 for value in values):
        raise typer.BadParameter(
            f"expected three whole numbers of at least 1; got {text!r}", param_hint=option
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
