"""Where a score comes from: the share of each item of a user's history in what the graph says about another item.

Exact for models whose final user row is a weighted sum of propagated layers (LightGCN): nothing is sampled, approximated or
retrained, and the shares add up to the score. Turning shares into sentences belongs to the pipeline.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch

from models.bases import LightGCNConfig
from models.bases.lightgcn import layer_weights
from models.graph import BipartiteGraph, propagate
from models.training.fitted import FittedModel


@dataclass(frozen=True)
class Attribution:
    """A score as a sum: `own + rest + shares.sum()`."""

    score: float
    own: float
    """From the user's ID row: what is learned of the user beside the graph."""
    history: np.ndarray
    """(n,) int64 train items of the user."""
    shares: np.ndarray
    """(n,) float64, what each of them adds to (or takes from) the score."""
    rest: float
    """What an enhancer added to the final rows; 0 without score fusion."""


@torch.no_grad()
def attribute(model: FittedModel, train: sp.csr_matrix, user_idx: int, item_idx: int) -> Attribution | None:
    """Splits the score of one user and item over the user's train items.

    With x_u = sum_k w_k x_u^(k) and, for k >= 1, x_u^(k) = sum_j a_uj x_j^(k-1) over the user's train items j, item j adds
    a_uj (sum_{k>=1} w_k x_j^(k-1)) · x_i. `train` is the matrix (users, items) that the model was trained on.

    Returns None for base models that are no weighted sum of layers.
    """
    if not isinstance(model.base, LightGCNConfig):
        return None
    weights = layer_weights(model.base)
    table = model.parameters["base.table"].to("cpu", torch.float32)
    target = model.final["items"][item_idx].to("cpu", torch.float64)
    history = np.asarray(train[user_idx].indices, dtype=np.int64)
    rows = torch.from_numpy(model.num_users + history)
    layers = propagate(BipartiteGraph(train).full, table, weights, layer_rows=rows).layers  # (K + 1, history, d)
    reached = torch.zeros(len(history), table.shape[1], dtype=torch.float64)
    for weight, layer in zip(weights[1:], layers if layers is not None else (), strict=False):
        reached += weight * layer.to(torch.float64)
    popularity = np.bincount(train.indices, minlength=train.shape[1])[history]
    edges = 1.0 / np.sqrt(max(len(history), 1) * np.maximum(popularity, 1).astype(np.float64))
    shares = edges * (reached @ target).numpy()
    own = weights[0] * float(table[user_idx].to(torch.float64) @ target)
    score = float(model.final["users"][user_idx].to("cpu", torch.float64) @ target)
    return Attribution(score, own, history, shares, rest=score - own - float(shares.sum()))
