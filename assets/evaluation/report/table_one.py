"""Table I as rows of text: means with their intervals, then the gains of one method, marked where they are significant.

`*` is the paired test over users, Holm-adjusted; `†` is added where the test over users and seeds says so, too. Numbers come
from `assets.evaluation.table_one`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assets.evaluation.pairing import METRICS, Subject, holds_for_other_seeds, verdict
from assets.evaluation.report.tables import (
    NOTHING,
    Cell,
    Table,
    display_name,
    method_cell,
    metric_name,
    number,
    percent,
    subject_name,
)
from assets.evaluation.table_one import Figures, Line, TableOne


def as_table(found: TableOne) -> Table:
    """One row a method, then one row a comparison of the target."""
    own = [line for line in found.lines if line.subject.base_model == found.target.base_model]
    real = [line for line in own if line.subject.variant == "full" and not line.subject.is_anchor]
    names = [f"{metric}_{k}" for metric, k in METRICS]
    best = {
        name: max((line.means[name]["mean"] for line in real if name in line.means), default=None) for name in names
    }
    rows = [_line(line, best if line in real else {}) for line in found.lines]
    target = display_name(found.target.method)
    rows.append(_gains(found.target, f"{target} against the best other", found.against_best, show_other=True))
    rows.append(_gains(found.target, f"{target} against {subject_name(found.target.base)}", found.against_base))
    for control, comparisons in found.controls.items():
        rows.append(_gains(found.target, f"{target} against its {control.variant.replace('-', ' ')}", comparisons))
    subject = found.target
    return Table(
        f"{subject.dataset}-{subject.base_model}-table-1-{subject.protocol}",
        f"Table I on {subject.dataset}, {display_name(subject.base_model)}, protocol {subject.protocol}: mean over seeds "
        "± half the 95 % t interval; gains paired over users, * significant over users, † over users and seeds as well, "
        "Holm-adjusted within the row.",
        ["Method", *(metric_name(*metric) for metric in METRICS), "Seeds"],
        rows,
        spread="± 95 %",
    )


def _line(line: Line, best: Mapping[str, float | None]) -> list[Cell]:
    cells = mean_cells(line.means, best)
    return [method_cell(line.subject), *cells[:-1], Cell(NOTHING) if line.subject.is_anchor else cells[-1]]


def mean_cells(means: Figures, best: Mapping[str, float | None]) -> list[Cell]:
    """The six metrics with half their 95 % interval over seeds, and how many seeds there are."""
    cells = []
    for metric, k in METRICS:
        found = means.get(f"{metric}_{k}")
        if found is None:
            cells.append(Cell(NOTHING))
            continue
        spread = "" if found["ci_high"] is None else number(found["ci_high"] - found["mean"])
        cells.append(Cell(number(found["mean"]), spread, found["mean"] == best.get(f"{metric}_{k}")))
    return [*cells, Cell(str(max((found["num_seeds"] for found in means.values()), default=0)))]


def _gains(subject: Subject, name: str, comparisons: Figures, show_other: bool = False) -> list[Cell]:
    return [method_cell(subject, name), *gain_cells(comparisons, show_other)]


def gain_cells(comparisons: Figures, show_other: bool = False) -> list[Cell]:
    """The six relative differences with their marks, and over how many seeds they were compared."""
    cells = []
    for metric, k in METRICS:
        found = comparisons.get(f"{metric}_{k}")
        if found is None:
            cells.append(Cell(NOTHING))
            continue
        other = f" ({display_name(found['other'])})" if show_other else ""
        cells.append(Cell(f"{percent(found['relative'])}{_marks(found)}{other}"))
    seeds = max((found["num_seeds"] for found in comparisons.values()), default=0)
    return [*cells, Cell(str(seeds) if seeds else NOTHING)]


def _marks(found: Mapping[str, Any]) -> str:
    if verdict(dict(found)) == "not significant":
        return ""
    return " *†" if holds_for_other_seeds(dict(found)) else " *"
