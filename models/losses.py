"""The loss terms, one function each; every one has a slow, obviously right twin in `tests/reference`.

Here are formulas over tensors alone: which rows enter, with which weight and when, is decided by the model or enhancer
that calls them. Temperatures are plain numbers; contrastive terms use log-sum-exp, so that 1/temperature never overflows.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


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


def motivation_contrast(interaction: Tensor, text: Tensor, temperature: float, symmetric: bool = False) -> Tensor:
    """L_MCS of one role, eq. (7) of LMMRec: InfoNCE from interaction motivations p to text motivations h.

    Both are (rows, d), one row per distinct id of the role; v is the cosine. `symmetric` averages the text-to-interaction
    direction in, which the paper does not print. Eq. (8) is the sum over the roles user, active and passive.
    """
    logits = functional.normalize(interaction, dim=1) @ functional.normalize(text, dim=1).T / temperature  # (n, n)
    same = torch.arange(len(logits), device=logits.device)
    loss = functional.cross_entropy(logits, same)
    return 0.5 * (loss + functional.cross_entropy(logits.T, same)) if symmetric else loss


def correspondence(
    text: Tensor, interaction: Tensor, teacher_text: Tensor, teacher_interaction: Tensor, temperature: float
) -> Tensor:
    """L_ICM of one role, eq. (9) of LMMRec: the student's match distributions follow the momentum teacher's.

    All four are (rows, d), one row per distinct id. Rows of U and V run from text to interaction, their transposes back;
    the result is the mean over rows of ½[KL(V^ba ‖ U^ba) + KL(V^ab ‖ U^ab)] with V detached.
    """
    student = functional.normalize(text, dim=1) @ functional.normalize(interaction, dim=1).T / temperature  # U (n, n)
    with torch.no_grad():
        teacher = (
            functional.normalize(teacher_text, dim=1) @ functional.normalize(teacher_interaction, dim=1).T / temperature
        )  # V (n, n)
    return 0.5 * (_row_divergence(teacher.T, student.T) + _row_divergence(teacher, student))


def _row_divergence(teacher_logits: Tensor, student_logits: Tensor) -> Tensor:
    """Mean over rows of KL(softmax(teacher) ‖ softmax(student)); both (n, m) logits."""
    return functional.kl_div(
        functional.log_softmax(student_logits, dim=1),
        functional.log_softmax(teacher_logits, dim=1),
        reduction="batchmean",
        log_target=True,
    )


def squared_norm(parameters: list[Tensor]) -> Tensor:
    """‖Θ‖²: the sum of squares over all entries of all parameters, a scalar."""
    return torch.stack([parameter.detach().square().sum() for parameter in parameters]).sum()
