"""Chooses an anchor's settings on validation: Recall@20 with train items hidden, as base models choose their epoch.

What is worth trying is said beside each anchor (`GRID`); the test part is never seen here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import scipy.sparse as sp

from models.anchors.contract import Anchor, Settings
from models.progress import Silence, reporting_to
from models.ranking.evaluate import evaluate

VALIDATION_K = 20
"""List length of the metric that decides."""


@dataclass(frozen=True)
class Trial:
    """One setting that was looked at."""

    settings: Settings
    recall_20: float | None
    """Mean Recall@20 over users with validation items, protocol `rlmrec`; None where nothing had to be decided."""


@dataclass(frozen=True)
class Choice:
    """What was chosen, and among what."""

    settings: Settings
    trials: tuple[Trial, ...]


def choose_settings(
    anchor: type[Anchor],
    train: sp.csr_matrix,
    validation: sp.csr_matrix,
    tried: Callable[[int, int], None] = lambda done, total: None,
) -> Choice:
    """The settings with the best validation Recall@20, the earlier of equals; one fit and one ranking a trial.

    `train` and `validation` are (users, items) and disjoint. Without validation pairs, or where the data is so large that
    only one setting may be tried, the default stands and nothing is fitted. `tried` is called after each trial with how many
    are done and how many there are.
    """
    candidates = anchor.settings_to_try(train)
    if len(candidates) == 1 or validation.nnz == 0:
        return Choice(candidates[0], (Trial(candidates[0], None),))
    recalls = []
    for settings in candidates:
        recalls.append(_recall(anchor.with_settings(settings).fit(train), train, validation))
        tried(len(recalls), len(candidates))
    best = max(range(len(candidates)), key=recalls.__getitem__)  # the first of equals
    return Choice(
        candidates[best],
        tuple(Trial(settings, recall) for settings, recall in zip(candidates, recalls, strict=True)),
    )


def _recall(fitted: Anchor, train: sp.csr_matrix, validation: sp.csr_matrix) -> float:
    with reporting_to(Silence()):
        evaluation = evaluate(fitted, train, validation, validation, ("rlmrec",), (VALIDATION_K,))
    return float(evaluation.per_user["rlmrec"][f"recall_{VALIDATION_K}"].mean())
