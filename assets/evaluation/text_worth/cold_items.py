"""New items from their texts, as tables: how well they are ranked among themselves, and what each share of the lists costs.

Measured by taking items away from train, as the base model of a checkpoint would have seen them; how is
`models.training.cold_items`. The control reads shuffled texts.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.evaluation.recipe import COLD_DRAWS, COLD_SHARE, DIAL_SHARES
from assets.tables import read_matrix, write_frame
from assets.training.data import CONTROLS, load_data

if TYPE_CHECKING:
    from models.training.cold_items import ColdItems

RANKING, DIAL = "cold_items.parquet", "dial.parquet"
_RANKING_TYPES = {
    "draw": "INTEGER",
    "new_items": "BIGINT",
    "users": "BIGINT",
    "reading": "VARCHAR",
    "shrinkage": "DOUBLE",
    "recall_20": "DOUBLE",
    "ndcg_20": "DOUBLE",
    "popularity_recall_20": "DOUBLE",
    "popularity_ndcg_20": "DOUBLE",
}
_DIAL_TYPES = {
    "draw": "INTEGER",
    "share": "DOUBLE",
    "shown": "DOUBLE",
    "multiplier": "DOUBLE",
    "warm_recall_20": "DOUBLE",
    "cold_recall_20": "DOUBLE",
}


def write_cold_items(
    checkpoint: Path, split: Path, vectors: Path, variant: str, seed: int, target: Path
) -> dict[str, Any]:
    """Write `cold_items.parquet` (one row a draw) and `dial.parquet` (one row a draw and share); return figures.

    Args:
        checkpoint: folder of a checkpoint on a base model in closed form, whose settings are taken over.
        split: folder of the asset `split`.
        vectors: folder of `text_embeddings`.
        variant: `full`, or the control of the texts.
        seed: of the control and of the draws.
        target: folder to write to.
    """
    import pandas as pd

    from models.bases import base_spec
    from models.closed_form.text_part import centred
    from models.progress import track
    from models.training.cold_items import measure_cold_items

    stored = json.loads((checkpoint / "config.json").read_bytes())["base"]
    base = base_spec(stored["name"]).config.model_validate(stored)
    data = load_data(split, vectors, variant if variant in CONTROLS else None, seed)
    assert data.item_texts is not None
    texts, test = centred(data.item_texts), read_matrix(split, "test")
    found = []
    with track("take items away", total=COLD_DRAWS, unit="draws") as step:
        for draw in range(COLD_DRAWS):
            one = measure_cold_items(data.train, test, texts, base, COLD_SHARE, DIAL_SHARES, seed + draw)
            found.append(one)
            step.advance()
    ranking = pd.DataFrame([_ranking_row(draw, one) for draw, one in enumerate(found)])
    dial = pd.DataFrame([{"draw": draw, **asdict(point)} for draw, one in enumerate(found) for point in one.dial])
    write_frame(ranking, target / RANKING, _RANKING_TYPES)
    write_frame(dial, target / DIAL, _DIAL_TYPES)
    means = ranking.mean(numeric_only=True)
    curve = dial.groupby("share", sort=True).mean(numeric_only=True)
    return {
        "new_items": int(ranking["new_items"].iloc[0]),
        **{name: round(float(means[name]), 6) for name in list(_RANKING_TYPES)[5:]},
        "said": sentence(float(means["recall_20"]), float(means["popularity_recall_20"]), curve),
        "dial_md": dial_table(curve),
    }


def sentence(recall: float, by_popularity: float, curve: Any) -> str:
    """What it comes to, in plain words: of the ranking, and of the least share of the dial above 0."""
    free = float(curve["warm_recall_20"].loc[0.0])
    share = min(value for value in curve.index if value > 0.0)
    point = curve.loc[share]
    cost = 1.0 - float(point["warm_recall_20"]) / free if free else 0.0
    return (
        f"Items without a single interaction, ranked from their texts: Recall@20 {recall:.3f} among themselves, "
        f"{by_popularity:.3f} where their hidden popularity decides. Giving them {share:.0%} of the places finds "
        f"{float(point['cold_recall_20']):.1%} of their pairs and costs {cost:.1%} of the Recall@20 of known items."
    )


def dial_table(curve: Any) -> str:
    """Markdown: one line a share."""
    lines = [
        "| share of places | shown | multiplier | Recall@20 known items | Recall@20 new items |",
        "| --- | --- | --- | --- | --- |",
    ]
    for share, row in curve.iterrows():
        lines.append(
            f"| {share:.0%} | {row['shown']:.1%} | {row['multiplier']:.3g} | {row['warm_recall_20']:.4f} "
            f"| {row['cold_recall_20']:.4f} |"
        )
    return "\n".join(lines)


def _ranking_row(draw: int, one: ColdItems) -> dict[str, Any]:
    by_text, by_popularity = one.by_text.means("rlmrec"), one.by_popularity.means("rlmrec")
    return {
        "draw": draw,
        "new_items": one.num_new,
        "users": len(one.by_text.user_idx),
        "reading": one.reading.kind,
        "shrinkage": one.reading.shrinkage,
        "recall_20": by_text["recall_20"],
        "ndcg_20": by_text["ndcg_20"],
        "popularity_recall_20": by_popularity["recall_20"],
        "popularity_ndcg_20": by_popularity["ndcg_20"],
    }
