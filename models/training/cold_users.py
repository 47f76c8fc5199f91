"""How well somebody new is served: from a few items, from a text about what she wants, or from both.

A fifth of the users is left out of the fit altogether; of their train items k are shown again, the test items are to be
found, and the other train items are neither candidates nor answers. The text's shrinkage and weight are chosen on one half of
these users, the numbers are those of the other half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from models.bases import BaseConfig, base_spec
from models.closed_form.cold import history_and_text, ridge_to_histories
from models.errors import LmmrecError
from models.graph import binary_csr
from models.ranking.evaluate import Evaluation
from models.ranking.offhand import ScoredBy, rank_quietly
from models.training.search import MAX_SCORES, MIN_USERS

K = 20
"""Places of a list."""
LEFT_OUT = 0.2
"""Share of the users who are new."""
SHRINKAGES = (0.3, 1.0, 3.0, 10.0, 30.0)
WEIGHTS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""c of z(history) + c z(text) that are tried."""


@dataclass(frozen=True)
class ColdUsers:
    """New users with `known` items each; Recall and NDCG at 20 on their held-out items, for the same users in each field."""

    known: int
    popularity: Evaluation
    history: Evaluation | None
    """The base model on the items that are known; None where none is."""
    text: Evaluation
    """The text alone."""
    both: Evaluation | None
    shrinkage: float
    """mu of the text alone."""
    weight: float | None
    """c of both."""
    shrinkage_beside: float | None
    """mu of the text in both."""


def measure_cold_users(
    train: sp.csr_matrix,
    held_out: sp.csr_matrix,
    user_texts: np.ndarray,
    base: BaseConfig,
    known: Sequence[int],
    seed: int,
) -> list[ColdUsers]:
    """One draw of new users, with each number of `known` items.

    Args:
        train: (users, items) binary.
        held_out: (users, items) binary: what is to be found.
        user_texts: (users, d) float32, centred. Those of new users were written from all of their train items, so that
            they stand for somebody who says what she wants: an upper bound.
        base: settings that leave nothing open.
        seed: of who is new and what is known of them.

    Raises:
        LmmrecError: fewer than two new users have something to be found.
    """
    train, held_out = binary_csr(train), binary_csr(held_out)
    rng = np.random.default_rng([seed, 0xC01D])
    able = np.flatnonzero((np.diff(held_out.indptr) > 0) & (np.diff(train.indptr) > max(known, default=0)))
    limit = max(MIN_USERS, MAX_SCORES // max(1, train.shape[1]))
    new = rng.permutation(able)[: min(limit, round(LEFT_OUT * train.shape[0]))]
    if len(new) < 2:
        raise LmmrecError(
            f"{len(new)} users have both train and test items; new users cannot be measured on this split"
        )
    rest = np.setdiff1d(np.arange(train.shape[0]), new)
    others = train[rest]
    model = base_spec(base.name).formula().fitted(base, others)
    maps = ridge_to_histories(others, user_texts[rest], SHRINKAGES)
    counts = np.bincount(others.indices, minlength=train.shape[1]).astype(np.float32)
    halves = np.array_split(np.arange(len(new)), 2)
    said = [np.asarray(user_texts[new] @ each, dtype=np.float32) for each in maps]

    def look(scores: np.ndarray, half: int) -> Evaluation:
        chosen = halves[half]
        return rank_quietly(ScoredBy.table(scores[chosen]), train[new[chosen]], held_out[new[chosen]], K)

    found = []
    for count in known:
        rows = _first(train[new], count, rng)
        number = _best([look(scores, 0) for scores in said])
        popular = np.repeat(counts[None, :], len(new), axis=0)
        history = model.history_scores(rows) if count else None
        weight, beside, both = None, None, None
        if history is not None:
            mixed = [history_and_text(history, scores, weight) for scores in said for weight in WEIGHTS]
            at = _best([look(scores, 0) for scores in mixed])
            weight, beside = WEIGHTS[at % len(WEIGHTS)], SHRINKAGES[at // len(WEIGHTS)]
            both = look(mixed[at], 1)
        found.append(
            ColdUsers(
                known=count,
                popularity=look(popular, 1),
                history=None if history is None else look(history, 1),
                text=look(said[number], 1),
                both=both,
                shrinkage=SHRINKAGES[number],
                weight=weight,
                shrinkage_beside=beside,
            )
        )
    return found


def _first(train: sp.csr_matrix, count: int, rng: np.random.Generator) -> sp.csr_matrix:
    """`count` random items of each row."""
    degrees = np.diff(train.indptr)
    owner = np.repeat(np.arange(train.shape[0]), degrees)
    order = np.lexsort((rng.random(train.nnz), owner))
    place = np.arange(train.nnz) - np.repeat(train.indptr[:-1], degrees)
    kept = order[place < count]
    ones = np.ones(len(kept), dtype=np.float32)
    return binary_csr(sp.csr_matrix((ones, (owner[kept], train.indices[kept])), shape=train.shape))


def _best(looks: Sequence[Evaluation]) -> int:
    """The first of the best by Recall."""
    return int(np.argmax([found.means("rlmrec")[f"recall_{K}"] for found in looks]))
