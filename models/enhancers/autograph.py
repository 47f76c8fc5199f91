"""AutoGraph (Shan et al., KDD 2025, arXiv 2412.18241) on a base model: entities meet in latent factors of their texts.

Texts of each side are quantised (`models.quantisation`); every code of every level is a latent factor, linked to the entities
that have it. With x^(0) the ID rows, e_q a learned row of factor q, and AGG a mean or attention (`aggregators`):

    z_q = AGG over the entities of q of x^(0);  t_n = AGG over the factors of n of (z_q, e_q);
    g_n = AGG over at most 15 train neighbours of t;  x_n <- x_n + weight·phi(g_n),  phi = dropout(ReLU(W g + b))

The sum is what the base's loss sees and what is scored with. Which 15 neighbours of many is drawn once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn
from torch.nn import functional

from models.bases.contract import BaseModel, Batch, TrainingStep, draw_seed, xavier_uniform
from models.enhancers.aggregators import AttentionAggregator, MeanAggregator
from models.enhancers.contract import Enhancer, Host
from models.enhancers.rival_configs import AutoGraphConfig
from models.links import Links, capped, links
from models.quantisation import Tokens, tokens_of_sides


@dataclass(frozen=True)
class SideLinks:
    """Of users, or of items."""

    to_factors: Links
    of_factors: Links
    of_neighbours: Links


class AutoGraph(Enhancer):
    """See the module."""

    def __init__(self, config: AutoGraphConfig, base: BaseModel, texts: Tensor, rng: torch.Generator) -> None:
        super().__init__()
        self.config, self.l2 = config, config.l2
        self.num_users, dim = base.num_users, base.table.shape[1]
        self.host: Host | None = None
        self.sides: list[Tokens] = []
        self.links: list[SideLinks] = []
        if config.weight == 0.0:
            return
        self.sides = tokens_of_sides(texts, base.num_users, config.levels, config.codes, rng)
        self.seed = draw_seed(rng)
        self.factors = nn.ParameterList(xavier_uniform(side.centres[:, :, 0].numel(), dim, rng) for side in self.sides)

        def aggregators(width: int) -> nn.ModuleList:
            return nn.ModuleList(self._aggregator(width, dim, rng) for _ in self.sides)

        self.into_factors = aggregators(dim) if config.aggregator == "gat" else None
        self.from_factors, self.from_neighbours = aggregators(2 * dim), aggregators(dim)
        self.weight = nn.Parameter(xavier_uniform(dim, dim, rng))
        self.bias = nn.Parameter(torch.zeros(dim))

    def _aggregator(self, width: int, dim: int, rng: torch.Generator) -> nn.Module:
        if self.config.aggregator == "gat":
            return AttentionAggregator(width, dim, self.config.heads, rng)
        return MeanAggregator(width, dim, rng)

    def attach(self, host: Host) -> None:
        """Makes the links: who has which factor, and whose neighbours count."""
        self.host = host
        if not self.sides:
            return
        stream, device = np.random.default_rng(self.seed), host.graph.device
        for side, pairs in zip(self.sides, (host.graph.edges, host.graph.edges.T.tocsr()), strict=True):
            having = factors_of(side)  # (entities, factors)
            neighbours = capped(pairs, self.config.max_neighbours, stream)
            parts = (links(pattern, device) for pattern in (having.T.tocsr(), having, neighbours))
            self.links.append(SideLinks(*parts))

    def gathered(self, table: Tensor) -> Tensor:
        """g of all nodes from x^(0): (nodes, d) -> (nodes, d)."""
        ids = torch.split(table, [self.num_users, len(table) - self.num_users])
        described = []  # t of users, t of items
        for number, (own, found) in enumerate(zip(ids, self.links, strict=True)):
            e = self.factors[number]
            z = (
                found.to_factors.means(own)
                if self.into_factors is None
                else self.into_factors[number](own, e, found.to_factors)
            )
            described.append(self.from_factors[number](torch.cat([z, e], dim=1), own, found.of_factors))
        pairs = zip(self.from_neighbours, self.links, described, reversed(described), strict=True)
        return torch.cat([gather(other, own, found.of_neighbours) for gather, found, own, other in pairs])

    def change_final(self, step: TrainingStep) -> tuple[Tensor, Batch]:
        """x + weight·phi(g) on the rows of the step."""
        final, batch = super().change_final(step)
        if not self.sides:
            return final, batch
        rows = self.gathered(step.table)
        if step.rows is not None:
            rows = rows.index_select(0, step.rows.nodes)
        return final + self.config.weight * self._dropped(self._mapped(rows), step.noise), batch

    def change_scored(self, final: Tensor, layers: Tensor | None) -> Tensor:
        """The same of all nodes, nothing dropped."""
        if not self.sides or self.host is None:
            return final
        return final + self.config.weight * self._mapped(self.gathered(self.host.base.table))

    def _mapped(self, rows: Tensor) -> Tensor:
        """ReLU(W g + b), (rows, d) -> (rows, d)."""
        return functional.relu(functional.linear(rows, self.weight, self.bias))

    def _dropped(self, rows: Tensor, noise: np.random.Generator) -> Tensor:
        """Inverted dropout: what is kept grows by 1 / (1 - dropout)."""
        share = self.config.dropout
        if share == 0.0:
            return rows
        kept = torch.from_numpy(noise.random(tuple(rows.shape), dtype=np.float32) >= share)
        return rows * kept.to(rows) / (1.0 - share)

    def diagnostics(self, step: TrainingStep) -> dict[str, float]:
        """What factors keep of the texts, mean over both sides."""
        names = ("usage", "reconstruction_error") if self.sides else ()
        return {f"factor_{name}": sum(getattr(side, name) for side in self.sides) / 2 for name in names}


def factors_of(side: Tokens) -> sp.csr_matrix:
    """(entities, factors) binary: code c of level l is factor l·codes + c."""
    entities, levels = side.codes.shape
    num_codes = side.centres.shape[1]
    columns = (side.codes + num_codes * torch.arange(levels)).numpy()
    indptr = np.arange(0, entities * levels + 1, levels)
    return sp.csr_matrix((np.ones(columns.size, np.float32), columns.ravel(), indptr), (entities, levels * num_codes))
