"""The report's picture of the sparsity law: what texts gain over the text-free base at each density, and a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assets.evaluation.report import svg
from assets.evaluation.report.pictures import Picture
from assets.evaluation.report.statements import Statement
from assets.evaluation.report.tables import Cell, Table, display_name, number, p_text, percent
from assets.evaluation.text_worth.density import CONTROL, REAL, TABLE, sentence
from assets.lake import Address, Lake
from assets.tables import read_frame

if TYPE_CHECKING:
    import pandas as pd

_STYLES = {REAL: 1, CONTROL: 2}


def density_pictures(lake: Lake, dataset: str) -> tuple[list[Picture], list[Statement]]:
    """One picture a base model that was measured, of its lowest seed, and the sentence of the strongest at full density."""
    first: dict[str, Address] = {}
    for cell in sorted(lake.cells("density_curve", dataset=dataset), key=lambda one: one.seed or 0):
        first.setdefault(str(cell.base_model), cell)
    frames = {name: read_frame(lake.path(cell) / TABLE) for name, cell in sorted(first.items())}
    if not frames:
        return [], []
    best = max(frames, key=lambda name: float(frames[name].sort_values("share")["base_recall_20"].iloc[-1]))
    text = f"{sentence(frames[best])} Measured on {display_name(best)}, protocol rlmrec."
    told = Statement(text, "better" if frames[best]["pays"].any() else "neutral")
    return [_picture(dataset, name, frame) for name, frame in frames.items()], [told]


def _picture(dataset: str, base_model: str, frame: pd.DataFrame) -> Picture:
    title = f"What texts add to {display_name(base_model)} on {dataset}"
    lines = [
        svg.Line(
            f"{kind} texts",
            [
                (float(x), 100 * float(y))
                for x, y in zip(rows["pairs_per_user"], rows["recall_20_relative"], strict=True)
            ],
            _STYLES[str(kind)],
        )
        for kind, rows in frame.sort_values("pairs_per_user").groupby("texts")
    ]
    drawing = svg.line_plot(lines, title, "train interactions per user", "gain in Recall@20, %")
    caption = (
        f"{title}, by density of train; both are tuned anew at each, protocol rlmrec. Shuffled texts are the control."
    )
    table = Table(
        f"{dataset}-density-{base_model}",
        f"{title}: 95 % intervals over users, p of the paired t-test.",
        ["train", "interactions per user", "texts", "form", "base Recall@20", "with texts", "gain", "from", "to", "p"],
        [
            [
                Cell(f"{row['share']:.0%}"),
                Cell(f"{row['pairs_per_user']:.1f}"),
                Cell(row["texts"], is_number=False),
                Cell(row["form"], is_number=False),
                Cell(number(row["base_recall_20"])),
                Cell(number(row["recall_20"])),
                *(Cell(percent(row[f"recall_20_{name}"])) for name in ("relative", "low", "high")),
                Cell(p_text(row["recall_20_p"])),
            ]
            for row in frame.to_dict("records")
        ],
    )
    return Picture(caption, drawing, table, f"Numbers on {display_name(base_model)} by density")
