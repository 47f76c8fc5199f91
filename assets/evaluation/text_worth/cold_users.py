"""New users, as a table: served from what is popular, from their first items, from a text, or from both.

Measured by leaving users out of the fit; how is `models.training.cold_users`. The control reads shuffled texts.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.evaluation.recipe import KNOWN_ITEMS
from assets.tables import read_matrix, write_frame
from assets.training.data import CONTROLS, load_data

if TYPE_CHECKING:
    import pandas as pd

    from models.training.cold_users import ColdUsers

TABLE = "cold_users.parquet"
SERVED = ("popularity", "history", "text", "both")
_TYPES = {
    "known_items": "INTEGER",
    "served_from": "VARCHAR",
    "users": "BIGINT",
    "recall_20": "DOUBLE",
    "ndcg_20": "DOUBLE",
    "shrinkage": "DOUBLE",
    "weight": "DOUBLE",
}


def write_cold_users(
    checkpoint: Path, split: Path, vectors: Path, variant: str, seed: int, target: Path
) -> dict[str, Any]:
    """Write `cold_users.parquet`, one row a number of known items and way to serve; return figures.

    Arguments as for `cold_items.write_cold_items`.
    """
    import pandas as pd

    from models.bases import base_spec
    from models.closed_form.text_part import centred
    from models.training.cold_users import measure_cold_users

    stored = json.loads((checkpoint / "config.json").read_bytes())["base"]
    base = base_spec(stored["name"]).config.model_validate(stored)
    data = load_data(split, vectors, variant if variant in CONTROLS else None, seed)
    assert data.user_texts is not None
    test = read_matrix(split, "test")
    found = measure_cold_users(data.train, test, centred(data.user_texts), base, KNOWN_ITEMS, seed)
    frame = pd.DataFrame([row for one in found for row in _rows(one)])
    write_frame(frame, target / TABLE, _TYPES)
    return {"users": int(frame["users"].iloc[0]), "said": sentence(frame), "table_md": markdown(frame)}


def sentence(frame: pd.DataFrame) -> str:
    """What it comes to for somebody of whom nothing but a text is known."""
    nothing = frame[frame["known_items"] == 0].set_index("served_from")["recall_20"]
    return (
        f"Somebody new of whom there is only a text: Recall@20 {nothing['text']:.3f}, where what is popular gives "
        f"{nothing['popularity']:.3f}. Her text stands for what she would say; it was written from items that are hidden here."
    )


def markdown(frame: pd.DataFrame) -> str:
    """One line a number of known items, one column a way to serve."""
    lines = ["| known items | " + " | ".join(SERVED) + " |", "|" + " --- |" * (len(SERVED) + 1)]
    for known, rows in frame.groupby("known_items", sort=True):
        values = rows.set_index("served_from")["recall_20"]
        cells = [f"{values[name]:.4f}" if name in values.index else "" for name in SERVED]
        lines.append(f"| {known} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _rows(one: ColdUsers) -> list[dict[str, Any]]:
    evaluations = {name: getattr(one, name) for name in SERVED}
    reads = {"text": (one.shrinkage, None), "both": (one.shrinkage_beside, one.weight)}
    return [
        {"known_items": one.known, "served_from": name, "users": len(found.user_idx)}
        | {metric: found.means("rlmrec")[metric] for metric in ("recall_20", "ndcg_20")}
        | dict(zip(("shrinkage", "weight"), reads.get(name, (None, None)), strict=True))
        for name, found in evaluations.items()
        if found is not None
    ]
