"""The only place where a strategy, a metric or a recipe has a name as text."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import TypeVar, get_args

from microtome.learn.config import Recipe, demo, lubrano, roels_saeys
from microtome.predict.sampling import Sampling
from microtome.query.cold import ColdStart
from microtome.query.ranked import TopK
from microtome.query.strategy import Strategy
from microtome.query.uncertainty import deviation, entropy, least_confidence, margin, mutual_information
from microtome.query.unranked import ForegroundRandom, Random, Strided

Named = TypeVar("Named")

STRATEGIES: dict[str, Strategy] = {
    "random": Random(),
    "foreground-random": ForegroundRandom(share=2 / 3, by="truth"),
    "foreground-random-33": ForegroundRandom(share=1 / 3, by="truth"),
    "foreground-random-predicted": ForegroundRandom(share=2 / 3, by="prediction"),
    "strided": Strided(),
    "cold-start": ColdStart(),
    "entropy": TopK(entropy),
    "least-confidence": TopK(least_confidence),
    "margin": TopK(margin),
    "mutual-information": TopK(mutual_information),
    "deviation": TopK(deviation),
}

SAMPLINGS: dict[str, Sampling] = {name: name for name in get_args(Sampling)}

RECIPES: dict[str, Callable[[], Recipe]] = {
    "default": Recipe,
    "demo": demo,
    "roels-saeys": roels_saeys,
    "lubrano-dice": lambda: lubrano("dice"),
    "lubrano-cross-entropy": lambda: lubrano("ce"),
}


START_STRATEGIES = {
    name: STRATEGIES[name]
    for name in ("cold-start", "random", "strided", "foreground-random", "foreground-random-33")
}
"""Those that need no model, for the first round."""


def named(kind: str, name: str, things: Mapping[str, Named]) -> Named:
    """What `name` stands for.

    Raises:
        ValueError: If nothing has that name; the nearest one is suggested.
    """
    if name in things:
        return things[name]
    nearest = get_close_matches(name, things, n=1)
    hint = f" (did you mean {nearest[0]!r}?)" if nearest else ""
    raise ValueError(f"unknown {kind} {name!r}{hint}: expected one of {', '.join(things)}")
