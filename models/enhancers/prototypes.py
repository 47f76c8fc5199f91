"""Motivation prototypes of LMMRec, eq. (5) and (6): graph rows described as mixtures of a few learned vectors.

At the default temperature the assignment stays close to uniform, so that prototypes act as a smooth map and not as
readable motives (docs/method.md): never read a motive off them alone.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from models.bases.contract import xavier_uniform


def assignment(rows: Tensor, prototypes: Tensor, temperature: float) -> Tensor:
    """a = softmax over prototypes of x·z^i / tau_p, eq. (5): (…, d), (I, d) -> (…, I), the last axis sums to 1."""
    return torch.softmax(rows @ (prototypes.T / temperature), dim=-1)


def interaction_motivation(layers: Tensor, prototypes: Tensor, temperature: float) -> Tensor:
    """p = mean over layers of p^(k) = a^(k) Z, eq. (6): (K + 1, rows, d) -> (rows, d), in the hull of Z (I, d).

    The paper does not say how layers combine; the mean over k = 0 … K is our choice. The gradient is written by hand: what
    comes from above is the same for every layer, and autograd would make it K + 1 times.
    """
    p: Tensor = _MeanMixture.apply(layers, prototypes, temperature)  # type: ignore[no-untyped-call]
    return p


class _MeanMixture(torch.autograd.Function):
    """Assignments a are added before their product with Z; from their gradient s, the logits get a·(s - <a, s>)."""

    @staticmethod
    def forward(ctx: Any, layers: Tensor, prototypes: Tensor, temperature: float) -> Tensor:
        shares = assignment(layers, prototypes, temperature)  # (K + 1, rows, I)
        total, parts = shares.sum(dim=0), prototypes / len(layers)
        ctx.save_for_backward(layers, prototypes, shares, total, parts)
        ctx.temperature = temperature
        return total @ parts

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        (of_p,) = gradients
        layers, prototypes, shares, total, parts = ctx.saved_tensors
        of_logits = shares * (of_p @ parts.T)
        of_logits.addcmul_(shares, of_logits.sum(dim=-1, keepdim=True), value=-1.0)
        of_prototypes = (total.T @ of_p).div_(len(layers))
        of_prototypes.addmm_(of_logits.flatten(0, 1).T, layers.flatten(0, 1), alpha=1.0 / ctx.temperature)
        return of_logits @ (prototypes / ctx.temperature), of_prototypes, None


class Prototypes(nn.Module):
    """Z_U and Z_I, each (I, d)."""

    def __init__(self, num_prototypes: int, dim: int, rng: torch.Generator) -> None:
        super().__init__()
        self.users = nn.Parameter(xavier_uniform(num_prototypes, dim, rng))
        self.items = nn.Parameter(xavier_uniform(num_prototypes, dim, rng))
