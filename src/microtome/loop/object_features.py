"""Features of a project's objects: by new networks, or by those of a set before that learned from answers."""

import numpy as np
from jaxtyping import Bool, Int64

from microtome.loop.session import Session
from microtome.objects.decisions import decisions
from microtome.objects.features import FeatureMaker, FeatureSettings, Networks, Tuned
from microtome.objects.feedback import decided_rows
from microtome.objects.proposals import Proposals
from microtome.objects.streams import origin_of


def feature_maker(session: Session, found: Proposals, settings: FeatureSettings) -> FeatureMaker:
    """What makes the features of a set of the session's project.

    Raises:
        OSError: If the set cannot be read.
    """
    origin = origin_of(found, session.project.config.image)
    return FeatureMaker(found, session.image, origin, settings, session.device, session.progress)


def kept_networks(
    session: Session, found: Proposals, settings: FeatureSettings, tune: Tuned | None = None
) -> Networks:
    """The networks that made the features of a set, `tune`d by all that was decided on its objects.

    Raises:
        ValueError: If it has no features, or, to tune, no decisions of both kinds.
        OSError: If they cannot be read.
    """
    maker = feature_maker(session, found, settings)
    networks = maker.networks()
    if tune is None:
        return networks
    rows, correct = decided(session, found)
    return maker.tuned(networks, rows, correct, tune)


def decided(
    session: Session, found: Proposals, people: int = 1
) -> tuple[Int64[np.ndarray, "m"], Bool[np.ndarray, "m"]]:
    """The rows of a set's objects that people decided on, in whichever set, and whether each is correct."""
    verdicts = session.project.journal.verdicts
    said = decided_rows(found.table(), decisions(verdicts.queries(), verdicts.verdicts(), people))
    return np.array(list(said), dtype=np.int64), np.array(list(said.values()), dtype=bool)
