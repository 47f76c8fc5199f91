"""The loss terms, one function each; every one has a slow, obviously right twin in `tests/reference`.

Here are formulas over tensors alone: which rows enter, with which weight and when, is decided by the model or enhancer
that calls them. Temperatures are plain numbers. Where autograd would walk a large matrix several times, the gradient is
written by hand.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

MIN_TEMPERATURE = 0.02
"""exp(1 / temperature), summed over a batch, must stay a finite float32."""

SHORTEST_ROW = 1e-12
"""A shorter row is divided by this instead of by its length."""


def bpr(table: Tensor, users: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
    """Bayesian personalised ranking: mean softplus(s- - s+) with s = <x_u, x_i> (Rendle et al. 2009).

    `table` is (rows, d); the other three are (batch,) int64 rows of it. The gradient is written by hand: three gathers
    forward and one scatter backward cost a fifth of what autograd needs on a CPU.
    """
    loss: Tensor = _BPR.apply(table, users, positives, negatives)  # type: ignore[no-untyped-call]
    return loss


class _BPR(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, table: Tensor, users: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        user = table.index_select(0, users)  # (B, d)
        difference = table.index_select(0, negatives) - table.index_select(0, positives)  # (B, d)
        margin = (user * difference).sum(dim=1)  # (B,) s- - s+
        slope = torch.sigmoid(margin).div_(len(users)).unsqueeze_(1)  # (B, 1) d loss / d margin
        ctx.save_for_backward(user, difference, slope, torch.cat([users, positives, negatives]))
        ctx.table_shape = table.shape
        return functional.softplus(margin).mean()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        user, difference, slope, rows = ctx.saved_tensors
        slope = slope * gradients[0]
        of_item = slope * user
        of_rows = torch.cat([slope * difference, -of_item, of_item])  # (3B, d)
        return of_rows.new_zeros(ctx.table_shape).index_add_(0, rows, of_rows), None, None, None


def fused_bpr(
    table: Tensor, users: Tensor, positives: Tensor, negatives: Tensor, margin: Tensor, scale: Tensor
) -> Tensor:
    """BPR of a sum of two models: mean softplus(-margin - scale·<x_u, x_i+ - x_i->).

    `margin` (batch,) is s+ - s- of the other model, `scale` a scalar; the rest is as in `bpr`.
    """
    difference = table.index_select(0, positives) - table.index_select(0, negatives)
    own = (table.index_select(0, users) * difference).sum(dim=1)
    return functional.softplus(-margin - scale * own).mean()


def info_nce(
    queries: Tensor, keys: Tensor, temperature: float, symmetric: bool = False, positions: Tensor | None = None
) -> Tensor:
    """Mean over rows m of -log exp(<q_m, k_m> / tau) / sum_l exp(<q_m, k_l> / tau) (van den Oord et al. 2018).

    Queries are (n, d) and keys (m, d) *unit* rows, so that the product is the cosine; `temperature` is at least
    `MIN_TEMPERATURE`. Query m belongs to key m, or to key `positions[m]`. `symmetric`, for n = m without positions, averages
    the direction from keys to queries in. Cosines are bounded, so that one unshifted exponential serves both directions
    and the backward pass.
    """
    loss: Tensor = _InfoNCE.apply(queries / temperature, keys, symmetric, positions)  # type: ignore[no-untyped-call]
    return loss


class _InfoNCE(torch.autograd.Function):
    """The (n, m) matrix is made once and never copied: its row and column sums scale the (rows, d) factors."""

    @staticmethod
    def forward(ctx: Any, queries: Tensor, keys: Tensor, symmetric: bool, positions: Tensor | None) -> Tensor:
        weight = (queries @ keys.T).exp_()  # (n, m)
        own = keys if positions is None else keys.index_select(0, positions)  # (n, d)
        sums = [weight.sum(dim=1), weight.sum(dim=0)] if symmetric else [weight.sum(dim=1)]
        ctx.positions = positions
        ctx.save_for_backward(queries, keys, own, weight, *sums)
        normaliser = torch.stack([of_rows.log().sum() for of_rows in sums]).mean()
        return (normaliser - torch.vdot(queries.flatten(), own.flatten())) / len(weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        queries, keys, own, weight, *sums = ctx.saved_tensors
        share = gradients[0] / len(weight)
        per_row = share / (len(sums) * sums[0].unsqueeze(1))  # (n, 1)
        of_queries = (weight @ keys).mul_(per_row).sub_(share * own)
        of_keys = weight.T @ (queries * per_row)
        if len(sums) == 2:
            per_column = share / (2 * sums[1].unsqueeze(1))
            of_queries += weight @ (keys * per_column)
            of_keys += (weight.T @ queries).mul_(per_column)
        if ctx.positions is None:
            of_keys.sub_(share * queries)
        else:
            of_keys.index_add_(0, ctx.positions, share * queries, alpha=-1)
        return of_queries, of_keys, None, None


def info_nce_of_any_rows(
    queries: Tensor, keys: Tensor, temperature: float, symmetric: bool = False, positions: Tensor | None = None
) -> Tensor:
    """`info_nce` for rows of any length, whose products are not bounded: through log-sum-exp, and slower."""
    logits = queries @ keys.T / temperature
    same = torch.arange(len(queries), device=queries.device) if positions is None else positions
    loss = functional.cross_entropy(logits, same)
    return 0.5 * (loss + functional.cross_entropy(logits.T, same)) if symmetric else loss


def unit_rows(rows: Tensor) -> Tensor:
    """Each row divided by its Euclidean length: (rows, d) -> (rows, d); a row of zeros stays one."""
    unit: Tensor = _UnitRows.apply(rows)  # type: ignore[no-untyped-call]
    return unit


class _UnitRows(torch.autograd.Function):
    """The gradient loses its part along the row and is divided by the length: half the passes that autograd makes."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        length = torch.linalg.vector_norm(rows, dim=1, keepdim=True).clamp_min_(SHORTEST_ROW)
        unit: Tensor = rows / length
        ctx.save_for_backward(unit, length)
        return unit

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        unit, length = ctx.saved_tensors
        along = (unit * gradients[0]).sum(dim=1, keepdim=True)
        return torch.addcmul(gradients[0], unit, along, value=-1.0).div_(length)


def squared_norm(parameters: list[Tensor]) -> Tensor:
    """‖Θ‖²: the sum of squares over all entries of all parameters, a scalar."""
    return torch.stack([parameter.detach().square().sum() for parameter in parameters]).sum()
