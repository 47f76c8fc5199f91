"""PolyCF in its signal form (Qin et al., arXiv 2401.12590, our reconstruction): a learned graph filter and nothing else.

Scores are r_u H. Everything is learned in `prepare`, in seconds; there are no embeddings, no steps and no epochs. What the
filter is stands in `signal_filter`, how its weights are found in `signal_fit`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from models.bases.config import BaseConfig, PolyCFSignalConfig
from models.bases.contract import BaseModel, HistoryShares, draw_seed
from models.bases.signal_filter import SignalFilter
from models.bases.signal_fit import fitted_filter
from models.graph import Adjacency, BipartiteGraph, Propagated


class PolyCFSignal(BaseModel):
    """See the module."""

    filter: SignalFilter

    def __init__(self, config: PolyCFSignalConfig, num_users: int, num_items: int, rng: torch.Generator) -> None:
        super().__init__(config, num_users, num_items, rng)
        self.config = config
        self.fit_seed = draw_seed(rng)

    def prepare(self, graph: BipartiteGraph) -> None:
        self.filter = fitted_filter(self.config, graph.edges, self.fit_seed).to(graph.device)

    def propagate(self, adjacency: Adjacency, table: Tensor, layer_rows: Tensor | None = None) -> Propagated:
        """There is nothing to propagate: a table without columns goes through as it is."""
        return Propagated(table if layer_rows is None else table.index_select(0, layer_rows), None)

    def final_tensors(self, final: Tensor) -> dict[str, Tensor]:
        return self.filter.tensors()

    @staticmethod
    def score(tensors: Mapping[str, Tensor], user_idx: Tensor) -> Tensor:
        return SignalFilter.from_tensors(tensors).score(user_idx)

    @staticmethod
    def final_shapes(config: BaseConfig, num_users: int, num_items: int) -> dict[str, tuple[int | None, ...]]:
        assert isinstance(config, PolyCFSignalConfig)
        return SignalFilter.shapes(num_users, num_items, len(config.gammas), config.degree)

    @staticmethod
    def history_shares(
        config: BaseConfig,
        final: Mapping[str, Tensor],
        parameters: Mapping[str, Tensor],
        train: sp.csr_matrix,
        user_idx: int,
        item_idx: int,
    ) -> HistoryShares:
        return filter_shares(SignalFilter.from_tensors(final), train, user_idx, item_idx)


@torch.no_grad()
def filter_shares(filters: SignalFilter, train: sp.csr_matrix, user_idx: int, item_idx: int) -> HistoryShares:
    """r_u H at one item is the sum of H_ji over the history: the response to each of its items alone."""
    history = torch.from_numpy(train[user_idx].indices.astype(np.int64)).to(filters.history.device)
    alone = torch.zeros(filters.num_items, len(history), device=history.device)
    alone[history, torch.arange(len(history), device=history.device)] = 1.0
    return HistoryShares(0.0, filters.respond(alone)[item_idx].double().cpu().numpy())
