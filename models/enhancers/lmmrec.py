"""LMMRec (arXiv 2602.05474): aligns interaction motivations from the graph with text motivations from an LLM.

Eq. (3) is `text_tower`, (5) and (6) `prototypes`, (7) to (9) `alignment`, the momentum copies `teacher`; here they are put
together at the hooks of a base model, and eq. (10) is the sum of the terms. What the paper leaves open is decided in
docs/method.md. Text tower and prototypes run on the distinct rows of the batch only.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from models.bases.contract import BaseModel, Batch, BatchRows, Term, TrainingStep
from models.enhancers.alignment import (
    Taught,
    Views,
    comparable,
    contrast_and_icm,
    coordination,
    icm_weight_at,
    interaction_correspondence,
    motivation_contrast,
    one_matrix_serves_both,
    perturbed,
    target_of,
)
from models.enhancers.config import LMMRecConfig
from models.enhancers.contract import Enhancer, Host
from models.enhancers.prototypes import Prototypes, assignment, interaction_motivation
from models.enhancers.teacher import MomentumTeacher
from models.enhancers.text_tower import TextTower
from models.losses import unit_rows

SCORING_ROWS = 4096
"""Rows of the text tower at once when all entities are fused for scoring."""


class LMMRec(Enhancer):
    """L = L_base + lambda·(L'_MCS + gamma·L_ICM) + lambda_Theta·‖Θ‖²; eq. (10) with the terms that it leaves out."""

    texts: Tensor
    host: Host

    def __init__(self, config: LMMRecConfig, base: BaseModel, texts: Tensor, rng: torch.Generator) -> None:
        super().__init__()
        self.config, self.l2 = config, config.l2
        self.num_users, dim = base.num_users, base.table.shape[1]
        self.register_buffer("texts", texts, persistent=False)  # s, (nodes, d_s), frozen
        read = texts.shape[1] if config.text_from == "texts" else dim
        self.tower = TextTower(read, dim, rng, hidden=(texts.shape[1] + dim) // 2)
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

    def attach(self, host: Host) -> None:
        self.host = host

    def beside_forward(self, rows: BatchRows, epochs_done: float) -> Callable[[], Taught] | None:
        """The teacher's part of L_ICM, once gamma has left 0."""
        teacher = self.teacher
        if teacher is None or icm_weight_at(epochs_done, self.config) == 0.0:
            return None
        return lambda: self._taught(rows, teacher)

    def auxiliary_loss(self, step: TrainingStep) -> dict[str, Term]:
        """The bracket of eq. (10), term by term: lambda·L'_MCS and lambda·gamma·L_ICM; nothing at all where lambda is 0."""
        config, terms = self.config, {}
        mcs_weight, icm_weight = config.mcs_weight, icm_weight_at(step.epochs_done, config)
        if step.beside is not None and one_matrix_serves_both(config):
            mcs, icm = self._coordination_and_correspondence(step, step.beside)
            return {"mcs": Term(config.weight * mcs_weight, mcs), "icm": Term(config.weight * icm_weight, icm)}
        if config.weight > 0.0 and mcs_weight > 0.0:
            terms["mcs"] = Term(config.weight * mcs_weight, self._coordination(step))
        if step.beside is not None:
            terms["icm"] = Term(config.weight * icm_weight, self._correspondence(step, step.beside))
        return terms

    def _coordination_and_correspondence(
        self, step: TrainingStep, taught: Callable[[], Taught]
    ) -> tuple[Tensor, Tensor]:
        """L'_MCS and L_ICM at once, a matrix for each side."""
        rows, (_, student), items = step.rows_read, self._views(step), step.positions[1:]
        num_users = len(rows.users)
        user_role = student.text.new_ones(1, num_users)
        item_roles = student.text.new_zeros(2, len(rows.items))  # active, passive
        item_roles.scatter_(1, torch.stack(items) - num_users, 1.0)
        of_users, of_items = student.sides(num_users)  # the larger matrix first, while the teacher is still at work
        item_mcs, item_icm = contrast_and_icm(of_items, lambda: taught()[1], item_roles, self.config)
        user_mcs, user_icm = contrast_and_icm(of_users, lambda: taught()[0], user_role, self.config)
        return coordination([user_mcs, item_mcs]), user_icm + item_icm

    def _coordination(self, step: TrainingStep) -> Tensor:
        """L'_MCS over the roles of the batch; with `perturbation`, its mean with that of perturbed views."""
        rows, config = step.rows_read, self.config
        raw, compared = self._views(step)
        views = [compared]
        if config.perturbation > 0.0:
            views.append(comparable(perturbed(raw, config.perturbation, step.noise), config))
        local = step.positions
        roles = (slice(0, len(rows.users)), torch.unique(local.positives), torch.unique(local.negatives))
        keys, nodes = self._all_keys(step) if config.negatives == "all" else None, rows.nodes
        losses = []
        for role in roles:
            side, positions = None, None
            if keys is not None:
                of_users = isinstance(role, slice)
                side = keys[: self.num_users] if of_users else keys[self.num_users :]
                positions = nodes[role] - (0 if of_users else self.num_users)
            losses += [motivation_contrast(view.of(role), config, side, positions) for view in views]
        return coordination(losses) / len(views)

    def _correspondence(self, step: TrainingStep, taught: Callable[[], Taught]) -> Tensor:
        """L_ICM over the roles users and items."""
        _, student = self._views(step)
        sides = zip(student.sides(len(step.rows_read.users)), taught(), strict=True)
        users, items = (interaction_correspondence(*side, self.config) for side in sides)
        return users + items

    @torch.no_grad()
    def _taught(self, rows: BatchRows, teacher: MomentumTeacher) -> Taught:
        """What the teacher says of the batch's users and items; it sees the whole graph."""
        propagated = self.host.base.propagate(self.host.graph.full, teacher.table, layer_rows=rows.nodes)
        interaction = propagated.final  # x'
        if self.config.teacher_graph_output == "p":
            interaction = self._interaction(propagated.layers, len(rows.users), teacher.prototypes)  # p'
        views = comparable(Views(interaction, self._text(teacher.tower, teacher.table, rows.nodes)), self.config)
        users, items = views.sides(len(rows.users))
        return target_of(users, self.config), target_of(items, self.config)

    def _views(self, step: TrainingStep) -> tuple[Views, Views]:
        """Eq. (3), (5), (6) on the distinct rows of the batch, as they are and comparable; computed once a step."""
        if step.views is None:
            rows, layers = step.rows_read, step.propagated.layers
            if layers is not None and not self.config.gradient_to_base:
                layers = layers.detach()
            interaction = self._interaction(layers, len(rows.users), self.prototypes)
            raw = Views(interaction, self._text(self.tower, step.base.table, rows.nodes))
            step.views = raw, comparable(raw, self.config)
        views: tuple[Views, Views] = step.views
        return views

    def _interaction(self, layers: Tensor | None, num_users: int, prototypes: Prototypes) -> Tensor:
        """p from (K + 1, rows, d) layers whose first `num_users` rows are users: (rows, d), each side by its own Z."""
        if layers is None:
            raise ValueError("propagation was not asked for the layers that LMMRec reads")
        read = layers[:1] if self.config.interaction_from == "ids" else layers
        users, items = torch.split(read, [num_users, read.shape[1] - num_users], dim=1)
        sides = ((users, prototypes.users), (items, prototypes.items))
        return torch.cat([interaction_motivation(*side, self.config.prototype_temperature) for side in sides])

    def _text(self, tower: TextTower, table: Tensor, nodes: Tensor) -> Tensor:
        """h of some nodes: (rows,) -> (rows, d)."""
        source = self.texts if self.config.text_from == "texts" else table.detach()
        h: Tensor = tower(source.index_select(0, nodes))
        return h

    def _all_keys(self, step: TrainingStep) -> Tensor:
        """Comparable h of every node, (nodes, d)."""
        everyone = torch.arange(len(self.texts), device=self.texts.device)
        text = self._text(self.tower, step.base.table, everyone)
        return comparable(Views(text, text), self.config).text

    def before_training(self, base: BaseModel) -> None:
        if self.teacher is not None:
            self.teacher.equal(base.table, self.tower, self.prototypes)

    def after_step(self, base: BaseModel) -> None:
        if self.teacher is not None:
            self.teacher.follow(base.table, self.tower, self.prototypes)

    def diagnostics(self, step: TrainingStep) -> dict[str, float]:
        """Entropy of the assignments over ln I (1 is uniform), and teacher lag, 1 - mean cos(p, p')."""
        if step.rows is None or step.propagated.layers is None:
            return {}
        num_users, layers = len(step.rows.users), step.propagated.layers
        found = {"assignment_entropy": self._mean_entropy(layers, num_users)}
        if self.teacher is not None:
            taught = step.base.propagate(step.graph.full, self.teacher.table, layer_rows=step.rows.nodes).layers
            pair = [
                unit_rows(self._interaction(of, num_users, prototypes))
                for of, prototypes in ((layers, self.prototypes), (taught, self.teacher.prototypes))
            ]
            found["teacher_lag"] = 1.0 - float((pair[0] * pair[1]).sum(dim=1).mean())
        return found

    def _mean_entropy(self, layers: Tensor, num_users: int) -> float:
        """Over layers and rows, each side by its own prototypes; 1 where all prototypes are used alike."""
        sides = ((layers[:, :num_users], self.prototypes.users), (layers[:, num_users:], self.prototypes.items))
        shares = [assignment(rows, z, self.config.prototype_temperature).flatten(0, 1) for rows, z in sides]
        entropy = torch.special.entr(torch.cat(shares)).sum(dim=1).mean()
        return float(entropy) / math.log(max(2, self.config.num_prototypes))

    def change_final(self, step: TrainingStep) -> tuple[Tensor, Batch]:
        """With `score_fusion`, the base's loss sees x + beta_p·p + beta_h·h on the rows of the batch."""
        final, batch = super().change_final(step)
        return (final if self.beta_p is None else self._fused(final, self._views(step)[0])), batch

    def change_scored(self, final: Tensor, layers: Tensor | None) -> Tensor:
        """The same fusion for all nodes."""
        if self.beta_p is None or layers is None:
            return final
        everyone = torch.arange(len(final), device=final.device)
        texts = [self._text(self.tower, layers[0], nodes) for nodes in torch.split(everyone, SCORING_ROWS)]
        return self._fused(final, Views(self._interaction(layers, self.num_users, self.prototypes), torch.cat(texts)))

    def _fused(self, final: Tensor, views: Views) -> Tensor:
        fused = final if self.beta_p is None else final + self.beta_p * views.interaction
        return fused if self.beta_h is None else fused + self.beta_h * views.text
