"""Where a score comes from: the share of each item of a user's history in what the graph says about another item.

Exact: nothing is sampled, approximated or retrained, and the shares add up to the score. How a base model splits its score is
its own hook (`BaseModel.history_shares`). Turning shares into sentences belongs to the pipeline.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch

from models.bases import base_spec
from models.bases.closed_form import TextReading
from models.training.fitted import FittedModel


@dataclass(frozen=True)
class Attribution:
    """A score as a sum: `own + rest + shares.sum()`."""

    score: float
    own: float
    """From the user's ID row or embeddings: what is learned of the user beside the graph."""
    history: np.ndarray
    """(n,) int64 train items of the user."""
    shares: np.ndarray
    """(n,) float64, what each of them adds to (or takes from) the score."""
    texts: np.ndarray | None
    """(n,) float64, what of each share comes from texts; None where the model cannot tell."""
    rest: float
    """What an enhancer added to the final rows; 0 without score fusion."""


@torch.no_grad()
def attribute(model: FittedModel, train: sp.csr_matrix, user_idx: int, item_idx: int) -> Attribution | None:
    """Splits the score of one user and item over the user's train items; `train` is what the model was trained on.

    Returns None for base models whose score does not split that way.
    """
    base = base_spec(model.base.name).scored()
    found = base.history_shares(model.base, model.final, model.parameters, train, user_idx, item_idx)
    if found is None:
        return None
    score = float(model.score(np.array([user_idx]))[0, item_idx])
    history = np.asarray(train[user_idx].indices, dtype=np.int64)
    return Attribution(
        score, found.own, history, found.shares, found.texts, rest=score - found.own - float(found.shares.sum())
    )


def text_reading(model: FittedModel, user_idx: int, item_idx: int) -> TextReading | None:
    """What texts add to the score of one pair, and in whose text it is read; None where no text plays a part in it."""
    spec = base_spec(model.base.name)
    return spec.formula().text_reading(model.final, user_idx, item_idx) if spec.closed_form else None
