"""Items that nobody has yet, in the published lists: which they are, what is read of them, how many places they get.

New is an item of the catalogue without interactions, and one without train pairs. Its text is its own motivation where it
has one, else title, categories and description, read by the encoder that read the others. How many places all of them get
together is the catalogue entry's `new_item_share`; what that costs stands in `cold_item_metrics`, from which the reading is
taken. The formulas are `models.closed_form.cold`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assets.embeddings.beside import read_beside
from assets.evaluation.text_worth.cold_items import RANKING
from assets.lake import Address, Lake
from assets.tables import connect, read_frame
from models.language.text import clean, cut_words

if TYPE_CHECKING:
    import numpy as np
    from scipy.sparse import csr_matrix

    from models.language.encoders import TextEncoder
    from models.ranking.protocol import Scorer

SHRINKAGE = 1.0
"""mu where the dataset has no `cold_item_metrics` to take it from."""
WORDS = 200
"""Of a new item's text; as many as a motivation's summary has at most."""
USERS_LOOKED_AT = 2_000
"""Users whose lists set the multiplier, where there are more: a sample with the seed below."""
SEED = 2023


@dataclass(frozen=True)
class NewItems:
    """What has no train pair; rows in the order of `item_idx`."""

    item_idx: np.ndarray
    """(new,) int64: positions among the items where they have one, and from the number of items on where not."""
    added: tuple[str, ...]
    """Ids of those beyond the items, in that order."""
    texts: np.ndarray
    """(new, d) float32, in the space of `known`."""
    known: np.ndarray
    """F, (items, d) float32: texts of all items as models read them; 0 in the rows of new ones."""


@dataclass(frozen=True)
class WithNewItems:
    """A model whose catalogue goes on with new items, their scores read from texts and multiplied by one number."""

    model: Scorer
    train: csr_matrix
    new: NewItems
    reading: np.ndarray
    """Z, (items, d) float32."""
    multiplier: float

    def score(self, user_idx: np.ndarray) -> np.ndarray:
        """(batch, items and those added) float32."""
        import numpy as np

        warm = np.asarray(self.model.score(user_idx), dtype=np.float32)
        found = np.empty((len(user_idx), warm.shape[1] + len(self.new.added)), dtype=np.float32)
        found[:, : warm.shape[1]] = warm
        found[:, self.new.item_idx] = self.multiplier * self.cold(user_idx)
        return found

    def cold(self, user_idx: np.ndarray) -> np.ndarray:
        """(batch, new) float32, before the multiplier."""
        from models.closed_form.cold import new_item_scores

        return new_item_scores(self.train[user_idx], self.reading, self.new.texts)


def find_new_items(lake: Lake, dataset: str, train: csr_matrix, encoder: TextEncoder) -> NewItems:
    """All new items that have a text.

    Raises:
        LmmrecError: the dataset has no text vectors, or those of another encoder.
    """
    import numpy as np

    from models.closed_form.text_part import unit_rows

    told = new_texts(lake, dataset)
    stored = np.load(lake.read(Address("text_embeddings", dataset)) / "items.npy", allow_pickle=False)
    units = unit_rows(stored)
    mean = units.mean(axis=0)
    without_train = np.flatnonzero(np.bincount(train.indices, minlength=train.shape[1]) == 0)
    beside = read_beside(lake, dataset, list(told.values()), encoder) if told else np.zeros((0, stored.shape[1]))
    known = unit_rows(units - mean).astype(np.float32)
    texts = np.concatenate([known[without_train], unit_rows(unit_rows(beside) - mean).astype(np.float32)])
    known[without_train] = 0.0
    places = np.concatenate([without_train, len(stored) + np.arange(len(told))]).astype(np.int64)
    return NewItems(places, tuple(told), texts, known)


def new_texts(lake: Lake, dataset: str) -> dict[str, str]:
    """Id -> text of the items of the catalogue without interactions that have more than an id, by id."""
    with connect() as connection:
        found = connection.execute(
            "SELECT item_id, title, array_to_string(categories, ', '), description FROM read_parquet(?) "
            "WHERE item_id NOT IN (SELECT item_id FROM read_parquet(?)) ORDER BY item_id",
            [
                str(lake.read(Address("items", dataset)) / "items.parquet"),
                str(lake.read(Address("interactions", dataset)) / "items.parquet"),
            ],
        ).fetchall()
    told = {str(name): [clean(str(part)) for part in parts if part] for name, *parts in found}
    sentences = {name: " ".join(f"{part.rstrip('.')}." for part in parts if part) for name, parts in told.items()}
    return {name: cut_words(text, WORDS) for name, text in sentences.items() if text}


@dataclass(frozen=True)
class _Without:
    """A model whose scores of some columns are out of reach."""

    model: Scorer
    columns: np.ndarray

    def score(self, user_idx: np.ndarray) -> np.ndarray:
        import numpy as np

        found = np.array(self.model.score(user_idx), dtype=np.float32)
        found[:, self.columns] = -np.inf
        return found


def serve(
    model: Scorer, reading: np.ndarray, train: csr_matrix, owned: csr_matrix, new: NewItems, share: float, k: int
) -> WithNewItems:
    """The model with new items beside its own, which take `share` of the first `k` places.

    Args:
        reading: Z, (items, d) float32.
        owned: (users, items) binary: what is in no list.
    """
    import numpy as np

    from models.closed_form.cold import multiplier_for
    from models.ranking.topk import top_k

    users = np.arange(train.shape[0])
    if len(users) > USERS_LOOKED_AT:
        users = np.sort(np.random.default_rng(SEED).choice(users, USERS_LOOKED_AT, replace=False))
    known = _Without(model, new.item_idx[new.item_idx < train.shape[1]])
    _, best = top_k(known, users, k, owned)
    full = np.isfinite(best).all(axis=1)
    plain = WithNewItems(model, train, new, reading, 0.0)
    multiplier = multiplier_for(share, best[full], plain.cold(users[full])) if full.any() else 1.0
    return WithNewItems(model, train, new, reading, multiplier)


def reading_matrix(model: Any, chosen: tuple[str, float], train: csr_matrix, new: NewItems) -> np.ndarray:
    """Z, (items, d) float32, by the kind and shrinkage of `chosen`; `ridge` for a checkpoint on EASE alone."""
    from models.closed_form.cold import map_to_weights, ridge_to_weights
    from models.closed_form.text_map import learned_map

    kind, shrinkage = chosen
    base = getattr(model, "base", None)
    if kind == "ridge" and base is not None and base.name == "ease":
        from models.bases.ease import EASE

        return ridge_to_weights(EASE.from_tensors(model.final).fit, new.known, shrinkage)
    (text_map,) = learned_map(train, new.known, (shrinkage,))
    return map_to_weights(new.known, text_map)


def reading_of(lake: Lake, dataset: str, base_model: str) -> tuple[str, float]:
    """(kind, mu) that `cold_item_metrics` chose most often with real texts on this base model, else on any; else the
    defaults. A ridge to EASE's columns is of no use to other base models, so that of theirs a map is taken."""
    cells = lake.cells("cold_item_metrics", dataset=dataset, variant="full")
    for cell in sorted(cells, key=lambda one: one.base_model != base_model):
        frame = read_frame(lake.path(cell) / RANKING)
        chosen = frame if cell.base_model == base_model else frame[frame["reading"] == "map"]
        if len(chosen):
            kind, shrinkage = chosen.value_counts(["reading", "shrinkage"]).index[0]
            return str(kind), float(shrinkage)
    return ("ridge" if base_model == "ease" else "map"), SHRINKAGE
