"""The exact split of a score over a user's items, for models whose final user row is a weighted sum of propagated layers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from models.bases.contract import HistoryShares
from models.graph import BipartiteGraph, propagate


@torch.no_grad()
def layer_shares(
    weights: Sequence[float], table: Tensor, target: Tensor, train: sp.csr_matrix, user_idx: int
) -> HistoryShares:
    """Splits <x_u, target>, where x_u = sum_k weights[k]·x_u^(k) on the graph of `train` (users, items) without dropout.

    For k >= 1, x_u^(k) = sum_j a_uj x_j^(k-1) over the user's train items j, so that item j adds
    a_uj (sum_{k>=1} w_k x_j^(k-1)) · target. `table` is E (nodes, d), `target` (d,) the item's final row; of a wider one
    the first d numbers, which the base's own rows are scored with.
    """
    table, target = table.to("cpu", torch.float32), target[: table.shape[1]].to("cpu", torch.float64)
    history = np.asarray(train[user_idx].indices, dtype=np.int64)
    rows = torch.from_numpy(train.shape[0] + history)
    layers = propagate(BipartiteGraph(train).full, table, weights, layer_rows=rows).layers  # (K + 1, history, d)
    reached = torch.zeros(len(history), table.shape[1], dtype=torch.float64)
    for weight, layer in zip(weights[1:], layers if layers is not None else (), strict=False):
        reached += weight * layer.to(torch.float64)
    popularity = np.bincount(train.indices, minlength=train.shape[1])[history]
    edges = 1.0 / np.sqrt(max(len(history), 1) * np.maximum(popularity, 1).astype(np.float64))
    own = weights[0] * float(table[user_idx].to(torch.float64) @ target)
    return HistoryShares(own, edges * (reached @ target).numpy())
