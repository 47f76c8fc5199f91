"""PolyCF's polynomial over ID embeddings, so that enhancers find layers to attach to; our own form, not the paper's.

    X = sum_gamma sum_{k=0..K} theta_{gamma,k} S_gamma^k E + omega·[U_r U_r^T E_u ; V_r V_r^T E_i]
    S_gamma = [[0, R_gamma], [R_gamma^T, 0]] / sigma_max(R_gamma),  x^(k) = mean_gamma S_gamma^k E

E is learned by BPR, theta and omega with it where the settings say so. S_1/2 is the adjacency of LightGCN: with it alone,
theta 1 and omega 0, X is LightGCN's sum. A step's edge dropout is LightGCN's too: an edge that is dropped is missing in
every S_gamma.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from models.bases.config import PolynomialConfig
from models.bases.contract import BaseModel
from models.graph import Adjacency, BipartiteGraph, Propagated, propagate, reweighted
from models.spectrum import largest_singular_value, leading_singular_vectors, normalised


class PolyCFEmbedding(BaseModel):
    """See the module."""

    reads_layers = True

    def __init__(self, config: PolynomialConfig, num_users: int, num_items: int, rng: torch.Generator) -> None:
        super().__init__(config, num_users, num_items, rng)
        self.config = config
        uniform = ((1.0 / len(config.gammas),) * (config.degree + 1),) * len(config.gammas)
        self.theta = nn.Parameter(torch.tensor(config.theta or uniform), requires_grad=config.learn_weights)
        self.omega = nn.Parameter(
            torch.tensor(config.omega), requires_grad=config.learn_weights and config.omega != 0.0
        )
        self.factors: list[Tensor | None] = []
        self.left = self.right = torch.empty(0, 0)

    def prepare(self, graph: BipartiteGraph) -> None:
        self.factors = [
            None if gamma == 0.5 else graph.reweighting(gamma, largest_singular_value(graph.edges, gamma))
            for gamma in self.config.gammas
        ]
        if self.config.omega != 0.0:
            left, right = leading_singular_vectors(normalised(graph.edges, 0.5), self.config.rank)
            self.left, self.right = (torch.from_numpy(side).float().to(graph.device) for side in (left, right))

    def step_adjacency(self, graph: BipartiteGraph, rng: np.random.Generator) -> Adjacency:
        return graph.drop_edges(self.config.keep_prob, rng)

    def propagate(self, adjacency: Adjacency, table: Tensor, layer_rows: Tensor | None = None) -> Propagated:
        powers = [adjacency if factors is None else reweighted(adjacency, factors) for factors in self.factors]
        if layer_rows is None:
            if torch.is_grad_enabled():
                return Propagated(self.propagate(adjacency, table, self._everyone(table)).final, None)
            parts = zip(powers, self.theta.tolist(), strict=True)
            final = torch.stack([propagate(power, table, weights).final for power, weights in parts]).sum(dim=0)
            return Propagated(self._with_low_pass(final, table, self._everyone(table)), None)
        chains = [self._layers(power, table, layer_rows) for power in powers]
        final = torch.stack([torch.tensordot(row, chain, 1) for row, chain in zip(self.theta, chains, strict=True)])
        return Propagated(self._with_low_pass(final.sum(dim=0), table, layer_rows), torch.stack(chains).mean(dim=0))

    def _layers(self, power: Adjacency, table: Tensor, rows: Tensor) -> Tensor:
        """(K + 1, rows, d): S^0 E … S^K E of these rows."""
        layers = propagate(power, table, (1.0,) * (self.config.degree + 1), rows).layers
        assert layers is not None
        return layers

    def _with_low_pass(self, final: Tensor, table: Tensor, rows: Tensor) -> Tensor:
        """Adds omega·[U U^T E_u ; V V^T E_i] at `rows`."""
        if self.config.omega == 0.0:
            return final
        of_user = rows < self.num_users
        users, items = of_user.nonzero().squeeze(1), (~of_user).nonzero().squeeze(1)
        smooth = torch.cat(
            [
                self.left[rows[users]] @ (self.left.T @ table[: self.num_users]),
                self.right[rows[items] - self.num_users] @ (self.right.T @ table[self.num_users :]),
            ]
        )
        return final.index_add(0, torch.cat([users, items]), self.omega * smooth)

    @staticmethod
    def _everyone(table: Tensor) -> Tensor:
        return torch.arange(len(table), device=table.device)
