"""Why this item for this user: what the texts say, what the graph says, and what the text changed.

Everything comes from what the lake holds; nothing is written, no language model is asked. Words are matched by overlap
(`phrases.py`), texts by the vectors that training saw, and graph scores are split exactly over the user's train items
(`models.attribution`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.evaluation.evidence import cited, quotes_of
from assets.evaluation.lookup import (
    check_names,
    motivations_of,
    position_of,
    served_methods,
    titles_of,
)
from assets.evaluation.phrases import best_matches, rarity
from assets.evaluation.recipe import serving_cell
from assets.evaluation.recommendations import read_owned
from assets.evaluation.selection import read_candidate_rows, read_choice
from assets.evaluation.sentences import text_parts
from assets.lake import Address, Lake
from assets.partitions import BASE_MODELS
from assets.tables import connect, read_column, read_matrix
from assets.training.methods import METHODS
from models.errors import LmmrecError

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from models.language.encoders import TextEncoder
    from models.training.fitted import FittedModel

NEIGHBOURS_SHOWN = 5


def explain(
    home: Path,
    dataset: str,
    user_id: str,
    item_id: str,
    base_model: str | None = None,
    encoder: TextEncoder | None = None,
) -> dict[str, Any]:
    """An explanation as plain data.

    Args:
        base_model: None takes that of the published model; where that is an anchor, which keeps no checkpoint, of the best
            on validation that does.
        encoder: the one that made the dataset's text vectors; None leaves texts unsplit.

    Returns:
        `dataset`, `base_model`; `user` and `item` (id, title, summary, provenance, active, passive; empty where there are
        no texts; a motivation has its quotes); `known_in` (the part of the split that holds the pair, or None); `matches`
        (user motivation, item motivation, similarity 0..1, quotes of both); `text_match` (cosine, percentile among all
        items, or None); `scores` (one row a method: score, rank among what the user does not have, items);
        `neighbours` (item_id, title, share of the score and what of it texts gave, for the method `scored_by`),
        `other_neighbours_share` and `own_share`, which together are the score; `text_share`, what texts gave of all that,
        None where the model cannot tell; `text_parts`, what of it each sentence of the item's motivation gave
        (`sentences.text_parts`); `text_influence` (one sentence).

    Raises:
        LmmrecError: unknown dataset, user, item or base model, or nothing trained yet.
    """
    check_names(home, dataset, base_model)
    lake = Lake(home)
    base_model = base_model or explained_base(lake, dataset)
    user_idx = position_of(lake, dataset, "user", user_id)
    item_idx = position_of(lake, dataset, "item", item_id)
    methods = served_methods(lake, dataset, base_model)
    if not methods:
        raise LmmrecError(
            f"nothing has been trained on {dataset} with {base_model} yet: run `lmmrec run {dataset}` first."
        )
    told, offered = _told(lake, dataset, "user", user_idx), _told(lake, dataset, "item", item_idx)
    models = {method: _load(lake, dataset, base_model, method) for method in methods}
    train = read_matrix(lake.read(Address("split", dataset)), "train")
    owned = read_owned(lake.read(Address("interactions", dataset)))
    scores = [
        {"method": method, **score_and_rank(model, owned, user_idx, item_idx)} for method, model in models.items()
    ]
    choice = read_choice(lake, dataset)
    published = choice["method"] if choice and choice["base_model"] == base_model else None
    chosen = published if published in methods else methods[-1]
    text_match = text_closeness(lake, dataset, user_idx, item_idx)
    return {
        "dataset": dataset,
        "base_model": base_model,
        "user": {"id": user_id, **told},
        "item": {"id": item_id, "title": titles_of(lake, dataset, [item_id]).get(item_id, ""), **offered},
        "known_in": _known_in(lake, dataset, user_idx, item_idx),
        "matches": _matches(told, offered),
        "text_match": text_match,
        "scores": scores,
        "scored_by": chosen,
        **_graph_shares(lake, dataset, models[chosen], train, user_idx, item_idx),
        "text_parts": text_parts(lake, dataset, models[chosen], user_idx, item_idx, encoder),
        "text_influence": text_influence(scores, text_match is not None),
    }


def explained_base(lake: Lake, dataset: str) -> str:
    """The base model of the best selected candidate with a checkpoint; before a selection the first one trained."""
    choice = read_choice(lake, dataset)
    rows = read_candidate_rows(lake, dataset) if choice else []
    first = [choice["base_model"]] if choice and choice["method"] in METHODS else []
    trained = [*first, *(str(row["base_model"]) for row in rows if row["method"] in METHODS), *BASE_MODELS]
    return str(next((name for name in trained if served_methods(lake, dataset, name)), trained[0]))


def score_and_rank(model: FittedModel, owned: csr_matrix, user_idx: int, item_idx: int) -> dict[str, Any]:
    """Score of the pair and its rank (1 is best) among the items that the user does not have, as in the published lists.

    An item that the user has is ranked as if it alone were new. Ties go to the lower item index.
    """
    import numpy as np

    scores = np.asarray(model.score(np.array([user_idx])))[0].astype(np.float64)
    candidates = np.ones(len(scores), dtype=bool)
    candidates[owned[user_idx].indices] = False
    candidates[item_idx] = True
    score = scores[item_idx]
    earlier = np.arange(len(scores)) < item_idx
    before = candidates & ((scores > score) | ((scores == score) & earlier))
    return {"score": float(score), "rank": int(before.sum()) + 1, "items": int(candidates.sum())}


def text_closeness(lake: Lake, dataset: str, user_idx: int, item_idx: int) -> dict[str, float] | None:
    """Cosine of the user's and the item's text vectors, and the share of all items that are less close, in percent."""
    import numpy as np

    address = Address("text_embeddings", dataset)
    if lake.record(address) is None:
        return None
    user = np.load(lake.path(address) / "users.npy", mmap_mode="r", allow_pickle=False)[user_idx].astype(np.float64)
    items = np.load(lake.path(address) / "items.npy", mmap_mode="r", allow_pickle=False).astype(np.float64)
    lengths = np.maximum(np.linalg.norm(items, axis=1) * np.linalg.norm(user), 1e-12)
    cosines = items @ user / lengths
    return {
        "cosine": float(cosines[item_idx]),
        "percentile": float(100.0 * (cosines < cosines[item_idx]).mean()),
    }


def text_influence(scores: Sequence[dict[str, Any]], has_vectors: bool) -> str:
    """One sentence: what the method with text changed for this pair, or that text changed nothing."""
    by_method = {row["method"]: row for row in scores}
    with_text = [name for name in by_method if METHODS[name].needs_text]
    if not has_vectors or not with_text:
        return "Text had no influence: " + (
            "the dataset has no text vectors." if not has_vectors else "no method that reads text has been trained."
        )
    name = with_text[-1]
    if "base" not in by_method:
        return f"{name} was trained with text; what it changed cannot be told, because base has not been trained."
    before, after = by_method["base"]["rank"], by_method[name]["rank"]
    trained = METHODS[name].reads_user_texts  # else a closed form, which no chance of training has touched
    if before == after:
        alone = "by the graph alone and with text" if trained else "without it and with it"
        return f"Text had no influence on the rank: {before:,} {alone}."
    moved = "up" if after < before else "down"
    if not trained:
        return (
            f"With text the item moves {moved} from rank {before:,} (without text) to {after:,}; both are formulas, tuned on "
            "validation each for itself, so that none of it is chance of training."
        )
    return (
        f"With text the item moves {moved} from rank {before:,} (graph alone) to {after:,}; part of that is chance of "
        "training, which the leaderboard's shuffled-text row measures."
    )


def _load(lake: Lake, dataset: str, base_model: str, method: str) -> FittedModel:
    from models.training.checkpoint import load

    cell = serving_cell(lake, dataset, base_model, method)
    assert cell is not None
    return load(lake.read(cell))


def _told(lake: Lake, dataset: str, entity: str, position: int) -> dict[str, Any]:
    """The validated motivations with the quotes behind them; empty where there are none."""
    found = motivations_of(lake, dataset, entity, [position]).get(position)
    if found is None:
        return {"summary": "", "provenance": "", "active": [], "passive": []}
    quotes = quotes_of(lake, dataset, entity, position)
    sides = {
        side: [entry | {"quotes": cited(entry["motivation"], entry["evidence"], quotes)} for entry in entries]
        for side, entries in (("active", found.active), ("passive", found.passive))
    }
    return {"summary": found.summary, "provenance": found.provenance, **sides}


def _matches(user: dict[str, Any], item: dict[str, Any]) -> list[dict[str, Any]]:
    wanted = {str(entry["motivation"]): entry["quotes"] for entry in user["active"]}
    offered = {str(entry["motivation"]): entry["quotes"] for entry in item["active"]}
    return [
        {
            "user": match.user,
            "item": match.item,
            "similarity": round(match.similarity, 4),
            "user_quotes": wanted[match.user],
            "item_quotes": offered[match.item],
        }
        for match in best_matches(list(wanted), list(offered), rarity([*wanted, *offered]))
    ]


def _known_in(lake: Lake, dataset: str, user_idx: int, item_idx: int) -> str | None:
    folder = lake.read(Address("split", dataset))
    with connect() as connection:
        for part in ("train", "validation", "test"):
            found = connection.execute(
                "SELECT 1 FROM read_parquet(?) WHERE user_idx = ? AND item_idx = ?",
                [str(folder / f"{part}.parquet"), user_idx, item_idx],
            ).fetchone()
            if found is not None:
                return part
    return None


def _graph_shares(
    lake: Lake, dataset: str, model: FittedModel, train: csr_matrix, user_idx: int, item_idx: int
) -> dict[str, Any]:
    import numpy as np

    from models.attribution import attribute

    found = attribute(model, train, user_idx, item_idx)
    if found is None:
        return {"neighbours": [], "own_share": None, "other_neighbours_share": None, "text_share": None}
    ids = read_column(lake.read(Address("interactions", dataset)) / "items.parquet", "item_id")
    order = np.argsort(-np.abs(found.shares), kind="stable")
    top = order[:NEIGHBOURS_SHOWN]
    titles = titles_of(lake, dataset, [str(ids[item]) for item in found.history[top]])
    return {
        "neighbours": [
            {
                "item_id": str(ids[found.history[row]]),
                "title": titles.get(str(ids[found.history[row]]), ""),
                "share": float(found.shares[row]),
                "of_texts": None if found.texts is None else float(found.texts[row]),
            }
            for row in top
        ],
        "own_share": found.own + found.rest,
        "other_neighbours_share": float(found.shares[order[NEIGHBOURS_SHOWN:]].sum()),
        "text_share": None if found.texts is None else float(found.texts.sum()),
    }
