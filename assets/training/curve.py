"""The training curve as people see it in the Dagster UI: loss and validation Recall@20 by epoch, as a picture in Markdown.

The UI strips inline SVG, so the picture is a PNG data URI. What is drawn in the report is the report's business.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any


def training_curve(history: Sequence[Mapping[str, Any]], best_epoch: int, title: str) -> str:
    """Markdown with one PNG of at most 60 kB.

    Args:
        history: one mapping an evaluation with `epoch`, the loss terms, and `recall_20` on validation.
        best_epoch: the epoch whose weights are kept; marked.
        title: heading of the picture.
    """
    from matplotlib.figure import Figure  # the object-oriented interface: no global state, no display

    epochs = [int(row["epoch"]) for row in history]
    figure = Figure(figsize=(6.4, 2.8), dpi=100, layout="constrained")
    loss, recall = figure.subplots(1, 2)
    terms = loss_terms(history)
    for term in terms:
        loss.plot(epochs, [float(row.get(term, "nan")) for row in history], linewidth=1.6, label=term)
    recall.plot(epochs, [float(row["recall_20"]) for row in history], color="#3b6ea5", linewidth=1.6)
    loss.set_title("loss terms, unweighted", fontsize=10)
    recall.set_title("validation Recall@20", fontsize=10)
    if len(terms) > 1:
        loss.set_yscale("symlog", linthresh=1e-2)  # an alignment loss is ten times BPR, L2 a hundredth of it
        loss.legend(fontsize=7, frameon=False)
    for axis in (loss, recall):
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
    return [name for name in names if name != "epoch" and not name.startswith(("recall_", "ndcg_"))]
