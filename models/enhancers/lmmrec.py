"""LMMRec (arXiv 2602.05474): aligns interaction motivations from the graph with text motivations from an LLM.

Reads in the order of the paper: eq. (3) the text tower, eq. (5)-(6) the prototypes, eq. (7)-(8) the motivation
coordination loss, eq. (9) the correspondence loss against a momentum teacher, eq. (10) their sum. What the paper leaves
open is decided in docs/method.md Text tower and prototypes run on the distinct rows of the batch only.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.bases.contract import BaseModel, Batch, BatchRows, Term, TrainingStep
from models.enhancers.config import LMMRecConfig
from models.enhancers.contract import Enhancer
from models.enhancers.prototypes import Prototypes, interaction_motivation
from models.enhancers.teacher import MomentumTeacher
from models.enhancers.text_tower import TextTower
from models.losses import correspondence, motivation_contrast

SCORING_ROWS = 4096
"""Rows of the text tower at once when all entities are fused for scoring."""


class BatchViews(NamedTuple):
    """Both views of the distinct entities of one batch, in the order of `rows.nodes()`."""

    rows: BatchRows
    interaction: Tensor
    """p, (n_u + n_i, d), eq. (6)."""
    text: Tensor
    """h, (n_u + n_i, d), eq. (3)."""


class LMMRec(Enhancer):
    """L = L_base + lambda·(L'_MCS + gamma·L_ICM) + lambda_Theta·‖Θ‖²; eq. (10) with the terms that it leaves out."""

    texts: Tensor

    def __init__(self, config: LMMRecConfig, base: BaseModel, texts: Tensor, rng: torch.Generator) -> None:
        super().__init__()
        self.config, self.l2 = config, config.l2
        dim = base.table.shape[1]
        self.num_users = base.num_users
        self.register_buffer("texts", texts, persistent=False)  # s, (nodes, d_s), frozen
        self.tower = TextTower(texts.shape[1], dim, rng)
        self.prototypes = Prototypes(config.num_prototypes, dim, rng)
        self.beta_p = nn.Parameter(torch.zeros(())) if config.score_fusion != "none" else None
        self.beta_h = nn.Parameter(torch.zeros(())) if config.score_fusion == "p+h" else None
        self.reads_layers = config.weight > 0.0 or config.score_fusion != "none"
        self.scores_with_layers = config.score_fusion != "none"
        self.teacher: MomentumTeacher | None = None
        if config.weight > 0.0 and config.icm_weight > 0.0:
            self.teacher = MomentumTeacher(
                base.table, self.tower, self.prototypes, config.momentum, config.momentum_ramp
            )

    def auxiliary_loss(self, step: TrainingStep) -> dict[str, Term]:
        """lambda·L'_MCS and lambda·gamma·L_ICM; nothing at all where lambda is 0."""
        if self.config.weight == 0.0:
            return {}
        views = self._views(step)
        terms = {"mcs": Term(self.config.weight, self.coordination(views, step.batch))}
        icm_weight = icm_weight_at(step.epochs_done, self.config)
        if self.teacher is not None and icm_weight > 0.0:
            terms["icm"] = Term(self.config.weight * icm_weight, self._correspondence(views, step, self.teacher))
        return terms

    def coordination(self, views: BatchViews, batch: Batch) -> Tensor:
        """L'_MCS = L_user + L_active + L_passive, eq. (8): active are the positives, passive the negatives."""
        num_users = len(views.rows.users)
        of_items = views.rows.positions(batch)
        roles: tuple[slice | Tensor, ...] = (
            slice(0, num_users),
            torch.unique(of_items.positives),
            torch.unique(of_items.negatives),
        )
        losses = [
            motivation_contrast(
                views.interaction[role], views.text[role], self.config.contrast_temperature, self.config.symmetric
            )
            for role in roles
        ]
        return losses[0] + losses[1] + losses[2]

    def _correspondence(self, views: BatchViews, step: TrainingStep, teacher: MomentumTeacher) -> Tensor:
        """L_ICM over the roles users and items, eq. (9); the teacher sees the whole graph."""
        num_users, rows = len(views.rows.users), views.rows.nodes()
        with torch.no_grad():
            layers = step.base.propagate(step.graph.full, teacher.table, layer_rows=rows).layers
            interaction = self._interaction(layers, num_users, teacher.prototypes)  # p'
            text = teacher.tower(self.texts.index_select(0, rows))  # h'
        losses = [
            correspondence(
                views.text[role],
                views.interaction[role],
                text[role],
                interaction[role],
                self.config.correspondence_temperature,
            )
            for role in (slice(0, num_users), slice(num_users, None))
        ]
        return losses[0] + losses[1]

    def _views(self, step: TrainingStep) -> BatchViews:
        """Eq. (3), (5), (6) on the distinct rows of the batch; computed once a step."""
        if step.views is None:
            if step.rows is None:
                raise ValueError("LMMRec reads the rows of the batch, and the step was made without them")
            interaction = self._interaction(step.propagated.layers, len(step.rows.users), self.prototypes)
            text = self.tower(self.texts.index_select(0, step.rows.nodes()))
            step.views = BatchViews(step.rows, interaction, text)
        views: BatchViews = step.views
        return views

    def _interaction(self, layers: Tensor | None, num_users: int, prototypes: Prototypes) -> Tensor:
        """p from (K + 1, rows, d) layers whose first `num_users` rows are users: (rows, d), each side by its own Z."""
        if layers is None:
            raise ValueError("propagation was not asked for the layers that LMMRec reads")
        sides = ((layers[:, :num_users], prototypes.users), (layers[:, num_users:], prototypes.items))
        return torch.cat([interaction_motivation(*side, self.config.prototype_temperature) for side in sides])

    def before_training(self, base: BaseModel) -> None:
        if self.teacher is not None:
            self.teacher.equal(base.table, self.tower, self.prototypes)

    def after_step(self, base: BaseModel) -> None:
        if self.teacher is not None:
            self.teacher.follow(base.table, self.tower, self.prototypes)

    def change_final(self, step: TrainingStep) -> tuple[Tensor, Batch]:
        """With `score_fusion`, the base's loss sees x + beta_p·p + beta_h·h on the rows of the batch."""
        final, batch = super().change_final(step)
        if self.beta_p is None:
            return final, batch
        views = self._views(step)
        return self._fused(final, views.interaction, views.text), batch

    def change_scored(self, final: Tensor, layers: Tensor | None) -> Tensor:
        """The same fusion for all nodes."""
        if self.beta_p is None:
            return final
        interaction = self._interaction(layers, self.num_users, self.prototypes)
        text = torch.cat([self.tower(rows) for rows in torch.split(self.texts, SCORING_ROWS)])
        return self._fused(final, interaction, text)

    def _fused(self, final: Tensor, interaction: Tensor, text: Tensor) -> Tensor:
        fused = final if self.beta_p is None else final + self.beta_p * interaction
        return fused if self.beta_h is None else fused + self.beta_h * text


def icm_weight_at(epochs_done: float, config: LMMRecConfig) -> float:
    """gamma after warm-up: 0 for `warmup_epochs`, then linear to gamma over as many again.

    >>> [icm_weight_at(epochs, LMMRecConfig(icm_weight=0.5, warmup_epochs=1)) for epochs in (0.9, 1.5, 2.0, 9.0)]
    [0.0, 0.25, 0.5, 0.5]
    """
    if config.warmup_epochs == 0.0:
        return config.icm_weight
    return config.icm_weight * min(1.0, max(0.0, epochs_done / config.warmup_epochs - 1.0))
