"""The momentum teacher of LMMRec's L_ICM: a slow copy of text tower, ID table and prototypes, never trained.

It equals the student before the first step, and after each optimiser step theta' <- m·theta' + (1 - m)·theta.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from models.enhancers.prototypes import Prototypes
from models.enhancers.text_tower import TextTower


class MomentumTeacher(nn.Module):
    """Holds the copies; all without gradient."""

    def __init__(self, table: Tensor, tower: TextTower, prototypes: Prototypes, momentum: float, ramp: bool) -> None:
        super().__init__()
        self.table = nn.Parameter(table.detach().clone())
        self.tower = copy.deepcopy(tower)
        self.prototypes = copy.deepcopy(prototypes)
        self.requires_grad_(False)
        self.momentum, self.ramp, self.num_updates = momentum, ramp, 0

    @torch.no_grad()
    def follow(self, table: Tensor, tower: TextTower, prototypes: Prototypes) -> None:
        """One update toward the student's present weights."""
        share = momentum_at(self.num_updates, self.momentum, self.ramp)
        self._move(1.0 - share, table, tower, prototypes)
        self.num_updates += 1

    @torch.no_grad()
    def equal(self, table: Tensor, tower: TextTower, prototypes: Prototypes) -> None:
        """Takes over the student's present weights, as before the first step."""
        self._move(1.0, table, tower, prototypes)

    def _move(self, share: float, table: Tensor, tower: TextTower, prototypes: Prototypes) -> None:
        """`share` of the way toward the student, 1 is all of it."""
        own: list[Tensor] = [self.table, *self.tower.parameters(), *self.prototypes.parameters()]
        student: list[Tensor] = [table, *tower.parameters(), *prototypes.parameters()]
        torch._foreach_lerp_(own, student, share)

    def get_extra_state(self) -> int:
        """`num_updates`, so that a state dict holds all of the teacher."""
        return self.num_updates

    def set_extra_state(self, state: int) -> None:
        self.num_updates = state


def momentum_at(update: int, momentum: float, ramp: bool) -> float:
    """m_t = min(m, (1 + t) / (10 + t)) at update t = 0, 1, …; m itself without the ramp.

    >>> momentum_at(0, 0.999, ramp=True), momentum_at(10**6, 0.999, ramp=True)
    (0.1, 0.999)
    """
    return min(momentum, (1 + update) / (10 + update)) if ramp else momentum
