"""Recommendations for somebody new: from a few items that she has, from a text about what she wants, or from both.

Items are read by a model in closed form, which needs nobody to have been there when it was fitted; a text is read as the
texts of known users are, by one ridge regression an item (`models.closed_form.cold`). How good that is stands in the asset
`cold_user_metrics`, from which shrinkage and weight are taken; nothing is written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.embeddings.beside import read_beside
from assets.evaluation.lookup import check_names, motivations_of, position_of, served_methods, titles_of
from assets.evaluation.phrases import best_matches, rarity
from assets.evaluation.recipe import RECOMMENDATIONS_PER_USER, serving_cell
from assets.evaluation.recommendations import closest_in, read_owned, shared_history
from assets.evaluation.selection import read_candidate_rows, read_choice
from assets.evaluation.text_worth.cold_users import TABLE
from assets.lake import Address, Lake
from assets.tables import read_column, read_frame
from models.bases import BASES
from models.errors import LmmrecError

if TYPE_CHECKING:
    import numpy as np
    from scipy.sparse import csr_matrix

    from models.language.encoders import TextEncoder

SHRINKAGE, WEIGHT = 10.0, 1.0
"""mu of the text, and c of the text beside items, where the dataset has no `cold_user_metrics` to take them from."""


def recommend_for_newcomer(
    home: Path,
    dataset: str,
    text: str | None,
    items: Sequence[str],
    encoder: TextEncoder | None,
    k: int = 10,
) -> list[dict[str, Any]]:
    """The first `k` items for somebody of whom `text` or `items` or both are known: rank, item_id, title, score, reason.

    Args:
        items: ids of what she has; never recommended.
        encoder: the one that made the dataset's text vectors; read where there is a text.

    Raises:
        LmmrecError: nothing is known of her, an empty text, an unknown item, no text vectors yet or those of another
            encoder, no model in closed form, or `k` out of range.
    """
    import numpy as np

    from models.ranking.topk import top_k

    check_names(home, dataset)
    if text is None and not items:
        raise LmmrecError("nothing is known of her: give items she has, a text about what she wants, or both.")
    if text is not None and not text.strip():
        raise LmmrecError("the text is empty: say in a sentence what is wanted, for example --text 'a quiet kettle'.")
    if not 1 <= k <= RECOMMENDATIONS_PER_USER:
        raise LmmrecError(f"k = {k} is out of range: lists hold up to {RECOMMENDATIONS_PER_USER} items.")
    lake = Lake(home)
    known = sorted({position_of(lake, dataset, "item", item) for item in items})
    owned = read_owned(lake.read(Address("interactions", dataset)))
    row = _row(known, owned.shape[1])
    scores = newcomer_scores(lake, dataset, owned, row, text, encoder)

    class Said:
        def score(self, user_idx: np.ndarray) -> np.ndarray:
            return np.array(scores)

    found, values = top_k(Said(), np.zeros(1, dtype=np.int64), k, row)
    places = [int(item) for item in found[0] if item >= 0]
    ids = read_column(lake.read(Address("interactions", dataset)) / "items.parquet", "item_id")
    titles = titles_of(lake, dataset, [str(ids[item]) for item in (*places, *known)])
    reasons = _reasons(lake, dataset, text, places) if text is not None else {}
    closest = closest_in(owned, known, places)
    return [
        {
            "rank": rank,
            "item_id": str(ids[item]),
            "title": titles.get(str(ids[item]), ""),
            "score": float(value),
            "reason": reasons.get(item)
            or (shared_history(closest, item, ids, titles) if known else "people whose texts say so chose it"),
        }
        for rank, (item, value) in enumerate(zip(places, values[0], strict=False), start=1)
    ]


def newcomer_scores(
    lake: Lake,
    dataset: str,
    owned: csr_matrix,
    row: csr_matrix,
    text: str | None,
    encoder: TextEncoder | None,
) -> np.ndarray:
    """(1, items) float32: by her history `row`, by her text, or by both side by side."""
    from models.bases import base_spec
    from models.closed_form.cold import history_and_text
    from models.training.checkpoint import load

    shrinkage, weight = reading_of(lake, dataset, row.nnz)
    said = None
    if text is not None:
        assert encoder is not None
        said = text_scores(lake, dataset, owned, text, encoder, shrinkage)
        if not row.nnz:
            return said
    model = load(lake.read(closed_form_cell(lake, dataset)))
    history = base_spec(model.base.name).formula().scores_of(model.final, row)
    return history if said is None else history_and_text(history, said, weight)


def text_scores(
    lake: Lake, dataset: str, owned: csr_matrix, text: str, encoder: TextEncoder, shrinkage: float
) -> np.ndarray:
    """(1, items) float32: what people whose texts say so have."""
    import numpy as np

    from models.closed_form.cold import ridge_to_histories
    from models.closed_form.text_part import centred

    vector = read_beside(lake, dataset, [text], encoder)
    users = np.load(lake.path(Address("text_embeddings", dataset)) / "users.npy", allow_pickle=False)
    together = centred(np.concatenate([users, vector]))
    (reading,) = ridge_to_histories(owned, together[:-1], (shrinkage,))
    return np.asarray(together[-1:] @ reading, dtype=np.float32)


def closed_form_cell(lake: Lake, dataset: str) -> Address:
    """The checkpoint that reads histories of people it has never seen: the published one where it is in closed form, else
    the best such candidate on validation, else the first there is.

    Raises:
        LmmrecError: there is none.
    """
    choice = read_choice(lake, dataset)
    rows = read_candidate_rows(lake, dataset) if choice else []
    named = [(str(row["base_model"]), str(row["method"])) for row in ([choice] if choice else []) + rows]
    there = [(name, method) for name in BASES for method in reversed(served_methods(lake, dataset, name))]
    for base_model, method in (*named, *there):
        if method in ("base", "text-prior") and BASES.get(base_model, BASES["lightgcn"]).closed_form:
            cell = serving_cell(lake, dataset, base_model, method)
            if cell is not None:
                return cell
    raise LmmrecError(
        f"{dataset} has no model in closed form, which could read the items of somebody new: make one with "
        f"`lmmrec run {dataset} --base-model gfcf`."
    )


def reading_of(lake: Lake, dataset: str, known_items: int) -> tuple[float, float]:
    """(mu of the text, c of the text beside items) that `cold_user_metrics` chose for the nearest number of known items at
    most as large, in the first cell with real texts; else the defaults."""
    way = "both" if known_items else "text"
    for cell in lake.cells("cold_user_metrics", dataset=dataset, variant="full"):
        frame = read_frame(lake.path(cell) / TABLE)
        fits = (frame["served_from"] == way) & (frame["known_items"] <= known_items)
        rows = frame[fits & frame["shrinkage"].notna()]
        if len(rows):
            row = rows.sort_values("known_items").iloc[-1]
            return float(row["shrinkage"]), WEIGHT if way == "text" else float(row["weight"])
    return SHRINKAGE, WEIGHT


def _row(items: Sequence[int], num_items: int) -> csr_matrix:
    """One history as binary CSR float32 (1, items)."""
    import numpy as np
    from scipy.sparse import csr_matrix

    return csr_matrix((np.ones(len(items), dtype=np.float32), ([0] * len(items), list(items))), shape=(1, num_items))


def _reasons(lake: Lake, dataset: str, text: str, items: list[int]) -> dict[int, str]:
    """What of an item's motivations meets the text, by words; items without such words are left out."""
    offered = {
        item: [str(entry["motivation"]) for entry in found.active]
        for item, found in motivations_of(lake, dataset, "item", items).items()
    }
    weights = rarity([text, *(phrase for phrases in offered.values() for phrase in phrases)])
    matches = {item: best_matches([text], phrases, weights, limit=1) for item, phrases in offered.items()}
    return {item: f"known for “{found[0].item}”" for item, found in matches.items() if found}
