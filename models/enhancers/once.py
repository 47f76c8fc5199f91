"""ONCE (Liu et al., WSDM 2024, arXiv 2305.06566) on a base model: texts enter the ID rows, and cold users get an edge.

    x^(0) = E + weight·g(s),  g(s) = W2·LeakyReLU(W1·s + b1) + b2, one g for users and one for items

g stands for the open language model that ONCE tunes together with the recommender (DIRE): here the encoder stays frozen. For
users with few items ONCE has a closed language model invent one (GENRE); no method here may pay for more texts than the
others, so that the user's own text takes that item's place: the nearest item outside the user's history becomes an edge that
is propagated over with less weight, and never a positive of the loss.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from models.bases.contract import BaseModel
from models.enhancers.contract import Enhancer
from models.enhancers.rival_configs import ONCEConfig
from models.enhancers.text_tower import TextTower
from models.graph import BipartiteGraph
from models.losses import unit_rows

USERS_AT_ONCE = 1024
"""Users whose cosines with all items are held at once."""


class ONCE(Enhancer):
    """Both parts; the loss is the base's own."""

    texts: Tensor

    def __init__(self, config: ONCEConfig, base: BaseModel, texts: Tensor, rng: torch.Generator) -> None:
        super().__init__()
        self.config, self.l2 = config, config.l2
        self.num_users, dim = base.num_users, base.table.shape[1]
        self.register_buffer("texts", texts, persistent=False)  # s, (nodes, d_s), frozen
        self.num_edges = 0
        if config.weight > 0.0:
            self.of_users, self.of_items = (
                TextTower(texts.shape[1], dim, rng, hidden=config.adapter_width) for _ in range(2)
            )

    def change_graph(self, graph: BipartiteGraph) -> BipartiteGraph:
        """The graph with an edge more for every cold user whose text describes an item."""
        config = self.config
        if config.weight == 0.0 or not config.edges:
            return graph
        users, items = self.texts[: self.num_users], self.texts[self.num_users :]
        further = described_items(users, items, graph.edges, config.cold_items, config.least_cosine)
        self.num_edges = int(further.nnz)
        return BipartiteGraph(graph.edges, graph.device, further=config.edge_weight * further)

    def change_table(self, table: Tensor, noise: np.random.Generator | None) -> Tensor:
        """E + weight·g(s), (nodes, d)."""
        if self.config.weight == 0.0:
            return table
        adapted = [self.of_users(self.texts[: self.num_users]), self.of_items(self.texts[self.num_users :])]
        return table + self.config.weight * torch.cat(adapted)

    def diagnostics(self, step: object) -> dict[str, float]:
        """How many edges texts gave."""
        return {"text_edges": float(self.num_edges)} if self.config.weight > 0.0 else {}


@torch.no_grad()
def described_items(
    users: Tensor, items: Tensor, train: sp.csr_matrix, most_items: int, least_cosine: float
) -> sp.csr_matrix:
    """(users, items) binary: of each user with at most so many train items the nearest item by text that is not among them.

    Texts are (users, d_s) and (items, d_s); nobody gets an item whose cosine is below `least_cosine`.
    """
    cold = np.flatnonzero(np.diff(train.indptr) <= most_items)
    of_items, nearest, cosines = unit_rows(items), [], []
    for chunk in np.array_split(cold, range(USERS_AT_ONCE, len(cold), USERS_AT_ONCE)):
        similarity = unit_rows(users[torch.from_numpy(chunk).to(users.device)]) @ of_items.T
        rows, known = train[chunk].nonzero()
        similarity[torch.from_numpy(rows).long(), torch.from_numpy(known).long()] = -torch.inf
        best = similarity.max(dim=1)
        nearest.append(best.indices.cpu().numpy())
        cosines.append(best.values.cpu().numpy())
    found, kept = np.concatenate(nearest), np.concatenate(cosines) >= least_cosine
    ones = np.ones(int(kept.sum()), dtype=np.float32)
    return sp.csr_matrix((ones, (cold[kept], found[kept])), shape=train.shape)
