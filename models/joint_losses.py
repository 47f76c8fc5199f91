"""InfoNCE and L_ICM of one side from one matrix: where their temperatures agree, both compare the same rows.

Text with interaction, every row with every row: the matrix, its exponential and its gradient are made once. The results are
those of `models.losses.info_nce` and `correspondence`, which stay the formulas to read.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from models.losses import two_way_softmax_


def contrast_and_correspondence(
    text: Tensor,
    interaction: Tensor,
    teacher_text: Tensor,
    teacher_interaction: Tensor,
    roles: Tensor,
    temperature: float,
) -> tuple[Tensor, Tensor]:
    """The sum over roles of `info_nce(interaction, text)` among the rows of the role, and `correspondence` of all rows.

    The first four are (n, d) *unit* rows, `roles` is (R, n) with 1 where a row has the role and 0 elsewhere. No role is empty.
    `temperature` is at least `models.losses.MIN_TEMPERATURE`.
    """
    with torch.no_grad():
        teacher = (teacher_text / temperature) @ teacher_interaction.T  # V (n, n)
    losses: tuple[Tensor, Tensor] = _Joint.apply(text / temperature, interaction, teacher, roles)  # type: ignore[no-untyped-call]
    return losses


class _Joint(torch.autograd.Function):
    """With E = exp(text·interaction^T), both gradients are E times sums of outer products, less a matrix without gradient.

    L_ICM weighs entry (i, j) by E_ij (a_i + b_j), as in `models.losses`; a role by E_ij r_i r_j / (|r| sum_l r_l E_lj).
    """

    @staticmethod
    def forward(ctx: Any, text: Tensor, interaction: Tensor, teacher: Tensor, roles: Tensor) -> tuple[Tensor, Tensor]:
        student = text @ interaction.T  # U (n, n)
        own, lead = student.diagonal().clone(), teacher - student
        weight, share = student.exp_(), 0.5 / len(student)
        of_rows = weight.sum(dim=1)  # (n,)
        of_columns, *of_roles = torch.cat([torch.ones_like(roles[:1]), roles]) @ weight  # (n,) each, text rows summed
        teacher_weight, teacher_logs = two_way_softmax_(teacher, torch.empty_like(lead))
        student_logs = share * (of_rows.log().sum() + of_columns.log().sum())
        correspondence = torch.vdot(teacher_weight.flatten(), lead.flatten()) + student_logs - teacher_logs
        means, sums = roles / roles.sum(dim=1, keepdim=True), torch.stack(of_roles)  # (R, n)
        contrast = (means * (sums.log() - own)).sum()
        ctx.save_for_backward(
            text, interaction, weight, teacher_weight, share / of_rows, share / of_columns, roles, means, means / sums
        )
        return contrast, correspondence

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        of_contrast, of_correspondence = gradients
        text, interaction, weight, teacher_weight, row_shares, column_shares, roles, means, of_roles = ctx.saved_tensors
        ones = torch.ones_like(row_shares)
        left = torch.cat([of_correspondence * torch.stack([row_shares, ones]), of_contrast * roles])  # (2 + R, n)
        right = torch.cat([torch.stack([ones, column_shares]), of_roles])
        of_student = (left.T @ right).mul_(weight).sub_(teacher_weight, alpha=float(of_correspondence))
        of_student.diagonal().sub_(of_contrast * means.sum(dim=0))
        return of_student @ interaction, of_student.T @ text, None, None
