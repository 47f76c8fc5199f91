"""RLMRec-Gen (Ren et al., WWW 2024, arXiv 2310.15950): the texts of masked nodes are reconstructed from the graph.

In each training step a random share of all ID rows gives way to one learned token before propagation. What comes out for a
masked node is mapped up, d -> (d + d_s) // 2 -> d_s, and shall be told from the other masked nodes by its text: L = L_base +
w·InfoNCE(MLP(x), s), cosine. The base's own loss sees the masked rows, too. The authors reconstruct every masked node; here
those that the batch has rows of, so that a step costs what its batch costs.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from models.bases.contract import BaseModel, Term, TrainingStep
from models.enhancers.contract import Enhancer
from models.enhancers.rival_configs import RLMRecGenConfig
from models.enhancers.text_tower import TextTower
from models.losses import info_nce, unit_rows


class RLMRecGen(Enhancer):
    """Shapes training only: nothing is masked where it scores."""

    texts: Tensor

    def __init__(self, config: RLMRecGenConfig, base: BaseModel, texts: Tensor, rng: torch.Generator) -> None:
        super().__init__()
        self.config, self.l2 = config, config.l2
        self.register_buffer("texts", texts, persistent=False)  # s, (nodes, d_s), frozen
        dim = base.table.shape[1]
        self.token = nn.Parameter(torch.zeros(1, dim))
        self.mapping = TextTower(dim, texts.shape[1], rng)
        self.is_masked = torch.empty(0, dtype=torch.bool)
        """(nodes,): what the present step masks, from `change_table` to `auxiliary_loss`."""
        self.reads_layers = config.weight > 0.0

    def change_table(self, table: Tensor, noise: np.random.Generator | None) -> Tensor:
        """The ID rows, the masked ones replaced by the token; all as they are where w is 0 or nothing is trained."""
        if noise is None or self.config.weight == 0.0:
            return table
        count = max(1, int(len(table) * self.config.masked_share))
        masked = torch.from_numpy(noise.choice(len(table), count, replace=False)).to(table.device)
        self.is_masked = torch.zeros(len(table), dtype=torch.bool, device=table.device).index_fill_(0, masked, True)
        return torch.where(self.is_masked.unsqueeze(1), self.token, table)

    def auxiliary_loss(self, step: TrainingStep) -> dict[str, Term]:
        """w·InfoNCE over the masked nodes of the batch; nothing where w is 0 or it has none."""
        if self.config.weight == 0.0:
            return {}
        nodes = step.rows_read.nodes
        rows = self.is_masked.index_select(0, nodes).nonzero().squeeze(1)
        if not len(rows):
            return {}
        mapped = unit_rows(self.mapping(step.propagated.final.index_select(0, rows)))  # (rows, d_s)
        own = unit_rows(self.texts.index_select(0, nodes.index_select(0, rows)))
        return {"reconstruction": Term(self.config.weight, info_nce(mapped, own, self.config.temperature))}
