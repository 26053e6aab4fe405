"""Imported before the package: jaxtyping checks functions that name shapes of arrays, beartype all others.

Every function is checked as before. jaxtyping follows shapes from call to call even where there are none,
which took more than half of the time of tests that call many small functions.
"""

import dataclasses
import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import jaxtyping

with_shapes = jaxtyping.jaxtyped


def checked(given: Any = None, *, typechecker: Callable) -> Any:  # noqa: ANN401
    """A function or class that checks its arguments, as `jaxtyping.jaxtyped` gives it."""
    if given is None:
        return partial(checked, typechecker=typechecker)
    if inspect.isfunction(given) and _is_plain(given):
        return typechecker(given)
    if dataclasses.is_dataclass(given) and "__init__" in vars(given) and _is_plain(given.__init__):
        given.__init__ = typechecker(given.__init__)
        return given
    return with_shapes(given, typechecker=typechecker)


def _is_plain(function: Callable) -> bool:
    """Whether no shape is named, nor by a string something that mypy alone imports."""
    of = function.__qualname__.split(".")[-2:][0]
    hints = function.__annotations__.values()
    return all(hint == of if isinstance(hint, str) else "jaxtyping." not in repr(hint) for hint in hints)


jaxtyping.jaxtyped = checked
