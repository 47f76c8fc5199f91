"""How AutoGraph gathers rows along links: with equal shares, or with attention (Velickovic et al., GAT, 2018).

Both map sources (m, d_in) linearly and give one row of width d to each target. Attention comes from torch_geometric, which is
imported only where it is asked for.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.bases.contract import xavier_uniform
from models.links import Links


class MeanAggregator(nn.Module):
    """Mean over the sources of W s + b; the targets' own rows play no part. Attention with equal shares is the same."""

    def __init__(self, width: int, dim: int, rng: torch.Generator) -> None:
        super().__init__()
        self.weight = nn.Parameter(xavier_uniform(dim, width, rng))
        self.bias = nn.Parameter(torch.zeros(dim))

    def forward(self, sources: Tensor, targets: Tensor, links: Links) -> Tensor:
        return links.means(sources @ self.weight.T) + self.bias


class AttentionAggregator(nn.Module):
    """sum_j alpha_tj W s_j + b, alpha = softmax_j LeakyReLU(a·W s_j + a'·W' t), mean over heads; slope 0.2."""

    def __init__(self, width: int, dim: int, heads: int, rng: torch.Generator) -> None:
        super().__init__()
        from torch_geometric.nn import GATConv

        self.attention = GATConv((width, dim), dim, heads=heads, concat=False, add_self_loops=False)
        with torch.no_grad():  # it draws from torch's global generator
            for name, parameter in sorted(self.attention.named_parameters()):
                rows, columns = parameter.shape[-2:] if name != "bias" else (1, dim)
                parameter.copy_(torch.zeros(columns) if name == "bias" else xavier_uniform(rows, columns, rng))

    def forward(self, sources: Tensor, targets: Tensor, links: Links) -> Tensor:
        found: Tensor = self.attention((sources, targets), links.edges)
        return found
