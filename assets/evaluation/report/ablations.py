"""Table II as rows of text and as bars: what LMMRec loses without one of its parts."""

from __future__ import annotations

from collections.abc import Sequence

from assets.evaluation.pairing import METRICS
from assets.evaluation.report import svg
from assets.evaluation.report.pictures import Picture
from assets.evaluation.report.table_one import gain_cells, mean_cells
from assets.evaluation.report.tables import Table, display_name, method_cell, metric_name, subject_name
from assets.evaluation.table_two import Ablation

PRINTED = (("recall", 5), ("ndcg", 5))
"""The metrics that the paper prints in its Table II."""


def ablation_table(rows: Sequence[Ablation]) -> Table:
    """One row a variant, then one row a loss against the whole method."""
    full = rows[0].subject
    names = [f"{metric}_{k}" for metric, k in METRICS]
    best = {name: max(row.means[name]["mean"] for row in rows if name in row.means) for name in names}
    lines = [[method_cell(row.subject), *mean_cells(row.means, best)] for row in rows]
    lines += [
        [method_cell(row.subject, f"{subject_name(row.subject)} against the whole"), *gain_cells(row.against_full)]
        for row in rows
        if row.subject != full
    ]
    return Table(
        f"{full.dataset}-{full.base_model}-table-2-{full.protocol}",
        f"Table II on {full.dataset}, {display_name(full.base_model)}, protocol {full.protocol}: mean over seeds ± half the "
        "95 % t interval; differences to the whole method paired over users, * significant over users, † over users and "
        "seeds as well, Holm-adjusted within the row.",
        ["Method", *(metric_name(*metric) for metric in METRICS), "Seeds"],
        lines,
        spread="± 95 %",
    )


def ablation_picture(rows: Sequence[Ablation], table: Table) -> Picture:
    full = rows[0].subject
    title = f"LMMRec without its parts on {full.dataset}, {display_name(full.base_model)}"
    series = [
        svg.Series(
            metric_name(*metric),
            [
                svg.Estimate(found["mean"], found["ci_low"], found["ci_high"])
                if (found := row.means.get(f"{metric[0]}_{metric[1]}"))
                else None
                for row in rows
            ],
            style,
        )
        for style, metric in enumerate(PRINTED)
    ]
    groups = [
        "whole" if row.subject == full else "base" if row.subject == full.base else row.subject.variant for row in rows
    ]
    groups = [display_name(name).replace("without ", "without\n") for name in groups]
    drawing = svg.bar_plot(groups, series, title, "mean over users and seeds")
    caption = f"{title}, protocol {full.protocol}; 95 % intervals over seeds."
    return Picture(caption, drawing, table, f"Table II, {display_name(full.base_model)}, protocol {full.protocol}")
