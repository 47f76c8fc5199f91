"""Fig. 2 as rows of text and as curves with bands: what pairs that never happened cost base and LMMRec."""

from __future__ import annotations

from collections.abc import Sequence

from assets.evaluation.pairing import METRICS, Subject
from assets.evaluation.report import svg
from assets.evaluation.report.pictures import Picture
from assets.evaluation.report.table_one import gain_cells, mean_cells
from assets.evaluation.report.tables import Table, display_name, method_cell, metric_name, subject_name
from assets.evaluation.table_two import Noisy

SHOWN = ("recall", 20)
"""The metric of the picture; the table has all."""


def noise_table(points: Sequence[Noisy]) -> Table:
    """One row a method and level; then what that level costs it, and what it is ahead of the base at that level."""
    first = points[0].subject
    rows = [[method_cell(point.subject, _name(point)), *mean_cells(point.means, {})] for point in points]
    rows += [
        [method_cell(point.subject, f"{_name(point)} against 0 %"), *gain_cells(point.against_clean)]
        for point in points
        if point.against_clean
    ]
    rows += [
        [
            method_cell(point.subject, f"{_name(point)} against {_name(point, point.subject.base)}"),
            *gain_cells(point.against_base),
        ]
        for point in points
        if point.against_base
    ]
    return Table(
        f"{first.dataset}-{first.base_model}-figure-2-{first.protocol}",
        f"Noise in train on {first.dataset}, {display_name(first.base_model)}, protocol {first.protocol}: mean over seeds ± "
        "half the 95 % t interval; differences paired over users, * significant over users, † over users and seeds as well, "
        "Holm-adjusted within the row.",
        ["Method and noise", *(metric_name(*metric) for metric in METRICS), "Seeds"],
        rows,
        spread="± 95 %",
    )


def noise_picture(points: Sequence[Noisy], table: Table) -> Picture:
    """Each method's curve with the 95 % interval over seeds as a band."""
    first, key = points[0].subject, f"{SHOWN[0]}_{SHOWN[1]}"
    title = f"Noise in train on {first.dataset}, {display_name(first.base_model)}"
    lines = []
    for style, method in enumerate(dict.fromkeys(point.subject.method for point in points)):
        own = [point for point in points if point.subject.method == method and key in point.means]
        band = [
            (100 * point.share, point.means[key]["ci_low"], point.means[key]["ci_high"])
            for point in own
            if point.means[key]["ci_low"] is not None
        ]
        curve = [(100 * point.share, point.means[key]["mean"]) for point in own]
        lines.append(svg.Line(subject_name(_clean(own[0].subject)), curve, style, band=band))
    drawing = svg.line_plot(lines, title, "pairs that never happened, % of train", metric_name(*SHOWN))
    caption = f"{title}, protocol {first.protocol}; bands are 95 % intervals over seeds."
    return Picture(caption, drawing, table, f"Noise, {display_name(first.base_model)}, protocol {first.protocol}")


def _clean(subject: Subject) -> Subject:
    return Subject(subject.dataset, subject.base_model, subject.method, "full", subject.protocol)


def _name(point: Noisy, subject: Subject | None = None) -> str:
    return f"{subject_name(_clean(subject or point.subject))}, {point.share:.0%} noise"
