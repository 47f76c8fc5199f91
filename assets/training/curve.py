"""The training curve as people see it in the Dagster UI: loss, validation Recall@20 and diagnostics by epoch.

A picture in Markdown: the UI strips inline SVG, so it is a PNG data URI. What is drawn in the report is the report's business.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

SETTING = "setting_"
"""Prefix of what was tried, where the entries of a history are trials; a test holds it against `models.training.search`."""
DIAGNOSTIC = "diagnostic_"
"""Prefix of the diagnostics in a history; a test holds it against `models.training.diagnostics`, which imports torch."""


def training_curve(history: Sequence[Mapping[str, Any]], best_epoch: int, title: str) -> str:
    """Markdown with one PNG of at most 60 kB.

    Args:
        history: one mapping an evaluation with `epoch`, the loss terms, and `recall_20` on validation.
        best_epoch: the epoch whose weights are kept; marked.
        title: heading of the picture.
    """
    from matplotlib.figure import Figure  # the object-oriented interface: no global state, no display

    epochs = [int(row["epoch"]) for row in history]
    watched = diagnostics(history)
    figure = Figure(figsize=(9.0 if watched else 6.4, 2.8), dpi=100, layout="constrained")
    loss, recall, *rest = figure.subplots(1, 3 if watched else 2)
    terms = loss_terms(history)
    for term in terms:
        loss.plot(epochs, [float(row.get(term, "nan")) for row in history], linewidth=1.6, label=term)
    recall.plot(epochs, [float(row["recall_20"]) for row in history], color="#3b6ea5", linewidth=1.6)
    loss.set_title("loss terms, unweighted", fontsize=10)
    recall.set_title("validation Recall@20", fontsize=10)
    if len(terms) > 1:
        loss.set_yscale("symlog", linthresh=1e-2)  # an alignment loss is ten times BPR, L2 a hundredth of it
        loss.legend(fontsize=7, frameon=False)
    for axis in rest:
        for name in watched:
            axis.plot(epochs, [float(row.get(name, "nan")) for row in history], linewidth=1.6, label=_short(name))
        axis.set_title("gradient shares, lag, entropy", fontsize=10)
        axis.legend(fontsize=6, frameon=False)
    for axis in (loss, recall, *rest):
        axis.axvline(best_epoch, color="#c2572b", linewidth=1.0, linestyle="--")
        axis.set_xlabel("epoch")
        axis.grid(alpha=0.25)
    figure.suptitle(f"{title}: best epoch {best_epoch}", fontsize=10)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})
    return f"![training curve](data:image/png;base64,{base64.b64encode(picture.getvalue()).decode()})"


def loss_terms(history: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of the loss terms in a history, in the order in which they first appear."""
    names = dict.fromkeys(name for row in history for name in row)
    return [
        name for name in names if name != "epoch" and not name.startswith(("recall_", "ndcg_", DIAGNOSTIC, SETTING))
    ]


def diagnostics(history: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of the diagnostics that say more than a constant: not the share of the only term there is."""
    names = [name for name in dict.fromkeys(name for row in history for name in row) if name.startswith(DIAGNOSTIC)]
    return names if len(names) > 1 else []


def _short(name: str) -> str:
    return name.removeprefix(DIAGNOSTIC).replace("gradient_", "gradient of ").replace("_", " ")
