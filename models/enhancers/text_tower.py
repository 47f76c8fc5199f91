"""The text tower e_a of LMMRec, eq. (3): frozen text vectors to model width. One tower serves users and items."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.bases.contract import xavier_uniform

NEGATIVE_SLOPE = 0.01
"""LeakyReLU's slope for negative input (sibling code)."""


class TextTower(nn.Module):
    """h = W2·LeakyReLU(W1·s + b1) + b2 with W1: d_s -> `hidden`, (d_s + d) // 2 unless told, and W2: -> d; no dropout."""

    def __init__(self, text_dim: int, dim: int, rng: torch.Generator, hidden: int | None = None) -> None:
        super().__init__()
        hidden = (text_dim + dim) // 2 if hidden is None else hidden
        self.weight_1 = nn.Parameter(xavier_uniform(hidden, text_dim, rng))
        self.bias_1 = nn.Parameter(torch.zeros(hidden))
        self.weight_2 = nn.Parameter(xavier_uniform(dim, hidden, rng))
        self.bias_2 = nn.Parameter(torch.zeros(dim))

    def forward(self, texts: Tensor) -> Tensor:
        """(rows, d_s) text vectors s -> (rows, d) text motivations h, eq. (3)."""
        hidden = functional.linear(texts, self.weight_1, self.bias_1)  # (rows, hidden)
        hidden = functional.leaky_relu(hidden, NEGATIVE_SLOPE, inplace=True)
        return functional.linear(hidden, self.weight_2, self.bias_2)  # (rows, d)
