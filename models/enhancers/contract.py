"""What an enhancer is: the four places at which it may reach into any base model (docs/models.md).

It may (a) change the graph, (b) add to the embeddings before or after propagation, (c) add an auxiliary loss, (d) change
what is scored with. Each hook does nothing by default. Loop, sampler and evaluator are the base's own: a base and its
enhanced version differ in the enhancer alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor, nn

from models.bases.contract import BaseModel, Batch, BatchRows, Term, TrainingStep
from models.graph import BipartiteGraph


class Host(NamedTuple):
    """What an enhancer is attached to; as a tuple, so that the base's weights are not counted as the enhancer's own."""

    base: BaseModel
    graph: BipartiteGraph


class Enhancer(nn.Module):
    """Base class; its parameters are trained together with the base's."""

    reads_layers: bool = False
    """True where a hook of the training step reads `TrainingStep.rows` and the layers of these rows."""
    scores_with_layers: bool = False
    """True where `change_scored` reads the layers of all nodes."""
    l2: float | None = None
    """Weight of ‖Θ‖² over all parameters, the base's among them; None keeps the base's."""

    def change_graph(self, graph: BipartiteGraph) -> BipartiteGraph:
        """(a) The graph that is trained and scored with; called once."""
        return graph

    def attach(self, host: Host) -> None:
        """Called once before the first step, for what needs the base or its graph outside of a step."""

    def change_table(self, table: Tensor, noise: np.random.Generator | None) -> Tensor:
        """(b) The ID rows (nodes, d) that enter propagation; `noise` is the step's stream, None where it is scored."""
        return table

    def beside_forward(self, rows: BatchRows, epochs_done: float) -> Callable[[], Any] | None:
        """What a step needs that waits for nothing of its forward pass and has no gradient: `TrainingStep.beside` gives its
        result. It may run in another thread meanwhile, so that it changes nothing and draws nothing at random."""
        return None

    def change_final(self, step: TrainingStep) -> tuple[Tensor, Batch]:
        """(b) What the base's loss sees, and the batch as rows of it."""
        return step.propagated.final, step.positions

    def auxiliary_loss(self, step: TrainingStep) -> dict[str, Term]:
        """(c) Further terms of the loss."""
        return {}

    def before_training(self, base: BaseModel) -> None:
        """Called once before the first step, where weights of an earlier model took the place of the fresh ones."""

    def after_step(self, base: BaseModel) -> None:
        """Called after each optimiser step."""

    def diagnostics(self, step: TrainingStep) -> dict[str, float]:
        """Numbers that show whether this enhancer does what it is meant to; called without gradients."""
        return {}

    def change_scored(self, final: Tensor, layers: Tensor | None) -> Tensor:
        """(d) The table (nodes, d) that is scored with; `layers` (K + 1, nodes, d) where `scores_with_layers`."""
        return final
