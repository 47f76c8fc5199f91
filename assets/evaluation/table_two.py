"""Table II: what a method loses without one of its parts, and the curves of Fig. 2: what noise in train costs it.

Every loss is against the whole method on clean train, paired over users and, from two seeds on, over users and seeds,
Holm-adjusted within the row of six metrics. How they are shown is `report.ablations` and `report.noise`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from assets.evaluation.experiments import ABLATIONS, TARGET
from assets.evaluation.leaderboard import Comparer, summary
from assets.evaluation.pairing import METRICS, Subject, seeds_of, subjects
from assets.evaluation.table_one import Figures
from assets.training.noise import NOISE
from models.errors import LmmrecError


@dataclass(frozen=True)
class Ablation:
    """One row of Table II."""

    subject: Subject
    means: Figures
    """As those of `table_one.Line`, over the seeds that all rows have."""
    against_full: Figures
    """Comparisons with the whole method; empty for itself."""


@dataclass(frozen=True)
class Noisy:
    """One point of a curve of Fig. 2."""

    subject: Subject
    share: float
    """Pairs that never happened, as a share of the train pairs; 0 is clean."""
    means: Figures
    """Over the seeds that all points have."""
    against_clean: Figures
    """Comparisons with the same method on clean train; empty for itself."""
    against_base: Figures
    """Comparisons with the bare base at the same noise; empty for the base."""


def table_two(comparer: Comparer, dataset: str, base_model: str, protocol: str, method: str = TARGET) -> list[Ablation]:
    """The whole method, then without each part that there are numbers of, then the bare base.

    Raises:
        LmmrecError: there are no numbers of an ablation.
    """
    full = Subject(dataset, base_model, method, "full", protocol)
    known = set(subjects(comparer.connection))
    rows = [full, *(replace(full, variant=variant) for variant in ABLATIONS), full.base]
    rows = [row for row in rows if row in known]
    if full not in rows or len(rows) < 2 or rows[1] == full.base:
        raise LmmrecError(
            f"there are no ablations of {method} on {base_model} and {dataset}: make them with `lmmrec experiment table-2 "
            f"--dataset {dataset} --base-model {base_model}`."
        )
    seeds = _shared_seeds(comparer, rows)
    return [
        Ablation(row, _means(comparer, row, seeds), {} if row == full else comparer.against(row, full)) for row in rows
    ]


def figure_two(comparer: Comparer, dataset: str, base_model: str, protocol: str) -> list[Noisy]:
    """Every method that was trained on noisy train, method after method, with rising noise.

    Raises:
        LmmrecError: none was.
    """
    levels = {"full": 0.0, **NOISE}
    found = [
        one
        for one in subjects(comparer.connection)
        if (one.dataset, one.base_model, one.protocol) == (dataset, base_model, protocol)
        and not one.is_anchor
        and one.variant in levels
    ]
    methods = sorted({one.method for one in found if one.variant in NOISE}, key=lambda name: (name != "base", name))
    if not methods:
        raise LmmrecError(
            f"nothing was trained with noise on {base_model} and {dataset}: do so with `lmmrec experiment figure-2 --dataset "
            f"{dataset} --base-model {base_model}`."
        )
    rows = sorted(
        (one for one in found if one.method in methods),
        key=lambda one: (methods.index(one.method), levels[one.variant]),
    )
    seeds, points = _shared_seeds(comparer, rows), []
    for row in rows:
        clean, bare = replace(row, variant="full"), replace(row, method="base")
        points.append(
            Noisy(
                row,
                levels[row.variant],
                _means(comparer, row, seeds),
                {} if row == clean else comparer.against(row, clean),
                {} if row == bare or bare not in rows else comparer.against(row, bare),
            )
        )
    return points


def _shared_seeds(comparer: Comparer, rows: Sequence[Subject]) -> list[int]:
    """Seeds that all rows have: means over others would compare luck."""
    return sorted(set.intersection(*(set(seeds_of(comparer.connection, row)) for row in rows)))


def _means(comparer: Comparer, subject: Subject, seeds: Sequence[int]) -> dict[str, dict[str, Any]]:
    """`recall_5` … `ndcg_20` -> mean, std, ci_low, ci_high, num_seeds over `seeds`."""
    found: dict[str, list[float]] = {}
    names = [f"{metric}_{k}" for metric, k in METRICS]
    asked = comparer.connection.execute(
        "SELECT metric || '_' || k, value FROM metrics WHERE dataset = ? AND base_model = ? AND method = ? AND variant = ? "
        "AND protocol = ? AND seed IN (SELECT unnest(?::BIGINT[])) ORDER BY seed",
        [*subject.values, list(seeds)],
    )
    for name, value in asked.fetchall():
        if name in names:
            found.setdefault(str(name), []).append(float(value))
    return {name: summary(values) for name, values in found.items()}
