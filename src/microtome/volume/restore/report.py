"""The whole of a restoration: measure, write, measure again, and say what became better or worse."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version

import numpy as np

from microtome.progress import Progress, silent
from microtome.volume.fingerprint import fingerprint
from microtome.volume.protocol import Volume
from microtome.volume.restore.damage import damaged_sections
from microtome.volume.restore.quality import flicker, held_out, intensity_extent, spread, stripe_energy
from microtome.volume.restore.real import require_padding
from microtome.volume.restore.restoration import Restoration, Restored, restored
from microtome.volume.restore.statistics import SectionStatistics, sampled_sections, section_statistics
from microtome.volume.restore.writing import Output, begun, fill, finish, require_new

Report = dict[str, object]
"""As JSON holds it; a number that is infinite or not defined is None."""

COMPARED = 16  # sections that are compared before and after


def restore(
    volume: Volume, uri: str, wanted: Restoration, *, detect: bool = False, progress: Progress = silent
) -> Report:
    """Write the restored image to `uri`, and beside it what was done and measured; goes on where it stopped.

    With `detect` the report lists sections that look damaged; only those named in `wanted` are touched.

    Raises:
        FileExistsError: If `uri` exists.
        ValueError: If nothing is wanted, the image cannot be filtered, its format cannot be written, or an
            unfinished restoration of other settings is there.
        OSError: If the image cannot be read, the output not written, or another process writes it.
    """
    if wanted.empty:
        raise ValueError("expected a filter to apply: stripes, flicker or missing sections; got none")
    output = Output(uri)
    require_new(output)
    settings = {**asdict(wanted), "image": fingerprint(volume), "version": version("microtome")}
    made = restored(volume, wanted, progress)
    with begun(output, settings, made.image) as target:
        fill(output, target, made.image, progress)
        report = {
            "output": uri,
            "settings": settings,
            "made_up": [asdict(gap) for gap in made.interpolated.gaps],
            **_left(made, wanted),
            **measured(volume, target, made, wanted, progress),
        }
        if detect:
            report["damaged"] = damage_report(volume, wanted.padding, progress)
        finish(output, plain(report))
    return plain(report)


def damage_report(volume: Volume, padding: float | None = None, progress: Progress = silent) -> list[Report]:
    """A row for each section that looks damaged.

    Raises:
        ValueError: If an intensity is NaN or infinite, or the image's type does not hold the padding.
    """
    require_padding(volume, padding)
    found = damaged_sections(volume, padding, progress)
    return [plain({**asdict(damage), "reason": damage.reason}) for damage in found]


def measured(
    before: Volume, after: Volume, made: Restored, wanted: Restoration, progress: Progress = silent
) -> Report:
    """Flicker, stripes and change, before and after, and how well real sections are made up."""
    statistics = section_statistics(after, wanted.padding, progress)
    extent = intensity_extent(before.dtype, made.statistics)
    width = 16 if wanted.stripes is None else wanted.stripes.width
    return {
        "flicker": {
            "before": _flicker(made.statistics, wanted),
            "after": _flicker(statistics, wanted),
        },
        "stripes": {
            "before": asdict(stripe_energy(before, width, wanted.missing)),
            "after": asdict(stripe_energy(after, width, wanted.missing)),
        },
        "change": _change(before, after, wanted),
        "held_out": [asdict(one) for one in held_out(made.interpolated, extent)],
    }


def plain(report: Report) -> Report:
    """The report with lists for tuples, and None for numbers that JSON has not."""
    return {name: _plain(value) for name, value in report.items()}


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _left(made: Restored, wanted: Restoration) -> Report:
    """The sections that deflickering left alone, as they show nothing or are damaged."""
    if wanted.matching is None:
        return {"left_alone": []}
    touched = {*made.matched, *wanted.missing}
    return {"left_alone": [z for z in range(len(made.statistics)) if z not in touched]}


def _flicker(statistics: SectionStatistics, wanted: Restoration) -> Report:
    """Of brightness and contrast, over the sections that show something and are not made up."""
    counted = statistics.deviations > 0
    counted[list(wanted.missing)] = False
    return {
        "brightness": flicker(statistics.means, counted),
        "contrast": flicker(statistics.deviations, counted),
    }


def _change(before: Volume, after: Volume, wanted: Restoration) -> Report:
    """Mean and largest absolute change of intensity in a sample of at most 16 sections not made up."""
    kept = [z for z in range(before.shape[0]) if z not in wanted.missing]
    means, largest = [], 0.0
    for z in (kept[k] for k in spread(len(kept), COMPARED)):
        [(_, old)], [(_, new)] = (list(sampled_sections(v, range(z, z + 1))) for v in (before, after))
        changes = [np.abs(a.astype(np.float64) - b) for a, b in zip(old, new, strict=True)]
        means.append(np.mean([change.mean() for change in changes]))
        largest = max(largest, *(float(change.max()) for change in changes))
    return {"mean": float(np.mean(means)), "largest": largest}
