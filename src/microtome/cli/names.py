"""The only place where a strategy, a metric or a recipe has a name as text."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import TypeVar, get_args

from microtome.learn.config import Recipe, demo, lin, lin_small, lubrano, roels_saeys
from microtome.predict.sampling import Sampling
from microtome.query.aggregate import boundary_discounted, distance_weighted, top_quantile
from microtome.query.cold import ColdStart
from microtome.query.coverage import Badge, CoreSet, Herding, KMeans, TypiClust
from microtome.query.embedding import appearance, bottleneck
from microtome.query.outward import Outward
from microtome.query.own_volume import own_volume, two_stream
from microtome.query.ranked import Power, TopK
from microtome.query.scores import PerMinute, PredictedLoss, TrueError, Uncertain
from microtome.query.strategy import Strategy
from microtome.query.stratified import ClassStratified
from microtome.query.suggestive import SuggestiveAnnotation
from microtome.query.task import TaskDependent
from microtome.query.uncertainty import deviation, entropy, least_confidence, margin, mutual_information
from microtome.query.unranked import ForegroundRandom, Random, Strided

Named = TypeVar("Named")

STRATEGIES: dict[str, Strategy] = {
    "random": Random(),
    "foreground-random": ForegroundRandom(share=2 / 3, by="truth"),
    "foreground-random-33": ForegroundRandom(share=1 / 3, by="truth"),
    "foreground-random-predicted": ForegroundRandom(share=2 / 3, by="prediction"),
    "foreground-random-33-predicted": ForegroundRandom(share=1 / 3, by="prediction"),
    "strided": Strided(),
    "cold-start": ColdStart(),
    "entropy": TopK(Uncertain(entropy)),
    "entropy-discounted": TopK(Uncertain(entropy, boundary_discounted)),
    "entropy-top": TopK(Uncertain(entropy, top_quantile)),
    "entropy-per-minute": TopK(PerMinute(Uncertain(entropy))),
    "least-confidence": TopK(Uncertain(least_confidence)),
    "margin": TopK(Uncertain(margin)),
    "mutual-information": TopK(Uncertain(mutual_information)),
    "deviation": TopK(Uncertain(deviation)),
    "mc-entropy": TopK(Uncertain(entropy, sampling="dropout")),
    "bald": TopK(Uncertain(mutual_information, sampling="dropout")),
    "bald-per-minute": TopK(PerMinute(Uncertain(mutual_information, sampling="dropout"))),
    "lubrano": TopK(Uncertain(deviation, distance_weighted, sampling="dropout")),
    "power-entropy": Power(Uncertain(entropy)),
    "power-bald": Power(Uncertain(mutual_information, sampling="dropout")),
    "clasp-pe": ClassStratified(),
    "learning-loss": TopK(PredictedLoss()),
    "kmeans": KMeans(bottleneck),
    "core-set": CoreSet(bottleneck),
    "core-set-looks": CoreSet(appearance),
    "typiclust": TypiClust(own_volume),
    "max-herding": Herding(own_volume),
    "uncertainty-herding": Herding(two_stream, Uncertain(entropy)),
    "badge": Badge(),
    "suggestive": SuggestiveAnnotation(),
    "task-dependent": TaskDependent(),
    "oracle-hard": TopK(TrueError()),
    "outward": Outward(),
}

SAMPLINGS: dict[str, Sampling] = {name: name for name in get_args(Sampling)}

RECIPES: dict[str, Callable[[], Recipe]] = {
    "default": Recipe,
    "demo": demo,
    "roels-saeys": roels_saeys,
    "lubrano-dice": lambda: lubrano("dice"),
    "lubrano-cross-entropy": lambda: lubrano("ce"),
    "lin": lin,
    "lin-small": lin_small,
}


START_STRATEGIES = {
    name: STRATEGIES[name]
    for name in ("cold-start", "random", "strided", "foreground-random", "foreground-random-33", "outward")
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
