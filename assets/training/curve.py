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
        history: one mapping an evaluation with `epoch`, `loss` and `recall_20` on validation.
        best_epoch: the epoch whose weights are kept; marked.
        title: heading of the picture.
    """
    from matplotlib.figure import Figure  # the object-oriented interface: no global state, no display

    epochs = [int(row["epoch"]) for row in history]
    figure = Figure(figsize=(6.4, 2.8), dpi=100, layout="constrained")
    loss, recall = figure.subplots(1, 2)
    for axis, key, label in ((loss, "loss", "training loss"), (recall, "recall_20", "validation Recall@20")):
        axis.plot(epochs, [float(row[key]) for row in history], color="#3b6ea5", linewidth=1.6)
        axis.axvline(best_epoch, color="#c2572b", linewidth=1.0, linestyle="--")
        axis.set_xlabel("epoch")
        axis.set_title(label, fontsize=10)
        axis.grid(alpha=0.25)
    figure.suptitle(f"{title}: best epoch {best_epoch}", fontsize=10)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})
    return f"![training curve](data:image/png;base64,{base64.b64encode(picture.getvalue()).decode()})"
