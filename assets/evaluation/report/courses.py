"""How training went, from the histories that checkpoints keep: validation by epoch, and what a method tells of itself.

One seed of each method stands for all. What is measured while training is decided in `models.training.diagnostics`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from assets.evaluation.experiments import ABLATIONS
from assets.evaluation.report import svg
from assets.evaluation.report.pictures import Picture
from assets.evaluation.report.svg import Line
from assets.evaluation.report.tables import display_name
from assets.lake import Address, Lake
from assets.training.curve import DIAGNOSTIC
from assets.training.methods import METHODS, checkpoint_of
from assets.training.noise import NOISE

_TOLD = {
    "gradient_bpr": "share of the gradient: BPR",
    "gradient_mcs": "share of the gradient: MCS",
    "gradient_icm": "share of the gradient: ICM",
    "assignment_entropy": "evenness of prototype use",
    "teacher_lag": "lag of the teacher",
}
"""Diagnostics in words, in the order in which they are drawn: five, as there are styles. All lie between 0 and 1."""


def course_pictures(lake: Lake, dataset: str, base_models: Sequence[str]) -> list[Picture]:
    """Validation of all methods on each base model, then the diagnostics of those that have some."""
    pictures = []
    for base_model in base_models:
        name, told = display_name(base_model), histories(lake, dataset, base_model)
        if lines := validation_lines(name, told):
            title = f"Validation Recall@20 of {name} while training on {dataset}"
            caption = f"{title}: one seed of each method, its best epoch marked; the weights of that epoch are kept."
            pictures.append(Picture(caption, svg.line_plot(lines, title, "epoch", "Recall@20")))
        for cell, history in told:
            if cell.variant == "full" and (lines := diagnostic_lines(history)):
                method = display_name(_method(cell))
                title = f"What {method} does on {name} while training on {dataset}, seed {cell.seed}"
                caption = (
                    f"{title}: whose gradient moves the embeddings; how evenly the prototypes are used (1 is all "
                    "alike: then no motive can be read off one of them); how far the teacher stays behind."
                )
                pictures.append(Picture(caption, svg.line_plot(lines, title, "epoch", "from 0 to 1")))
    return pictures


def histories(lake: Lake, dataset: str, base_model: str) -> list[tuple[Address, list[dict[str, Any]]]]:
    """The lowest seed of each method and variant, with its history; ablations and noise have tables of their own."""
    found = []
    for method in METHODS:
        cells = lake.cells(checkpoint_of(method), dataset=dataset, base_model=base_model)
        for variant in sorted({str(cell.variant) for cell in cells}.difference(ABLATIONS, NOISE)):
            cell = min((one for one in cells if one.variant == variant), key=lambda one: one.seed or 0)
            found.append((cell, json.loads((lake.path(cell) / "history.json").read_bytes())))
    return found


def _method(cell: Address) -> str:
    return next(method for method in METHODS if checkpoint_of(method) == cell.asset)


def validation_lines(base: str, told: Sequence[tuple[Address, list[dict[str, Any]]]]) -> list[Line]:
    """Recall@20 on validation by epoch, the best epoch marked."""
    lines: list[Line] = []
    for cell, history in told:
        if points := _points(history, "recall_20"):
            method = _method(cell)
            best = max(points, key=lambda point: (point[1], -point[0]))[0]
            suffix = "" if cell.variant == "full" else f" ({str(cell.variant).replace('-', ' ')})"
            label = base if method == "base" else display_name(method)
            lines.append(Line(f"{label}{suffix}, seed {cell.seed}", points, len(lines), best))
    return lines


def diagnostic_lines(history: Sequence[Mapping[str, Any]]) -> list[Line]:
    """None for a method that trains one loss alone: its share of the gradient is 1 by definition."""
    lines = [
        Line(words, points, style)
        for style, (name, words) in enumerate(_TOLD.items())
        if (points := _points(history, DIAGNOSTIC + name))
    ]
    return lines if len(lines) > 1 else []


def _points(history: Sequence[Mapping[str, Any]], name: str) -> list[tuple[float, float]]:
    return [(float(row["epoch"]), float(row[name])) for row in history if name in row]
