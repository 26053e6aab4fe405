"""Metrics: how far a segmentation is from the truth."""

from microtome.evaluate.overlap import (
    ContingencyTable,
    Scores,
    contingency,
    dice,
    empty_table,
    jaccard,
    pixel_accuracy,
    pooled_scores,
    precision,
    recall,
    scores,
    voc_score,
)

__all__ = [
    "ContingencyTable",
    "Scores",
    "contingency",
    "dice",
    "empty_table",
    "jaccard",
    "pixel_accuracy",
    "pooled_scores",
    "precision",
    "recall",
    "scores",
    "voc_score",
]
