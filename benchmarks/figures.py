"""Print every figure of figures.toml with its measured value, its bar, and whether it holds."""

import json
import operator
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
COMPARE = {">=": operator.ge, "<=": operator.le, "==": operator.eq}


def main() -> None:
    sections = tomllib.loads((HERE / "figures.toml").read_text())
    measured = _measured()
    held = total = 0
    for section, figures in sections.items():
        if len(sys.argv) > 1 and section not in sys.argv[1:]:
            continue
        print(f"\n[{section}]")
        for name, figure in figures.items():
            total += 1
            held += _line(name, figure, measured.get(name))
    print(f"\n{held} of {total} hold")


def _line(name: str, figure: dict, result: dict | None) -> bool:
    sign, bar = figure["bar"].split()
    if result is None:
        print(f"  {'missing':<12} {name:<32} {'':>10}  bar {figure['bar']:<10} {figure['unit']}")
        return False
    holds = COMPARE[sign](result["value"], float(bar))
    low, high = result["spread"]
    print(
        f"  {'holds' if holds else 'FALLS SHORT':<12} {name:<32} {result['value']:>10.4g}  "
        f"bar {figure['bar']:<10} {figure['unit']}  [{low:.4g}, {high:.4g}] "
        f"n={result['n']}; {result['date'][:10]} {result['device']}"
    )
    return holds


def _measured() -> dict[str, dict]:
    """The last result of every id."""
    last: dict[str, dict] = {}
    found = [json.loads(path.read_text()) for path in (HERE / "results").glob("*.json")]
    runs = [run for run in found if "figures" in run]  # others hold what figures are made of
    for run in sorted(runs, key=lambda run: run["date"]):
        for name, figure in run["figures"].items():
            last[name] = {**figure, "date": run["date"], "device": run["device"]}
    return last


if __name__ == "__main__":
    main()
