"""summary.csv: one row a strategy, for a machine."""

import csv
import io
import math
from collections.abc import Sequence

from microtome.benchmark.analysis.statistics import Comparison, Gain, Saving
from microtome.benchmark.analysis.summary import Analysis, Summary, Target
from microtome.benchmark.protocol.rounds import FULL

Value = str | int | float
_NAN = float("nan")


def summary_csv(study: Analysis, references: Sequence[str]) -> str:
    """Best area first, full supervision last; six digits, an empty cell where there is no number.

    The same rows of a study give the same bytes. Columns do not depend on which references were run.
    """
    records = [_record(one, study, references) for one in study.summaries]
    if study.full_scores.size:
        records.append(_full(study))
    buffer = io.StringIO()
    names = list(records[0]) if records else ["strategy", "seeds"]
    writer = csv.DictWriter(buffer, names, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in record.items()} for record in records)
    return buffer.getvalue()


def _record(one: Summary, study: Analysis, references: Sequence[str]) -> dict[str, Value]:
    record: dict[str, Value] = {
        "strategy": one.strategy,
        "seeds": len(study.curves.seeds),
        "patches": int(study.curves.budgets[-1]),
        "jaccard": one.final,
        "jaccard_sd": one.final_sd,
        "area_log2": one.area_log2,
        "area_log2_sd": one.area_log2_sd,
        "area_linear": one.area_linear,
    }
    for reference in references:
        record |= _differences(one, reference)
    for target in one.targets:
        record |= _labels(target, references)
    record |= {
        "foreground_efficiency": one.efficiency.gamma,
        "foreground_efficiency_missing": one.efficiency.reason,
    }
    record |= one.means
    return record | {
        "train_seconds": one.train_seconds,
        "predict_seconds": one.predict_seconds,
        "choose_seconds": one.choose_seconds,
    }


def _full(study: Analysis) -> dict[str, Value]:
    scores = study.full_scores
    return {
        "strategy": FULL,
        "seeds": len(scores),
        "patches": study.curves.pool,
        "jaccard": float(scores.mean()),
        "jaccard_sd": float(scores.std(ddof=1)) if len(scores) > 1 else _NAN,
    }


def _differences(one: Summary, reference: str) -> dict[str, Value]:
    nothing = Comparison(one.strategy, reference, _NAN, _NAN, _NAN, _NAN, _NAN)
    end = f"_minus_{reference}"
    record: dict[str, Value] = {}
    for axis, table in (("log2", one.against), ("linear", one.against_linear)):
        found = table.get(reference, nothing)
        record |= {
            f"area_{axis}{end}": found.estimate,
            f"area_{axis}{end}_low": found.low,
            f"area_{axis}{end}_high": found.high,
            f"area_{axis}{end}_p": found.p,
            f"area_{axis}{end}_p_holm": found.p_holm,
        }
    gain = one.gains.get(reference, Gain(0, _NAN, _NAN, _NAN))
    return record | {
        f"best_points{end}": gain.points,
        f"best_points{end}_low": gain.low,
        f"best_points{end}_high": gain.high,
        f"best_points{end}_patches": gain.patches or _NAN,
    }


def _labels(target: Target, references: Sequence[str]) -> dict[str, Value]:
    to = f"_to_{100 * target.share:.0f}"
    record: dict[str, Value] = {
        f"labels{to}": target.labels,
        f"labels{to}_reached_seeds": target.reached,
        f"labels{to}_mean_curve": target.of_mean.patches,
        f"labels{to}_mean_curve_censored": int(target.of_mean.censored),
        f"labels{to}_mean_curve_to_full": target.of_mean_to_full.patches,
    }
    for reference in references:
        found = target.savings.get(reference, Saving(_NAN, _NAN, _NAN, "none", 0, 0))
        ratio, bound = target.of_means.get(reference, (_NAN, "none"))
        to_full, _ = target.of_means_to_full.get(reference, (_NAN, "none"))
        saved = f"saved{to}_vs_{reference}"
        record |= {
            saved: found.ratio,
            f"{saved}_low": found.low,
            f"{saved}_high": found.high,
            f"{saved}_bound": found.bound,
            f"{saved}_pairs": found.pairs,
            f"{saved}_mean_curve": ratio,
            f"{saved}_mean_curve_bound": bound,
            f"{saved}_mean_curve_to_full": to_full,
        }
    return record


def _cell(value: Value) -> str:
    if isinstance(value, float):
        return f"{value:.6g}" if math.isfinite(value) else ""
    return str(value)
