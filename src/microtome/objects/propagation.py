"""From a few answers to all objects: each group of alike objects gets what most of its answers say."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from microtome.objects.shares import Share, lead, share

CERTAIN = Share(0.0, 0.0, 0.0)  # where everything was answered


@dataclass(frozen=True, eq=False)
class Propagated:
    """A label for every object, and how many of them are expected to be wrong.

    `error` and `error_of_nothing` are shares of all objects, the answered among them, which are right. The
    first is that of the labels; the second that of calling every unanswered object correct, as is done when
    nothing is propagated. Both come from the groups with two answers or more, and take the others to be like
    them. `gain` is the second less the first, with its interval.
    """

    labels: Bool[np.ndarray, "n"]  # True where the object is taken to be correct
    error: Share
    error_of_nothing: Share
    gain: tuple[float, float, float]  # estimate, low, high
    covered: float  # the share of the unanswered objects that lie in groups with two answers or more

    @property
    def warning(self) -> str:
        """What speaks against using the labels; empty where nothing does."""
        gain, low, high = (100 * value for value in self.gain)
        if np.isnan(gain):
            return "no group has two answers, so that nobody knows whether propagating them helps"
        if gain < 0:
            return (
                f"propagating is expected to make {-gain:.1f} % more objects wrong than accepting all does "
                f"(95 % interval {-high:.1f} to {-low:.1f})"
            )
        if low < 0:
            return (
                f"propagating is expected to make {gain:.1f} % fewer objects wrong than accepting all does, "
                f"but may make more (95 % interval {low:.1f} to {high:.1f})"
            )
        return ""


def propagated(
    groups: Int64[np.ndarray, "n"],
    rows: Int64[np.ndarray, "m"],
    correct: Bool[np.ndarray, "k"],
    *,
    insist: bool = False,
) -> Propagated:
    """Every object labelled by the majority of the answers in its group (Lin et al. 2020).

    `rows` are the answered objects and `correct` what was decided of each: they keep it. Where a group has no
    answer, or as many of one kind as of the other, its other objects are taken to be correct, as proposals
    are until somebody objects. `insist` labels also where that is expected to hurt; `warning` says so.

    The error is that of leaving each answer out and predicting it from the others of its group, of which a
    tie counts half; an answer weighs as many unanswered objects as its group has for each of its answers.
    It errs on the high side, as fewer answers vote; representatives that are easier to tell than the rest of
    their group bend it the other way.

    Raises:
        ValueError: If an answered row is unknown or there twice, or propagating is expected to hurt.
    """
    _require(groups, rows, len(correct))
    count = int(groups.max(initial=-1)) + 1
    yes = np.bincount(groups[rows[correct]], minlength=count)
    no = np.bincount(groups[rows[~correct]], minlength=count)
    labels = (yes >= no)[groups]
    labels[rows] = correct
    found = _estimated(groups, labels, yes, no)
    if found.gain[0] < 0 and not insist:
        raise ValueError(found.warning)
    return found


def _estimated(
    groups: Int64[np.ndarray, "n"],
    labels: Bool[np.ndarray, "n"],
    yes: Int64[np.ndarray, "g"],
    no: Int64[np.ndarray, "g"],
) -> Propagated:
    answers = yes + no
    unanswered = (np.bincount(groups, minlength=len(yes)) - answers).astype(np.float64)
    told = answers > 1
    weight, said = unanswered[told], answers[told]
    wrong = weight * _left_out(yes[told], no[told]) / said
    wrong_of_nothing = weight * no[told] / said
    if not unanswered.any():
        return Propagated(labels, CERTAIN, CERTAIN, (0.0, 0.0, 0.0), 1.0)
    part = float(unanswered.sum() / len(groups))
    gain, low, high = lead(wrong_of_nothing, wrong, weight)
    return Propagated(
        labels,
        share(wrong, weight, said).times(part),
        share(wrong_of_nothing, weight, said).times(part),
        (gain * part, low * part, high * part),
        float(weight.sum() / unanswered.sum()),
    )


def _left_out(yes: Int64[np.ndarray, "g"], no: Int64[np.ndarray, "g"]) -> Float64[np.ndarray, "g"]:
    """How many answers of each group the majority of the others gets wrong; half where they tie."""
    wrong_yes = np.where(yes - 1 < no, 1.0, np.where(yes - 1 == no, 0.5, 0.0))
    wrong_no = np.where(no - 1 < yes, 1.0, np.where(no - 1 == yes, 0.5, 0.0))
    return yes * wrong_yes + no * wrong_no


def _require(groups: Int64[np.ndarray, "n"], rows: Int64[np.ndarray, "m"], said: int) -> None:
    if len(rows) != said:
        raise ValueError(f"expected a decision for each answered object; got {said} for {len(rows)}")
    if len(rows) and (rows.min() < 0 or rows.max() >= len(groups)):
        raise ValueError(f"expected answered rows in 0..{len(groups) - 1}; got {rows.min()}..{rows.max()}")
    if len(np.unique(rows)) < len(rows):
        raise ValueError("expected one decision for each answered object; got one row twice")
    if len(groups) and groups.min() < 0:
        raise ValueError(f"expected groups from 0; got {groups.min()}")
