"""InfoNCE over a batch in which rows occur several times, computed on the distinct rows: the loss stays that of the batch.

A row that occurs c times adds c equal summands and stands c times in every denominator; both are weights. The results are
those of `models.losses.info_nce` over the rows written out, which is the formula to read.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def counted_contrast(
    queries: Tensor, keys: Tensor, temperature: float, positions: Tensor, query_counts: Tensor, key_counts: Tensor
) -> Tensor:
    """Sum over roles r of the mean, weighted by c_rm, of -log exp(<q_m, k_pos(m)> / tau) / sum_l b_rl exp(<q_m, k_l> / tau).

    Queries (n, d) and keys (m, d) are *unit* rows and query m belongs to key `positions[m]`, (n,) int64. `query_counts` c is
    (R, n) and `key_counts` b (R, m); 0 where a row has not the role, and no role is empty. `temperature` is at least
    `models.losses.MIN_TEMPERATURE`, so that one unshifted exponential serves all roles and the backward pass.
    """
    weights = query_counts / query_counts.sum(dim=1, keepdim=True)  # (R, n), each row sums to 1
    loss: Tensor = _CountedContrast.apply(queries / temperature, keys, positions, weights, key_counts)  # type: ignore[no-untyped-call]
    return loss


class _CountedContrast(torch.autograd.Function):
    """The (n, m) matrix E is made once and never copied: every role's gradient is E times scaled factors, side by side."""

    @staticmethod
    def forward(
        ctx: Any, queries: Tensor, keys: Tensor, positions: Tensor, weights: Tensor, key_counts: Tensor
    ) -> Tensor:
        exponentials = (queries @ keys.T).exp_()  # E (n, m)
        own = keys.index_select(0, positions)  # (n, d)
        sums = exponentials @ key_counts.T  # (n, R)
        ctx.save_for_backward(queries, keys, own, positions, exponentials, weights.T / sums, weights, key_counts)
        return (weights.T * sums.log()).sum() - (weights.sum(dim=0) * (queries * own).sum(dim=1)).sum()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        queries, keys, own, positions, exponentials, shares, weights, key_counts = ctx.saved_tensors
        roles, dim = key_counts.shape[0], keys.shape[1]
        total = weights.sum(dim=0).unsqueeze(1)  # (n, 1)
        counted_keys = (key_counts.T.unsqueeze(2) * keys.unsqueeze(1)).reshape(len(keys), roles * dim)  # (m, R d)
        of_queries = (exponentials @ counted_keys).reshape(len(queries), roles, dim)
        of_queries = torch.einsum("nr,nrd->nd", shares, of_queries).sub_(total * own)
        shared_queries = (shares.unsqueeze(2) * queries.unsqueeze(1)).reshape(len(queries), roles * dim)  # (n, R d)
        of_keys = (exponentials.T @ shared_queries).reshape(len(keys), roles, dim)
        of_keys = torch.einsum("rm,mrd->md", key_counts, of_keys)
        of_keys.index_add_(0, positions, total * queries, alpha=-1)
        return gradients[0] * of_queries, gradients[0] * of_keys, None, None, None
