"""LightGCN (He et al., SIGIR 2020, arXiv 2002.02126) in the form that RLMRec trains.

x^(k) = D^-1/2 A D^-1/2 x^(k-1) without weights, nonlinearity or self loops; x = sum of the layers; BPR. With K = 0 it is
matrix factorisation with BPR. Details and their sources: docs/models.md.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from models.bases.config import BaseConfig, LightGCNConfig
from models.bases.contract import BaseModel, HistoryShares
from models.bases.layer_shares import layer_shares
from models.graph import Adjacency, BipartiteGraph, Propagated, propagate


class LightGCN(BaseModel):
    """See the module; `config.combine` sets the layer weights."""

    def __init__(self, config: LightGCNConfig, num_users: int, num_items: int, rng: torch.Generator) -> None:
        super().__init__(config, num_users, num_items, rng)
        self.keep_prob = config.keep_prob
        self.layer_weights = layer_weights(config)

    def step_adjacency(self, graph: BipartiteGraph, rng: np.random.Generator) -> Adjacency:
        return graph.drop_edges(self.keep_prob, rng)

    def propagate(self, adjacency: Adjacency, table: Tensor, layer_rows: Tensor | None = None) -> Propagated:
        return propagate(adjacency, table, self.layer_weights, layer_rows)

    @staticmethod
    def history_shares(
        config: BaseConfig,
        final: Mapping[str, Tensor],
        parameters: Mapping[str, Tensor],
        train: sp.csr_matrix,
        user_idx: int,
        item_idx: int,
    ) -> HistoryShares | None:
        assert isinstance(config, LightGCNConfig)
        weights = layer_weights(config)
        return layer_shares(weights, parameters["base.table"], final["items"][item_idx], train, user_idx)


def layer_weights(config: LightGCNConfig) -> tuple[float, ...]:
    """One weight per layer k = 0 … K.

    >>> layer_weights(LightGCNConfig(num_layers=3, combine="mean"))
    (0.25, 0.25, 0.25, 0.25)
    """
    depth = config.num_layers + 1
    if config.combine == "last":
        return (0.0,) * (depth - 1) + (1.0,)
    return (1.0 if config.combine == "sum" else 1.0 / depth,) * depth
