"""The loss terms, one function each; every one has a slow, obviously right twin in `tests/reference`.

Here are formulas over tensors alone: which rows enter, with which weight and when, is decided by the model or enhancer
that calls them. Temperatures are plain numbers; the contrastive term
uses log-sum-exp, so that 1/temperature never overflows.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

MIN_CORRESPONDENCE_TEMPERATURE = 0.02
"""exp(1 / temperature), summed over a batch, must stay a finite float32."""


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
    logits = _cosines(interaction, text, temperature)  # (n, n)
    same = torch.arange(len(logits), device=logits.device)
    loss = functional.cross_entropy(logits, same)
    return 0.5 * (loss + functional.cross_entropy(logits.T, same)) if symmetric else loss


def correspondence(
    text: Tensor, interaction: Tensor, teacher_text: Tensor, teacher_interaction: Tensor, temperature: float
) -> Tensor:
    """L_ICM of one role, eq. (9) of LMMRec: the student's match distributions follow the momentum teacher's.

    All four are (rows, d), one row per distinct id. Rows of U and V run from text to interaction, their transposes back;
    the result is the mean over rows of ½[KL(V^ba ‖ U^ba) + KL(V^ab ‖ U^ab)] with V detached. `temperature` is at least
    `MIN_CORRESPONDENCE_TEMPERATURE`: cosines are bounded, so that one exponential serves both directions unshifted.
    """
    student = _cosines(text, interaction, temperature)  # U (n, n)
    with torch.no_grad():
        teacher = _cosines(teacher_text, teacher_interaction, temperature)  # V (n, n)
    loss: Tensor = _TwoWayDivergence.apply(student, teacher)  # type: ignore[no-untyped-call]
    return loss


class _TwoWayDivergence(torch.autograd.Function):
    """½[KL(softmax V ‖ softmax U) + KL(softmax V^T ‖ softmax U^T)], mean over rows; the gradient to U is written by hand.

    With a = ½/(n·row sum) and b = ½/(n·column sum) of exp(·), the weight of entry (i, j) is exp(·)_ij (a_i + b_j): the
    loss is sum of weight_V·(V - U) plus the difference of the log sums, its gradient weight_U - weight_V.
    """

    @staticmethod
    def forward(ctx: Any, student: Tensor, teacher: Tensor) -> Tensor:
        student_weight, student_logs = _two_way_softmax(student)
        teacher_weight, teacher_logs = _two_way_softmax(teacher)
        loss = torch.vdot(teacher_weight.flatten(), (teacher - student).flatten()) + student_logs - teacher_logs
        ctx.save_for_backward(student_weight.sub_(teacher_weight))
        return loss

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (of_student,) = ctx.saved_tensors
        return gradients[0] * of_student, None


def _two_way_softmax(logits: Tensor) -> tuple[Tensor, Tensor]:
    """½/n·(row softmax + column softmax) of (n, n) logits, and ½/n·(sum of log row sums + sum of log column sums)."""
    weight = logits.exp()
    of_rows, of_columns = weight.sum(dim=1, keepdim=True), weight.sum(dim=0, keepdim=True)  # (n, 1), (1, n)
    share = 0.5 / len(logits)
    logs = share * (of_rows.log().sum() + of_columns.log().sum())
    return weight.mul_(share / of_rows + share / of_columns), logs


def _cosines(rows: Tensor, columns: Tensor, temperature: float) -> Tensor:
    """(n, d), (m, d) -> (n, m) cosines over the temperature, which divides the smaller factor."""
    return (functional.normalize(rows, dim=1) / temperature) @ functional.normalize(columns, dim=1).T


def squared_norm(parameters: list[Tensor]) -> Tensor:
    """‖Θ‖²: the sum of squares over all entries of all parameters, a scalar."""
    return torch.stack([parameter.detach().square().sum() for parameter in parameters]).sum()
