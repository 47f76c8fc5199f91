"""Recommendations for somebody new, from nothing but a text about what she wants.

The text is read as the texts of known users are: one ridge regression an item, from texts to histories
(`models.closed_form.cold`). How good that is stands in the asset `cold_user_metrics`; nothing is written here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.embeddings.embed import encode_once, read_summaries
from assets.embeddings.vectors import STORE, text_sha256
from assets.evaluation.cold_users import TABLE
from assets.evaluation.lookup import check_names, motivations_of, titles_of
from assets.evaluation.phrases import best_matches, rarity
from assets.evaluation.recipe import RECOMMENDATIONS_PER_USER
from assets.evaluation.recommendations import read_owned
from assets.lake import Address, Lake
from assets.tables import read_column, read_frame
from models.errors import LmmrecError

if TYPE_CHECKING:
    from models.language.encoders import TextEncoder

SHRINKAGE = 10.0
"""mu where the dataset has no `cold_user_metrics` to take it from."""


def recommend_for_text(home: Path, dataset: str, text: str, encoder: TextEncoder, k: int = 10) -> list[dict[str, Any]]:
    """The first `k` items for somebody of whom there is only `text`: rank, item_id, title, score, reason.

    Args:
        encoder: the one that made the dataset's text vectors.

    Raises:
        LmmrecError: an empty text, no text vectors yet or those of another encoder, or `k` out of range.
    """
    import numpy as np

    from models.closed_form.cold import ridge_to_histories
    from models.closed_form.text_part import centred
    from models.ranking.topk import top_k

    check_names(home, dataset)
    if not text.strip():
        raise LmmrecError("the text is empty: say in a sentence what is wanted, for example --text 'a quiet kettle'.")
    if not 1 <= k <= RECOMMENDATIONS_PER_USER:
        raise LmmrecError(f"k = {k} is out of range: lists hold up to {RECOMMENDATIONS_PER_USER} items.")
    lake = Lake(home)
    texts = known_texts(lake, dataset, encoder)
    together = [*texts, text]  # an encoder may be bound to the corpus, so all are encoded with the new one
    vectors, _ = encode_once(together, [text_sha256(each) for each in together], encoder, home / STORE)
    owned = read_owned(lake.read(Address("interactions", dataset)))
    num_users = owned.shape[0]
    of_users = centred(np.concatenate([vectors[:num_users], vectors[-1:]]))
    (reading,) = ridge_to_histories(owned, of_users[:-1], (shrinkage_of(lake, dataset),))
    scores = of_users[-1:] @ reading

    class Said:
        def score(self, user_idx: np.ndarray) -> np.ndarray:
            return np.array(scores)

    found, values = top_k(Said(), np.zeros(1, dtype=np.int64), k, owned[:1] * 0)
    ids = read_column(lake.read(Address("interactions", dataset)) / "items.parquet", "item_id")
    items = [int(item) for item in found[0] if item >= 0]
    titles = titles_of(lake, dataset, [str(ids[item]) for item in items])
    reasons = _reasons(lake, dataset, text, items)
    return [
        {
            "rank": rank,
            "item_id": str(ids[item]),
            "title": titles.get(str(ids[item]), ""),
            "score": float(value),
            "reason": reasons.get(item, "people whose texts say so chose it"),
        }
        for rank, (item, value) in enumerate(zip(items, values[0], strict=False), start=1)
    ]


def known_texts(lake: Lake, dataset: str, encoder: TextEncoder) -> list[str]:
    """The texts of all users, then of all items, that the dataset's vectors were made from.

    Raises:
        LmmrecError: there are none, or another encoder made them.
    """
    vectors = Address("text_embeddings", dataset)
    if lake.record(vectors) is None:
        raise LmmrecError(
            f"{dataset} has no text vectors, so a text cannot be read: run `lmmrec run {dataset} --until embeddings` first."
        )
    made_by = json.loads((lake.path(vectors) / "encoder.json").read_bytes())
    if (made_by["encoder"], made_by["model"]) != (encoder.name, encoder.model):
        raise LmmrecError(
            f"the text vectors of {dataset} were made by encoder {made_by['encoder']} ({made_by['model']}), but the settings "
            f"name {encoder.name} ({encoder.model}): set LMMREC_ENCODER={made_by['encoder']}."
        )
    motivations = lake.read(Address("validated_motivations", dataset))
    return [*read_summaries(motivations, "user"), *read_summaries(motivations, "item")]


def shrinkage_of(lake: Lake, dataset: str) -> float:
    """mu that `cold_user_metrics` chose for nothing but a text, in the first cell with real texts; else the default."""
    for cell in lake.cells("cold_user_metrics", dataset=dataset, variant="full"):
        frame = read_frame(lake.path(cell) / TABLE)
        rows = frame[(frame["known_items"] == 0) & (frame["served_from"] == "text")]
        if len(rows):
            return float(rows["shrinkage"].iloc[0])
    return SHRINKAGE


def _reasons(lake: Lake, dataset: str, text: str, items: list[int]) -> dict[int, str]:
    """What of an item's motivations meets the text, by words; items without such words are left out."""
    offered = {
        item: [str(entry["motivation"]) for entry in found.active]
        for item, found in motivations_of(lake, dataset, "item", items).items()
    }
    weights = rarity([text, *(phrase for phrases in offered.values() for phrase in phrases)])
    matches = {item: best_matches([text], phrases, weights, limit=1) for item, phrases in offered.items()}
    return {item: f"known for “{found[0].item}”" for item, found in matches.items() if found}
