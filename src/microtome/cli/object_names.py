"""Words for the ways of choosing objects: the place where these have names as text."""

from collections.abc import Callable, Mapping

from microtome.box import Int3
from microtome.objects.strategies import Known, MeanEntropy, TwoStream
from microtome.objects.streams import Streams
from microtome.objects.table import ObjectTable
from microtome.query.coverage import CoreSet
from microtome.query.ranked import TopK
from microtome.query.scores import PredictedLoss
from microtome.query.strategy import Strategy
from microtome.query.unranked import Random

Features = Callable[[], Streams]
Maker = Callable[[ObjectTable, Features], Strategy]

TWO_STREAM = "two-stream"


def object_strategies(clusters: Int3 = (64, 4, 5), *, standardise: bool = False) -> Mapping[str, Maker]:
    """How objects may be chosen, by name; features are made only for a strategy that looks at them.

    Core-set goes by the network's own features, as its authors do, or by the image stream.
    """
    first, second, each = clusters
    return {
        TWO_STREAM: lambda _, features: two_stream(features(), clusters, standardise=standardise),
        "masks-alone": lambda _, features: two_stream(
            features(), (first * second, 1, each), standardise=standardise
        ),
        "images-alone": lambda _, features: two_stream(
            features(), (1, first * second, each), standardise=standardise
        ),
        "random": lambda _, __: Random(),
        "core-set": lambda _, __: CoreSet(),
        "core-set-images": lambda _, features: CoreSet(Known(features().images)),
        "learning-loss": lambda _, __: TopK(PredictedLoss()),
        "entropy": lambda table, _: TopK(MeanEntropy(table.probability)),
    }


def two_stream(streams: Streams, clusters: Int3, *, standardise: bool = False) -> TwoStream:
    """Two-stream active query suggestion over these features."""
    return TwoStream(Known(streams.masks), Known(streams.images), clusters, standardise)
