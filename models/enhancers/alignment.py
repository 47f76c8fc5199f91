"""The losses of LMMRec on one batch: eq. (7) and (8), L'_MCS, and eq. (9), L_ICM, with the options that the paper leaves.

Here rows are compared; where they come from is `lmmrec`, and the bare formulas over unit rows are `models.losses`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from models.correspondence import MatchTarget, correspondence, match_target, softened_correspondence
from models.enhancers.config import LMMRecConfig
from models.joint_losses import contrast_and_correspondence
from models.losses import info_nce, info_nce_of_any_rows, unit_rows


class Views(NamedTuple):
    """Both views of the same entities, row by row."""

    interaction: Tensor
    """p, (rows, d), eq. (6)."""
    text: Tensor
    """h, (rows, d), eq. (3)."""

    def of(self, rows: slice | Tensor) -> Views:
        """The views of some of the entities."""
        return Views(self.interaction[rows], self.text[rows])

    def sides(self, num_users: int) -> tuple[Views, Views]:
        """Those of the users, which come first, and those of the items; split, so that the gradient is put together once."""
        sizes = [num_users, len(self.text) - num_users]
        (p_users, p_items), (h_users, h_items) = (torch.split(view, sizes) for view in self)
        return Views(p_users, h_users), Views(p_items, h_items)


def comparable(views: Views, config: LMMRecConfig) -> Views:
    """At unit length where v is the cosine, so that every comparison after it is an inner product."""
    return Views(*map(unit_rows, views)) if config.similarity == "cosine" else views


def perturbed(views: Views, sigma: float, rng: np.random.Generator) -> Views:
    """p·(1 + sigma·n) and h·(1 + sigma·n), each n drawn from N(0, 1) for each entry."""
    return Views(*(view * (1.0 + sigma * _normal(view, rng)) for view in views))


def _normal(like: Tensor, rng: np.random.Generator) -> Tensor:
    return torch.from_numpy(rng.standard_normal(tuple(like.shape), dtype=np.float32)).to(like)


def motivation_contrast(views: Views, config: LMMRecConfig, keys: Tensor | None, positions: Tensor | None) -> Tensor:
    """L_MCS of one role, eq. (7): InfoNCE from interaction motivations p to text motivations h.

    `views` are comparable, one row per distinct id of the role. The denominator runs over these, or over `keys` (m, d), the
    text motivations of every entity of the side, of which `positions` (rows,) are the role's own.
    """
    contrast = info_nce if config.similarity == "cosine" else info_nce_of_any_rows
    against = views.text if keys is None else keys
    return contrast(views.interaction, against, config.contrast_temperature, config.symmetric, positions)


def coordination(of_roles: Sequence[Tensor]) -> Tensor:
    """L'_MCS = L_user + L_active + L_passive, eq. (8); active are the positives, passive the negatives of the batch."""
    return torch.stack(list(of_roles)).sum()


Target = MatchTarget | Views
"""What the teacher says of the rows of one role: its matches, or the views themselves where they are mixed first."""
Taught = tuple[Target, Target]
"""What it says of the users and of the items of a batch."""


def target_of(teacher: Views, config: LMMRecConfig) -> Target:
    """What L_ICM of one role needs of the teacher's comparable views: they themselves, where no target is made of them."""
    if config.similarity == "cosine" and config.teacher_share == 1.0:
        return match_target(teacher.text, teacher.interaction, config.correspondence_temperature)
    return teacher


def interaction_correspondence(student: Views, target: Target, config: LMMRecConfig) -> Tensor:
    """L_ICM of one role, eq. (9), between comparable views; mixed with the identity where `teacher_share` is below 1."""
    rows, temperature = (student.text, student.interaction), config.correspondence_temperature
    if isinstance(target, MatchTarget):
        return correspondence(*rows, target, temperature)
    return softened_correspondence(*rows, target.text, target.interaction, temperature, config.teacher_share)


def one_matrix_serves_both(config: LMMRecConfig) -> bool:
    """Whether eq. (7) and (9) compare the same rows in the same way, so that `contrast_and_icm` gives both at once."""
    return (
        config.mcs_weight > 0.0
        and config.similarity == "cosine"
        and config.contrast_temperature == config.correspondence_temperature
        and config.negatives == "batch"
        and not config.symmetric
        and config.perturbation == 0.0
        and config.teacher_share == 1.0
    )


def contrast_and_icm(
    student: Views, target: Callable[[], Target], roles: Tensor, config: LMMRecConfig
) -> tuple[Tensor, Tensor]:
    """Of one side, eq. (7) summed over its `roles` (R, rows), 1 where a row has the role, and eq. (9); views comparable."""

    def matches() -> MatchTarget:
        found = target()
        assert isinstance(found, MatchTarget)  # `one_matrix_serves_both`
        return found

    return contrast_and_correspondence(student.text, student.interaction, matches, roles, config.contrast_temperature)


def icm_weight_at(epochs_done: float, config: LMMRecConfig) -> float:
    """gamma after warm-up: 0 for `warmup_epochs`, then linear to gamma over as many again.

    >>> [icm_weight_at(epochs, LMMRecConfig(icm_weight=0.5, warmup_epochs=1)) for epochs in (0.9, 1.5, 2.0, 9.0)]
    [0.0, 0.25, 0.5, 0.5]
    """
    if config.warmup_epochs == 0.0:
        return config.icm_weight
    return config.icm_weight * min(1.0, max(0.0, epochs_done / config.warmup_epochs - 1.0))
