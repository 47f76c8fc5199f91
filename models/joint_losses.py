"""InfoNCE and L_ICM of one side from one matrix: where their temperatures agree, both compare the same rows.

Text with interaction, every row with every row: the matrix, its exponential and its gradient are made once. The results are
those of `models.losses.info_nce` and `models.correspondence`, which stay the formulas to read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from models.correspondence import MatchTarget


def contrast_and_correspondence(
    text: Tensor, interaction: Tensor, target: Callable[[], MatchTarget], roles: Tensor, temperature: float
) -> tuple[Tensor, Tensor]:
    """The sum over roles of `info_nce(interaction, text)` among the rows of the role, and `correspondence` of all rows.

    The first two are (n, d) *unit* rows, `roles` is (R, n) with 1 where a row has the role and 0 elsewhere. No role is empty.
    `temperature` is at least `models.losses.MIN_TEMPERATURE`. `target` is asked for when the student's own matrix is made:
    whoever is at work on it has had that time.
    """
    losses: tuple[Tensor, Tensor] = _Joint.apply(text / temperature, interaction, target, roles)  # type: ignore[no-untyped-call]
    return losses


class _Joint(torch.autograd.Function):
    """With E = exp(text·interaction^T), both gradients are E times sums of outer products, less a matrix without gradient.

    L_ICM weighs entry (i, j) by E_ij (a_i + b_j), where a and b are ½/n over row and column sums; a role weighs it by
    E_ij r_i r_j / (|r| sum_l r_l E_lj).
    """

    @staticmethod
    def forward(
        ctx: Any, text: Tensor, interaction: Tensor, target: Callable[[], MatchTarget], roles: Tensor
    ) -> tuple[Tensor, Tensor]:
        student = text @ interaction.T  # U (n, n)
        weight, share = student.exp(), 0.5 / len(student)
        everyone = torch.cat([torch.ones_like(roles[:1]), roles])
        columns = everyone @ weight  # (1 + R, n), text rows summed: all of them, and those of each role
        sums = torch.stack([weight.sum(dim=1), columns[0]])  # (2, n)
        means, of_roles, shares = roles / roles.sum(dim=1, keepdim=True), columns[1:], share / sums
        contrast = (means * (of_roles.log() - student.diagonal())).sum()
        left = torch.cat([shares[:1], everyone])  # (2 + R, n): E times left^T right are both gradients
        right = torch.cat([everyone[:1], shares[1:], means / of_roles])
        teacher, information = target()
        matched = torch.vdot(teacher.flatten(), student.flatten())
        correspondence = information - matched + share * sums.log().sum()
        ctx.save_for_backward(text, interaction, weight, teacher, left, right, means.sum(dim=0))
        return contrast, correspondence

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        of_contrast, of_correspondence = gradients
        text, interaction, weight, teacher, left, right, of_own = ctx.saved_tensors
        scale = torch.cat([of_correspondence.expand(2), of_contrast.expand(len(left) - 2)])
        of_student = ((left * scale.unsqueeze(1)).T @ right).mul_(weight)
        of_student.sub_(teacher, alpha=float(of_correspondence)).diagonal().sub_(of_contrast * of_own)
        return of_student @ interaction, of_student.T @ text, None, None
