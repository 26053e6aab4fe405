"""A made-up study whose effects are known, for the tests of its statistics and of its report."""

import csv
import json
from pathlib import Path

import numpy as np

from microtome.benchmark.protocol.rounds import COLUMNS, FULL

BUDGETS = (8, 16, 32, 64, 128)
POOL = 576
EFFECTS = {
    "random": 0.0,
    "foreground-random": 0.05,
    "strided": 0.002,
    "oracle-hard": 0.11,
    "entropy": 0.051,
    "least-confidence": 0.045,
    "margin": 0.048,
    "core-set": 0.01,
    "typiclust": -0.04,
    "clasp-pe": 0.09,
    "uncertainty-herding": 0.07,
}
"""Jaccard that each strategy adds to random, beyond the start set."""

NEEDED = {"strategy", "seed", "round", "patches", "jaccard"}

STUDY = {
    "title": "Query strategies on phantom mitochondria",
    "spec": {"budgets": list(BUDGETS), "steps": 1200, "net": {"base": 8, "depth": 3}},
    "data": {
        "title": "VNC mitochondria",
        "licence": "CC BY-NC-SA 3.0",
        "citation": "Gerhard et al. 2013",
        "voxel_size_nm": [45.0, 9.2, 9.2],
    },
    "tier": "B",
    "device": "2 cores",
    "date": "2026-01-02",
    "commit": "abc1234",
    "candidates": POOL,
    "test_sections": "11–19",
    "reference_strategies": ["random", "foreground-random"],
    "wall_seconds": 28800.0,
    "complete": True,
    "notes": ["Hyper-parameters were frozen before the first run."],
}


def table(strategies: dict[str, float] | None = None, seeds: int = 12) -> list[dict[str, object]]:
    """Rows of rounds.csv: a saturating curve, shifts by seed that strategies share, a little noise."""
    rng = np.random.default_rng(7)
    shifts = rng.normal(0, 0.03, seeds)
    rows = []
    for strategy, effect in (EFFECTS if strategies is None else strategies).items():
        for seed in range(seeds):
            start = 0.36 + shifts[seed]
            for number, patches in enumerate(BUDGETS):
                rise = 0.40 * (1 - (8 / patches) ** 0.45)
                gain = effect if number else 0.0
                noise = rng.normal(0, 0.006) if number else 0.0
                rows.append(row(strategy, seed, number, patches, start + rise + gain + noise, gain))
    for seed in range(seeds):
        full = row(FULL, seed, 0, POOL, 0.79 + shifts[seed] / 3, 0.0)
        rows.append(full | {"foreground": 0.054, "minutes_correcting": "", "choose_seconds": ""})
    return rows


def row(
    strategy: str, seed: int, number: int, patches: int, jaccard: float, gain: float
) -> dict[str, object]:
    """One row; the start set has no choice behind it, so the signal of random strategies is empty."""
    chance = "random" in strategy or strategy == "strided"
    minutes = patches * (0.4 + 2 * abs(gain))
    return {
        "strategy": strategy,
        "seed": seed,
        "round": number,
        "patches": patches,
        "voxels": patches * 4096,
        "jaccard": jaccard,
        "dice": 2 * jaccard / (1 + jaccard),
        "boundary_f": jaccard + 0.05,
        "fn_n": 3.0 * (1 - jaccard),
        "minutes_correcting": minutes,
        "minutes_drawing": minutes * 1.6,
        "minutes_slow": minutes * 3.1,
        "foreground": 0.08 + gain,
        "asked_foreground": 0.08 + 1.5 * gain,
        "spearman": "" if chance else 0.3 + 0.07 * number,
        "auroc": "" if chance else 0.8 + 0.02 * number,
        "ece": "" if chance else 0.06 - 0.008 * number,
        "redundancy": 0.2 + 0.1 * abs(gain),
        "train_seconds": 100.0 + number,
        "choose_seconds": 0.01 if chance else 2.0 + 10 * abs(gain),
    }


def plain(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """The rows without what a study may leave out; they make fewer figures."""
    return [{name: value if name in NEEDED else "" for name, value in row.items()} for row in rows]


def write(folder: Path, rows: list[dict[str, object]], **changes: object) -> Path:
    """The folder of a study."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "rounds.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    (folder / "study.json").write_text(json.dumps(STUDY | changes), encoding="utf-8")
    return folder


def pictures(folder: Path) -> None:
    """A panel.npz beside the table."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:96, :128]
    truth = (np.hypot(y - 40, x - 45) < 22) | (np.hypot(y - 65, x - 100) < 16)
    image = np.clip(150 - 60 * truth + rng.normal(0, 18, truth.shape), 0, 255).astype(np.uint8)
    arrays: dict[str, np.ndarray] = {"image": image, "truth": truth.astype(np.uint8)}
    for k, name in enumerate(("random", "foreground-random", "entropy", "clasp-pe")):
        arrays[f"pred/{name}"] = np.roll(truth, 6 - 2 * k, axis=1).astype(np.uint8)
        arrays[f"jaccard/{name}"] = np.float64(0.5 + 0.1 * k)
    for name in ("entropy", "clasp-pe"):
        for number in (1, 2):
            for kind in ("image", "truth", "uncertainty"):
                tiles = [
                    (image, truth, rng.random(image.shape))[("image", "truth", "uncertainty").index(kind)]
                ]
                crops = [tiles[0][8 * k : 8 * k + 32, 12 * k : 12 * k + 32] for k in range(6)]
                kinds = np.float32 if kind == "uncertainty" else np.uint8
                arrays[f"query/{name}/{number}/{kind}"] = np.stack(crops).astype(kinds)
    arrays["scatter/uncertainty"] = rng.random(300)
    arrays["scatter/dice"] = np.clip(1 - 0.6 * arrays["scatter/uncertainty"] + rng.normal(0, 0.1, 300), 0, 1)
    arrays["sweep/threshold"] = np.linspace(0.05, 0.95, 19)
    arrays["sweep/dice"] = 0.8 - 0.9 * (arrays["sweep/threshold"] - 0.45) ** 2
    np.savez(folder / "panel.npz", **arrays)
