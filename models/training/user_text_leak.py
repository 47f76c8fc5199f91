"""Did whoever wrote the user texts see the validation pairs? Text alone then ranks these better than test pairs.

Held against an item model without texts, on the same pairs, so that validation pairs being easier tells nothing. Two ways to
read a text alone are looked at: its cosine to item texts, and histories regressed on user texts. A weight of user texts that
is tuned on such a validation part, or an epoch chosen by it, is too large: on test it does harm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from models.closed_form.cold import ridge_to_histories
from models.closed_form.graph_filter import graph_filter
from models.closed_form.text_part import centred
from models.graph import binary_csr
from models.ranking.offhand import ScoredBy, rank_quietly
from models.ranking.protocol import Scorer
from models.training.search import sampled_rows

K = 20
LIMIT = 1.1
"""Text alone may rank validation pairs so many times as well as test pairs, beside the item model; above it is suspect."""
STANDARD_ERRORS = 2.6
"""How far above 1 a ratio must be to be no chance, in standard errors of its logarithm: one in 200 for each reading."""
SHRINKAGE = 1.0
"""mu of the regression. Small, so that it follows each text closely: a larger one hides what texts know of single pairs."""


@dataclass(frozen=True)
class PartRatio:
    """One ranker on both parts; Recall@20 under protocol `rlmrec`, mean over the users who have pairs there."""

    reading: str
    """`item model`, `cosine` or `regression`."""
    validation: float
    test: float
    ratio: float
    """Validation over test, divided by the same of the item model; NaN where one of these is 0."""
    error: float
    """Standard error of log(ratio) over users, NaN likewise."""

    @property
    def high(self) -> bool:
        """Above the limit, as far as can be seen."""
        return bool(self.ratio > LIMIT)

    @property
    def no_chance(self) -> bool:
        """Above 1 beyond chance."""
        return bool(np.log(self.ratio) > STANDARD_ERRORS * self.error)


@dataclass(frozen=True)
class Leak:
    """What text alone knows of the validation part."""

    readings: tuple[PartRatio, ...]
    """The item model first; nothing where a part has no pairs, and so nothing to be tuned on."""

    @property
    def seen(self) -> PartRatio | None:
        """The reading that is above the limit beyond chance, the largest of them; None where none is."""
        return max(
            (one for one in self.readings if one.high and one.no_chance), key=lambda one: one.ratio, default=None
        )

    @property
    def doubtful(self) -> PartRatio | None:
        """The reading that is above the limit, or cannot be told, by chance or not; None where none is."""
        return next((one for one in self.readings[1:] if not one.ratio <= LIMIT), None)


def measure_leak(
    train: sp.csr_matrix,
    validation: sp.csr_matrix,
    test: sp.csr_matrix,
    user_texts: np.ndarray,
    item_texts: np.ndarray,
    seed: int = 0,
) -> Leak:
    """Text alone on validation and on test, each as a ratio to the item model r R~^T R~; no model is trained.

    Costs one product of text vectors with the train matrix and the lists of at most a sample of the users (drawn with
    `seed`, as where settings are tried).

    Args:
        train, validation, test: (users, items), disjoint.
        user_texts, item_texts: (users, d), (items, d) float32, as they came from one encoder.
    """
    if not validation.nnz or not test.nnz:
        return Leak(())
    train = binary_csr(train)
    parts = [sampled_rows(binary_csr(part), seed) for part in (validation, test)]
    of_users, of_items = centred(user_texts), centred(item_texts)
    (reading,) = ridge_to_histories(train, of_users, (SHRINKAGE,))
    plain = graph_filter(train, np.zeros((train.shape[1], 0), dtype=np.float32), 0.0)
    rankers: dict[str, Scorer] = {
        "item model": ScoredBy(lambda users: plain.linear(train[users])),
        "cosine": ScoredBy(lambda users: of_users[users] @ of_items.T),
        "regression": ScoredBy(lambda users: of_users[users] @ reading),
    }
    looks = {name: [_recalls(ranker, train, part) for part in parts] for name, ranker in rankers.items()}
    return Leak(tuple(part_ratio(name, looks[name], looks["item model"]) for name in rankers))


def part_ratio(name: str, text: list[np.ndarray], model: list[np.ndarray]) -> PartRatio:
    """The ratio of ratios and its standard error, by the delta method over users.

    Args:
        text: (users,) recall on validation and on test, NaN for a user without pairs there.
        model: the same of the item model.
    """
    means = [float(np.nanmean(values)) for values in (*text, *model)]
    validation, test, of_model, of_model_test = means
    if min(means) <= 0.0:
        return PartRatio(name, validation, test, float("nan"), float("nan"))
    ratio = (validation / test) / (of_model / of_model_test)
    influence = np.zeros(len(text[0]))
    for sign, of_text, of_base in zip((1.0, -1.0), text, model, strict=True):
        has = ~np.isnan(of_text)
        relative = of_text[has] / of_text[has].mean() - of_base[has] / of_base[has].mean()
        influence[has] += sign * relative / has.sum()
    return PartRatio(name, validation, test, ratio, float(np.sqrt(np.square(influence).sum())))


def _recalls(ranker: Scorer, train: sp.csr_matrix, part: sp.csr_matrix) -> np.ndarray:
    """(users,) float64 Recall@20, NaN for users without pairs in `part`."""
    found = rank_quietly(ranker, train, part, K)
    recalls = np.full(train.shape[0], np.nan)
    recalls[found.user_idx] = found.per_user["rlmrec"][f"recall_{K}"]
    return recalls
