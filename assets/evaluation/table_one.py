"""Table I of the paper on one dataset and base model: rows with intervals over seeds, and what a method gains on the others.

A gain is given against the best other row, as the paper prints it, and against the bare base; both are paired over users and
corrected within the row of six metrics. Which other row is best is decided by the same numbers, which can only make that gain
look smaller. Controls, anchors and other bases are rows, never the best other one. How it is shown is `report.table_one`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from assets.evaluation.leaderboard import Comparer
from assets.evaluation.pairing import METRICS, Subject, adjusted
from assets.training.data import CONTROLS
from assets.training.methods import METHODS
from models.errors import LmmrecError

Figures = Mapping[str, Mapping[str, Any]]
"""`recall_5` … `ndcg_20` -> figures."""


@dataclass(frozen=True)
class Line:
    """One row: mean, std, ci_low, ci_high over seeds, num_seeds and train_seconds by metric."""

    subject: Subject
    means: Figures


@dataclass(frozen=True)
class TableOne:
    """See the module."""

    target: Subject
    lines: Sequence[Line]
    against_base: Figures
    """Comparisons of the target, empty where it shares no seed with the base."""
    against_best: Figures
    """The same against the best other row of each metric, whose method stands in it as `other`."""
    controls: Mapping[Subject, Figures] = field(default_factory=dict)
    """The target against each of its controls."""


def table_one(
    comparer: Comparer,
    board: Sequence[Mapping[str, Any]],
    dataset: str,
    base_model: str,
    protocol: str,
    beside: Sequence[str] = (),
    method: str = "lmmrec",
) -> TableOne:
    """The table of what the warehouse holds; rows that were not trained are not there.

    Args:
        board: rows of `summaries` or `leaderboard_rows` of the same warehouse.
        beside: further base models, whose rows stand below.
        method: whose gains are given.

    Raises:
        LmmrecError: the warehouse has no numbers of that method.
    """
    target = Subject(dataset, base_model, method, "full", protocol)
    lines = [line for line in _lines(board) if (line.subject.dataset, line.subject.protocol) == (dataset, protocol)]
    lines = [line for line in lines if line.subject.is_anchor or line.subject.base_model in (base_model, *beside)]
    lines = [line for line in lines if line.subject.variant in ("full", *CONTROLS)]
    lines.sort(key=lambda line: _place(line.subject, target, beside))
    if target not in {line.subject for line in lines}:
        raise LmmrecError(
            f"there are no numbers of {method} on {base_model} and {dataset}: "
            f"make them with `lmmrec experiment table-1 --dataset {dataset} --base-model {base_model}`."
        )
    own = [one for one in lines if one.subject.base_model == base_model and not one.subject.is_anchor]
    others = [one for one in own if one.subject.variant == "full" and one.subject != target]
    controls = [one.subject for one in own if one.subject.method == method and one.subject.variant in CONTROLS]
    return TableOne(
        target,
        lines,
        comparer.against(target, target.base),
        _against_best(comparer, target, others),
        {control: comparer.against(target, control) for control in controls},
    )


def _against_best(comparer: Comparer, target: Subject, others: Sequence[Line]) -> Figures:
    """Of each metric the comparison with the best other row of those that share most seeds with it; one Holm family."""
    compared = {one.subject: found for one in others if (found := comparer.against(target, one.subject))}
    seeds = {one: max(figures["num_seeds"] for figures in found.values()) for one, found in compared.items()}
    as_many = {one: found for one, found in compared.items() if seeds[one] == max(seeds.values())}
    chosen: dict[str, dict[str, Any] | None] = {}
    for metric, k in METRICS:
        name = f"{metric}_{k}"
        best = max(as_many, key=lambda one: as_many[one][name]["other_mean"], default=None)
        if best is not None:
            alone = {key: value for key, value in as_many[best][name].items() if not key.endswith("_holm")}
            chosen[name] = {**alone, "other": best.method}
    return adjusted(chosen)


def _lines(board: Sequence[Mapping[str, Any]]) -> list[Line]:
    found: dict[Subject, dict[str, Mapping[str, Any]]] = {}
    for row in board:
        subject = Subject(*(str(row[name]) for name in ("dataset", "base_model", "method", "variant", "protocol")))
        if (row["metric"], row["k"]) in METRICS:
            found.setdefault(subject, {})[f"{row['metric']}_{row['k']}"] = row
    return [Line(subject, means) for subject, means in found.items()]


def _place(one: Subject, target: Subject, beside: Sequence[str]) -> tuple[Any, ...]:
    """Order: base, rivals, target, its controls; then the bases beside it; then anchors."""
    methods = list(METHODS)
    if one.is_anchor:
        return (2, one.base_model)
    if one.base_model != target.base_model:
        return (1, list(beside).index(one.base_model), methods.index(one.method), one.variant != "full", one.variant)
    return (0, one.method == target.method, methods.index(one.method), one.variant != "full", one.variant)
