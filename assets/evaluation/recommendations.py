"""Recommendations with original ids: the lists that a batch of the pipeline publishes, and the reading of one user's.

The lists are the production view: what a user already has, in whichever part of the split, is never recommended. Reasons
are looked up when somebody asks, from validated motivations and shared histories; they decide no rank.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.evaluation.lookup import (
    check_names,
    motivations_of,
    position_of,
    served_methods,
    titles_of,
)
from assets.evaluation.phrases import best_matches, rarity
from assets.evaluation.recipe import RECOMMENDATIONS_PER_USER
from assets.evaluation.selection import read_choice
from assets.lake import Address, Lake
from assets.recipes import Request
from assets.tables import connect, count_rows, read_column, write_frame
from assets.training.methods import METHODS
from models.errors import LmmrecError

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from assets.evaluation.new_items import NewItems
    from models.ranking.protocol import Scorer

NEW_ITEM = "new item, ranked from its text"
_TYPES = {
    "user_id": "VARCHAR",
    "item_id": "VARCHAR",
    "rank": "INTEGER",
    "score": "DOUBLE",
    "user_idx": "BIGINT",
    "item_idx": "BIGINT",
    "is_new": "BOOLEAN",
}


def read_owned(interactions: Path) -> csr_matrix:
    """Everything that each user already has, as binary CSR float32 (users, items)."""
    import numpy as np
    from scipy.sparse import csr_matrix

    shape = _sizes(interactions)
    with connect() as connection:
        found = connection.execute(
            "SELECT user_idx, item_idx FROM read_parquet(?)", [str(interactions / "interactions.parquet")]
        ).fetchnumpy()
    rows, columns = np.asarray(found["user_idx"]), np.asarray(found["item_idx"])
    owned = csr_matrix((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=shape)
    owned.sort_indices()
    return owned


def write_recommendations(checkpoint: Path, interactions: Path, target: Path, per_user: int) -> dict[str, Any]:
    """The lists of one checkpoint; see `write_lists`.

    Raises:
        LmmrecError: the checkpoint was trained on other users or items.
    """
    from models.training.checkpoint import load

    model = load(checkpoint)
    sizes = _sizes(interactions)
    if (model.num_users, model.num_items) != sizes:
        raise LmmrecError(
            f"{checkpoint} knows {model.num_users:,} users and {model.num_items:,} items, but interactions has "
            f"{sizes[0]:,} and {sizes[1]:,}: train it again."
        )
    return write_lists(model, interactions, target, per_user)


def write_lists(
    model: Scorer, interactions: Path, target: Path, per_user: int, new: NewItems | None = None
) -> dict[str, Any]:
    """Write `recommendations.parquet`, best first within each user, and return figures.

    Args:
        model: scores all users and items of `interactions`, and then those that `new` adds.
        interactions: folder of the asset `interactions`: ids and what users already have.
        target: folder to write to.
        per_user: length of the lists; users who have nearly everything get shorter ones.
        new: items without train pairs that the model ranks from their texts; their rows say `is_new`.
    """
    import numpy as np
    import pandas as pd

    from models.ranking.topk import top_k

    users = np.asarray(read_column(interactions / "users.parquet", "user_id"), dtype=object)
    items = np.asarray(read_column(interactions / "items.parquet", "item_id"), dtype=object)
    owned = read_owned(interactions)
    if new is not None:
        items = np.concatenate([items, np.asarray(new.added, dtype=object)])
        owned.resize(len(users), len(items))
    positions = np.arange(len(users))
    found, scores = top_k(model, positions, per_user, owned)
    filled = found >= 0
    user_idx = np.broadcast_to(positions[:, None], found.shape)[filled]
    item_idx = found[filled]
    frame = pd.DataFrame(
        {
            "user_id": users[user_idx],
            "item_id": items[item_idx],
            "rank": np.broadcast_to(np.arange(1, per_user + 1), found.shape)[filled],
            "score": scores[filled].astype(np.float64),
            "user_idx": user_idx,
            "item_idx": item_idx,
            "is_new": np.isin(item_idx, [] if new is None else new.item_idx),
        }
    )
    write_frame(frame, target / "recommendations.parquet", _TYPES)
    return {
        "users": len(users),
        "rows": len(frame),
        "users_with_a_full_list": int((filled.sum(axis=1) == per_user).sum()),
        "items_recommended": len(np.unique(item_idx)),
        "catalogue_coverage": round(len(np.unique(item_idx)) / max(len(items), 1), 4),
    }


def recommend(
    home: Path,
    dataset: str,
    user_id: str,
    base_model: str | None = None,
    method: str | None = None,
    k: int = 10,
) -> list[dict[str, Any]]:
    """The first `k` recommendations of one user: rank, item_id, title, score, reason.

    Args:
        base_model: None and no method either: the published lists, by the model that `selection` chose.
        method: None takes the last in the order of `METHODS` that has been trained: one with text where there is one.

    Raises:
        LmmrecError: unknown dataset, user, base model or method, `k` out of range, or no recommendations yet.
    """
    check_names(home, dataset, base_model, method)
    if not 1 <= k <= RECOMMENDATIONS_PER_USER:
        raise LmmrecError(f"k = {k} is out of range: lists hold up to {RECOMMENDATIONS_PER_USER} items.")
    lake = Lake(home)
    published = lists_of(lake, dataset, base_model, method)
    folder = lake.read(published)
    user_idx = position_of(lake, dataset, "user", user_id)
    with connect() as connection:
        found = connection.execute(
            "SELECT rank, item_id, score, item_idx, is_new FROM (SELECT * FROM read_parquet(?) "
            "UNION ALL BY NAME SELECT false AS is_new WHERE false) "  # older lists do not say so
            "WHERE user_idx = ? AND rank <= ? ORDER BY rank",
            [str(folder / "recommendations.parquet"), user_idx, k],
        ).fetchall()
    titles = titles_of(lake, dataset, [str(row[1]) for row in found])
    with_text = reads_text(lake, published)
    reasons = {int(row[3]): NEW_ITEM for row in found if row[4]}
    known = [int(row[3]) for row in found if not row[4]]
    reasons |= reasons_for(lake, dataset, user_idx, known, with_text=with_text)
    return [
        {
            "rank": int(rank),
            "item_id": str(item_id),
            "title": titles.get(str(item_id), ""),
            "score": float(score),
            "reason": reasons[int(item_idx)],
        }
        for rank, item_id, score, item_idx, _ in found
    ]


def reasons_for(lake: Lake, dataset: str, user_idx: int, items: Sequence[int], *, with_text: bool) -> dict[int, str]:
    """One sentence for each item: the motivation of the user that it meets, else the item of the user's it goes with.

    A method that reads no text (`with_text` false) gets no reason from texts.
    """
    reasons = _shared_motivations(lake, dataset, user_idx, items) if with_text else {}
    left = [item for item in items if item not in reasons]
    return reasons | _shared_histories(lake, dataset, user_idx, left)


def lists_of(lake: Lake, dataset: str, base_model: str | None, method: str | None) -> Address:
    """The lists that are asked for: the published ones where no model is named, else those of the model; where only a method
    is named, on the published base model if it goes with that, else on the first that has it.

    Raises:
        LmmrecError: they are not there; the text names those that are.
    """
    choice = read_choice(lake, dataset)
    if base_model is None and method is None and choice is not None:
        published = Address("published_lists", dataset)
        if lake.record(published) is not None:
            return published
    if base_model is None:
        there = [
            cell.base_model for cell in lake.cells("recommendations", dataset=dataset) if method in (None, cell.method)
        ]
        first = choice["base_model"] if choice and choice["base_model"] in there else next(iter(there), None)
        base_model = first or Request(dataset).base_models[0]
    return _of_model(lake, dataset, base_model, method)


def reads_text(lake: Lake, lists: Address) -> bool:
    """Whether texts play a part in the scores of these lists."""
    choice = read_choice(lake, str(lists.dataset)) if lists.method is None else None
    method = choice["method"] if choice else lists.method
    return method in METHODS and METHODS[str(method)].needs_text


def _of_model(lake: Lake, dataset: str, base_model: str, method: str | None) -> Address:
    served = lake.cells("recommendations", dataset=dataset, base_model=base_model)
    methods = [str(cell.method) for cell in served]
    if method is None:
        ordered = [name for name in METHODS if name in methods]
        method = ordered[-1] if ordered else "lmmrec"
    if method not in methods:
        there = f"there are those of {', '.join(methods)}" if methods else "there are none for it yet"
        trained = "" if served_methods(lake, dataset, base_model) else f"; make some with `lmmrec run {dataset}`"
        raise LmmrecError(
            f"no recommendations of method '{method}' on '{base_model}' for {dataset} in {lake.root}: {there}{trained}."
        )
    return Address("recommendations", dataset, base_model, method)


def _shared_motivations(lake: Lake, dataset: str, user_idx: int, items: Sequence[int]) -> dict[int, str]:
    user = motivations_of(lake, dataset, "user", [user_idx]).get(user_idx)
    if user is None or user.provenance == "fallback":
        return {}
    wanted = [str(entry["motivation"]) for entry in user.active]
    offered = {
        position: [str(entry["motivation"]) for entry in found.active]
        for position, found in motivations_of(lake, dataset, "item", items).items()
    }
    weights = rarity([*wanted, *(phrase for phrases in offered.values() for phrase in phrases)])
    reasons = {}
    for position, phrases in offered.items():
        matches = best_matches(wanted, phrases, weights, limit=1)
        if matches:
            reasons[position] = _motivated(matches[0].user, matches[0].item)
    return reasons


def _motivated(wanted: str, offered: str) -> str:
    return f"wants “{wanted}”" if wanted == offered else f"wants “{wanted}”; known for “{offered}”"


def _shared_histories(lake: Lake, dataset: str, user_idx: int, items: Sequence[int]) -> dict[int, str]:
    if not items:
        return {}
    closest = closest_owned(read_owned(lake.read(Address("interactions", dataset))), user_idx, items)
    ids = read_column(lake.read(Address("interactions", dataset)) / "items.parquet", "item_id")
    titles = titles_of(lake, dataset, [str(ids[owned]) for owned, _ in closest.values()])
    return {item: shared_history(closest, item, ids, titles) for item in items}


def closest_owned(owned: csr_matrix, user_idx: int, items: Sequence[int]) -> dict[int, tuple[int, int]]:
    """For each item the item of the user's that most others have together with it: item -> (owned item, how many)."""
    return closest_in(owned, owned[user_idx].indices, items)


def closest_in(owned: csr_matrix, history: Sequence[int], items: Sequence[int]) -> dict[int, tuple[int, int]]:
    """The same for any history."""
    if not len(history) or not items:
        return {}
    together = (owned[:, history].T @ owned[:, list(items)]).toarray()
    best = together.argmax(axis=0)
    return {
        item: (int(history[best[column]]), int(together[best[column], column]))
        for column, item in enumerate(items)
        if together[best[column], column] > 0
    }


def shared_history(
    closest: Mapping[int, tuple[int, int]], item: int, ids: Sequence[Any], titles: Mapping[str, str]
) -> str:
    """One sentence: which item of the history the most people have together with this one."""
    if item not in closest:
        return "no shared history or motivation: the score comes from the wider graph"
    owned, count = closest[item]
    name = titles.get(str(ids[owned])) or str(ids[owned])
    return f"{count:,} {'others' if count != 1 else 'other'} who chose “{name}” chose it too"


def _sizes(interactions: Path) -> tuple[int, int]:
    """(users, items)."""
    return count_rows(interactions / "users.parquet"), count_rows(interactions / "items.parquet")
