"""L_ICM of one role, eq. (9) of LMMRec: the student's match distributions follow the momentum teacher's.

Rows of U (student) and V (teacher) run from text to interaction, their transposes back; the loss is the mean over rows of
½[KL(V^ba ‖ U^ba) + KL(V^ab ‖ U^ab)]. All of V that the student needs is a `MatchTarget`, which can be made before there is a
U. Which rows enter is decided in `models.enhancers.alignment`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional


class MatchTarget(NamedTuple):
    """What the teacher says of n rows; without gradient. With both, L_ICM = information - <weight, U> + log sums of exp(U)."""

    weight: Tensor
    """(n, n): ½/n·(row softmax + column softmax) of V."""
    information: Tensor
    """Scalar: ½/n·the sum of v log v over both softmaxes, the negative mean entropy."""


@torch.no_grad()
def match_target(text: Tensor, interaction: Tensor, temperature: float) -> MatchTarget:
    """The teacher's, of (n, d) *unit* rows; `temperature` is at least `models.losses.MIN_TEMPERATURE`."""
    logits = (text / temperature) @ interaction.T  # V (n, n)
    weight, log_sums = two_way_softmax(logits)
    return MatchTarget(weight, torch.vdot(weight.flatten(), logits.flatten()) - log_sums)


def correspondence(text: Tensor, interaction: Tensor, target: MatchTarget, temperature: float) -> Tensor:
    """L_ICM of the student's (n, d) *unit* rows, one per distinct id, toward a target of the same temperature.

    Cosines are bounded, so that one unshifted exponential serves both directions; `temperature` as in `match_target`.
    """
    loss: Tensor = _TwoWayDivergence.apply(text / temperature, interaction, *target)  # type: ignore[no-untyped-call]
    return loss


class _TwoWayDivergence(torch.autograd.Function):
    """The gradient to U is ½/n·(row softmax + column softmax) of U, less the target's weight."""

    @staticmethod
    def forward(ctx: Any, text: Tensor, interaction: Tensor, target: Tensor, information: Tensor) -> Tensor:
        student = text @ interaction.T  # U (n, n)
        weight, log_sums = two_way_softmax(student)
        ctx.save_for_backward(text, interaction, weight.sub_(target))
        return information - torch.vdot(target.flatten(), student.flatten()) + log_sums

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        text, interaction, of_student = ctx.saved_tensors
        return of_student @ (gradients[0] * interaction), of_student.T @ (gradients[0] * text), None, None


def two_way_softmax(logits: Tensor) -> tuple[Tensor, Tensor]:
    """½/n·(row softmax + column softmax) of (n, n) logits, and ½/n·(sum of log row sums + of log column sums) of their exp."""
    weight, share = logits.exp(), 0.5 / len(logits)
    sums = torch.stack([weight.sum(dim=1), weight.sum(dim=0)])  # (2, n)
    of_rows, of_columns = share / sums
    return weight.mul_(of_rows.unsqueeze(1) + of_columns), share * sums.log().sum()


def softened_correspondence(
    text: Tensor,
    interaction: Tensor,
    teacher_text: Tensor,
    teacher_interaction: Tensor,
    temperature: float,
    teacher_share: float = 1.0,
) -> Tensor:
    """L_ICM for rows of any length, toward alpha·softmax(V) + (1 - alpha)·I (Li et al., ALBEF, 2021); slower.

    With unit rows and alpha = `teacher_share` = 1 it is `correspondence` with the `match_target` of the teacher.
    """
    student = text @ interaction.T / temperature  # U (n, n)
    with torch.no_grad():
        teacher = teacher_text @ teacher_interaction.T / temperature  # V (n, n)
        identity = torch.eye(len(teacher), device=teacher.device, dtype=teacher.dtype)
    directions = []
    for of_student, of_teacher in ((student, teacher), (student.T, teacher.T)):
        target = teacher_share * of_teacher.softmax(dim=1) + (1.0 - teacher_share) * identity
        directions.append(functional.kl_div(of_student.log_softmax(dim=1), target, reduction="batchmean"))
    return 0.5 * (directions[0] + directions[1])
