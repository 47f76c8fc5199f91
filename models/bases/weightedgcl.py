"""WeightedGCL (Xu et al., SIGIR 2025) and, by its settings, SimGCL (Yu et al., SIGIR 2022): LightGCN plus a contrast.

Two randomly perturbed passes give two views of each node of the batch, which must agree. Noise does not depend on the
weights (only on signs), so that a view is the clean pass plus a constant: one propagation is differentiated, not three.
Details, sources and what differs from the published code: docs/method.md.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from models.bases.config import WeightedGCLConfig
from models.bases.contract import BaseModel, Batch, Term, TrainingStep, xavier_uniform
from models.graph import Adjacency, BipartiteGraph, Propagated, propagate
from models.losses import info_nce, unit_rows


class WeightedGCL(BaseModel):
    """BPR and lambda_cl·(contrast of users + contrast of positive items); `config` says which layers make x."""

    reads_layers = True

    def __init__(self, config: WeightedGCLConfig, num_users: int, num_items: int, rng: torch.Generator) -> None:
        super().__init__(config, num_users, num_items, rng)
        self.config = config
        self.layer_weights = layer_weights(config)
        self.excitation = Excitation(config.dim, rng) if config.excitation else None

    def step_adjacency(self, graph: BipartiteGraph, rng: np.random.Generator) -> Adjacency:
        return graph.drop_edges(self.config.keep_prob, rng)

    def propagate(self, adjacency: Adjacency, table: Tensor, layer_rows: Tensor | None = None) -> Propagated:
        return propagate(adjacency, table, self.layer_weights, layer_rows)

    def loss(self, step: TrainingStep, final: Tensor, batch: Batch) -> dict[str, Term]:
        terms = super().loss(step, final, batch)
        if self.config.contrast_weight > 0.0:
            terms["contrast"] = Term(self.config.contrast_weight, self._contrast(step))
        if self.config.ego_norm > 0.0:
            terms["ego_norm"] = Term(self.config.ego_norm, ego_norm(self.table, step.batch))
        return terms

    def _contrast(self, step: TrainingStep) -> Tensor:
        """Distinct users and distinct positive items of the batch: InfoNCE between their two views."""
        rows = step.rows_read
        positives = torch.unique(rows.positions.positives)
        views = [self._view(step) for _ in range(2)]
        temperature = self.config.contrast_temperature
        num_users = len(rows.users)
        of_users = info_nce(views[0][:num_users], views[1][:num_users], temperature)
        return of_users + info_nce(views[0][positives], views[1][positives], temperature)

    def _view(self, step: TrainingStep) -> Tensor:
        """(rows, d) perturbed, weighed feature by feature, at unit length."""
        view = step.propagated.final + self._perturbation(step)
        return unit_rows(view if self.excitation is None else self.excitation(view) * view)

    @torch.no_grad()
    def _perturbation(self, step: TrainingStep) -> Tensor:
        """(rows, d): what the noise adds to the clean pass on the rows of the batch."""
        assert step.propagated.layers is not None
        if self.config.noise_layers == "last":
            return self.layer_weights[-1] * signed_noise(step.propagated.layers[-1], self.config.noise, step.noise)
        rows = step.rows_read.nodes
        layer, noisy = step.table.detach(), self.layer_weights[0] * step.table.index_select(0, rows)
        for weight in self.layer_weights[1:]:
            layer = step.adjacency.matrix @ layer
            layer.add_(signed_noise(layer, self.config.noise, step.noise))
            noisy.add_(layer.index_select(0, rows), alpha=weight)
        return noisy - step.propagated.final


class Excitation(nn.Module):
    """w = sigmoid(W3(W2(W1 q))), q the mean of a row's features; widths 1, d/16, d/4, d, no activation in between."""

    def __init__(self, dim: int, rng: torch.Generator) -> None:
        super().__init__()
        widths = [1, max(1, dim // 16), max(1, dim // 4), dim]
        self.weights = nn.ParameterList(xavier_uniform(wide, narrow, rng) for narrow, wide in pairwise(widths))
        self.biases = nn.ParameterList(torch.zeros(width) for width in widths[1:])

    def layers(self) -> list[tuple[Tensor, Tensor]]:
        """(weight, bias) of W1, W2, W3."""
        return list(zip(self.weights, self.biases, strict=True))

    def forward(self, view: Tensor) -> Tensor:
        """(rows, d) -> (rows, d) weights in (0, 1)."""
        excited = view.mean(dim=1, keepdim=True)  # q (rows, 1)
        for weight, bias in self.layers():
            excited = functional.linear(excited, weight, bias)
        return torch.sigmoid(excited)


def signed_noise(rows: Tensor, length: float, rng: np.random.Generator) -> Tensor:
    """sign(x) * u / ‖u‖ * epsilon with u uniform in [0, 1)^d, one draw a row: (rows, d) -> (rows, d)."""
    drawn = rng.integers(1 << 16, size=tuple(rows.shape), dtype=np.uint16).astype(np.float32)  # a scale cancels
    noise = functional.normalize(torch.from_numpy(drawn).to(rows.device), dim=1)
    return noise.mul_(length).mul_(rows.sign())


def ego_norm(table: Tensor, batch: Batch) -> Tensor:
    """(‖E_u‖_F + ‖E_i+‖_F + ‖E_i-‖_F) / B over the ID rows of the triples, norms not squared (RecBole's EmbLoss)."""
    return torch.stack([table.index_select(0, rows).norm() for rows in batch]).sum() / len(batch.users)


def layer_weights(config: WeightedGCLConfig) -> tuple[float, ...]:
    """One weight per layer k = 0 … K.

    >>> layer_weights(WeightedGCLConfig(num_layers=2, ids_in_mean=False, combine="mean"))
    (0.0, 0.5, 0.5)
    """
    counted = config.num_layers + config.ids_in_mean
    each = 1.0 if config.combine == "sum" else 1.0 / counted
    return (each if config.ids_in_mean else 0.0, *(each,) * config.num_layers)
