"""What a study says and what it does not say, in sentences made from its numbers."""

from collections.abc import Sequence

import numpy as np

from microtome.benchmark.analysis.statistics import Bound, Comparison, smallest_p
from microtome.benchmark.analysis.summary import ALPHA, Analysis, Summary, Target

_AMOUNT = {"exact": "", "at least": "at least ", "at most": "at most ", "unclear": "about "}
_SIGN = {"exact": "", "at least": "≥ ", "at most": "≤ ", "unclear": "≈ "}


def findings(study: Analysis, primary: str = "", reference: str = "foreground-random") -> list[str]:
    """What this says: the result at the largest budget, against each reference, and in labels.

    `primary` is the strategy whose comparison with `reference` was written down before the study; that one
    test needs no correction.
    """
    if not study.curves.seeds:
        return ["Nothing yet: no seed has been finished by the strategies that are to be compared."]
    sentences = [_setting(study), _last_budget(study)]
    sentences += _saturated(study) + _primary(study, primary, reference)
    for other in study.references:
        sentences += _against(study, other)
    if len(study.summaries) > 1 and not study.references:
        sentences.append("No reference strategy was run, so nothing is compared.")
    return sentences + _labels(study)


OWN_ANSWERS = (
    "Answers are those that were given in the project, right or wrong; only patches that were asked about "
    "can be chosen, and those tested on are their neighbours, so every score is flattered."
)


def limits(study: Analysis, data: str, complete: bool, *, own: bool = False) -> list[str]:
    """What this does not say; `own` is a comparison on what was answered in a project."""
    seeds = len(study.curves.seeds)
    sentences = [] if complete else ["The study is not finished; every number here may change."]
    sentences += [
        "No significant difference is not equality: it says that these seeds could not tell the two apart.",
        f"It is one data set, {data}; on another tissue, structure or microscope the order may be another.",
        "Minutes are simulated from a model of an annotator; nobody sat there. "
        + (OWN_ANSWERS if own else "Answers are the known truth, without the mistakes that people make."),
        "All strategies share one net and one training recipe. A better trained net often leaves less to "
        "gain, and full supervision is that same recipe on all labels, not the best that is possible.",
        f"{_count(seeds, 'seed')} {'varies' if seeds == 1 else 'vary'} the start set, the initial weights "
        "and the order of the data, not the tissue: an interval over seeds does not cover another specimen.",
        "A lead at the best budget is the largest of several, so it flatters; the areas do not choose.",
    ]
    if any(one.knows_truth for one in study.summaries):
        sentences.append(
            "An oracle takes the patches with the most errors, by the truth. No lab can use it; and it is no "
            "upper bound, since the hardest patches are not the most instructive ones."
        )
    if any("foreground" in one.strategy for one in study.summaries):
        sentences.append(
            "Foreground-random may use the truth to know where the foreground is; a lab has to point to some."
        )
    return sentences


def listed(names: Sequence[str]) -> str:
    """Names as a sentence has them: a, b and c."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def times(ratio: float, bound: Bound) -> str:
    """A ratio as a cell of a table has it, with what censoring makes of it: ≥ 2.1×; – where there is none."""
    return "–" if bound == "none" or not np.isfinite(ratio) else f"{_SIGN[bound]}{ratio:.1f}×"


def holm(p: float) -> str:
    """A p value as one prints it."""
    if not np.isfinite(p):
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _setting(study: Analysis) -> str:
    known = study.curves
    budgets = f"{known.budgets[0]} to {known.budgets[-1]} labelled patches"
    pool = f" of {known.pool}" if known.pool else ""
    strategies = _count(len(study.summaries), "strategy", "strategies")
    paired = "the same start, initial weights and random streams for all strategies of a seed"
    return f"{strategies}, {_count(len(known.seeds), 'paired seed')} ({paired}), {budgets}{pool}."


def _last_budget(study: Analysis) -> str:
    known = study.curves
    usable = [one for one in study.summaries if not one.knows_truth] or list(study.summaries)
    best = max(usable, key=lambda one: one.final)
    others = [one for one in study.summaries if one.strategy in study.references and one is not best]
    against = "".join(f", that of {one.strategy} {one.final:.3f}" for one in others)
    full = f"; all labels give {known.full:.3f}" if np.isfinite(known.full) else ""
    return (
        f"With {known.budgets[-1]} patches the best mean Jaccard index is {best.final:.3f} ({best.strategy})"
        f"{against}{full}."
    )


def _saturated(study: Analysis) -> list[str]:
    """Whether some labels are as good as all of them: then shares of full supervision say little."""
    known = study.curves
    names = [one.strategy for one in study.summaries if not one.knows_truth]
    means = {name: known.scores[name].mean(axis=0) for name in names}
    there = [int(known.budgets[k]) for mean in means.values() for k in np.flatnonzero(mean >= known.full)]
    if not there:
        return []
    reached = sum(bool((mean >= known.full).any()) for mean in means.values())
    return [
        f"{reached} of {_count(len(names), 'strategy', 'strategies')} reach the score of all labels, the "
        f"first with {min(there)} patches: this schedule gains nothing from more, so that a share of full "
        "supervision is a low bar."
    ]


def _primary(study: Analysis, primary: str, reference: str) -> list[str]:
    found = [one for one in study.summaries if one.strategy == primary]
    if not primary:
        return []
    if not found or reference not in found[0].against:
        return [f"The comparison that was written down before the study, of {primary}, was not run."]
    c = found[0].against[reference]
    p = f"p {holm(c.p) if c.p < 0.001 else '= ' + holm(c.p)}"
    return [
        f"Written down before the study: {primary} against {reference}. It is {_points(c)}, {p}, uncorrected."
    ]


def _against(study: Analysis, reference: str) -> list[str]:
    """Who is better, worse, or not told apart from the reference."""
    others = [one for one in study.summaries if reference in one.against]
    if not others:
        return []
    if not np.isfinite([one.against[reference].p for one in others]).all():
        return [f"Nothing can be tested against {reference}."]
    seeds = len(study.curves.seeds)
    least = smallest_p(seeds, len(others))
    if least >= ALPHA:
        return [
            f"Against {reference} nothing can be significant: with {_count(seeds, 'seed')} and "
            f"{_count(len(others), 'comparison')} the smallest corrected p is {least:.2g}."
        ]
    better = [one for one in others if one.better_than(reference) and not one.knows_truth]
    worse = [one.strategy for one in others if one.worse_than(reference)]
    unclear = [one for one in others if not one.differs(reference)]
    usable = sum(not one.knows_truth for one in others)
    parts = [f"Against {reference}, after Holm’s correction: {_better(better, usable)}"]
    if better:
        leader = max(better, key=lambda one: one.against[reference].estimate)
        parts.append(f"The lead is largest for {leader.strategy}, {_points(leader.against[reference])}.")
    if worse:
        parts.append(f"Significantly worse: {listed(worse)}.")
    if unclear:
        width = float(np.median([_half(one.against[reference]) for one in unclear]))
        unseen = f"; differences below about {width:.1f} points may go unseen" if np.isfinite(width) else ""
        parts.append(f"Not told apart: {listed([one.strategy for one in unclear])}{unseen}.")
    return [" ".join(parts)]


def _better(better: Sequence[Summary], usable: int) -> str:
    """How many of those that a lab could use, and which."""
    if not better:
        return f"none of {usable} is significantly better."
    names = listed([one.strategy for one in better])
    return f"{len(better)} of {usable} {'is' if len(better) == 1 else 'are'} significantly better ({names})."


def _points(comparison: Comparison) -> str:
    """A difference of areas in points of Jaccard, with its interval."""
    points = f"{100 * comparison.estimate:+.1f} points of area"
    if not np.isfinite(comparison.low):
        return points
    return f"{points} (95 % interval {100 * comparison.low:+.1f} to {100 * comparison.high:+.1f})"


def _half(comparison: Comparison) -> float:
    return 50 * (comparison.high - comparison.low)


def _labels(study: Analysis) -> list[str]:
    """Labels of the references over those of the thriftiest usable strategy, on mean curves."""
    usable = [one for one in study.summaries if not one.knows_truth and one.strategy not in study.references]
    sentences = []
    for k in range(len(usable[0].targets) if usable else 0):
        reached = [one for one in usable if not one.targets[k].of_mean.censored]
        share = f"{100 * usable[0].targets[k].share:.0f} % of full supervision"
        if not np.isfinite(study.curves.full):
            return ["Full supervision was not run, so labels to a share of it are not known."]
        if not reached:
            sentences.append(f"No mean curve of a strategy reaches {share} within the budgets.")
            continue
        first = min(reached, key=lambda one: one.targets[k].of_mean.patches)
        target = first.targets[k]
        sentences.append(
            f"To {share} the mean curve of {first.strategy} needs {target.of_mean.patches:.0f} patches"
            f"{_times(target)}; it is the least of {len(usable)} strategies, so it flatters."
        )
    return sentences


def _times(target: Target) -> str:
    parts = [
        f"{reference} {_AMOUNT[bound]}{ratio:.1f} times as many"
        for reference, (ratio, bound) in target.of_means.items()
        if bound != "none"
    ]
    return f"; {listed(parts)}" if parts else ""


def _count(number: int, singular: str, plural: str = "") -> str:
    return f"{number} {singular if number == 1 else plural or singular + 's'}"
