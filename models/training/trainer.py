"""One model in training: builds its parts from named random streams, runs an epoch, and gives what is scored with.

How long to train and which epoch to keep is decided in `fit`. All that changes from step to step lives on a `Trainer`
(parameters, optimiser, teacher, generators), so that saving and resuming (`snapshot`) has one place to look at.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from models.bases import BaseConfig, base_spec
from models.bases.contract import Batch, Term, TrainingStep, distinct_rows
from models.enhancers import EnhancerConfig, enhancer_spec, refuse_mismatch
from models.enhancers.contract import Enhancer, Host
from models.errors import LmmrecError
from models.graph import Adjacency, BipartiteGraph
from models.losses import squared_norm
from models.training.allocator import keep_freed_memory
from models.training.beside import Beside
from models.training.config import RunConfig, TrainingConfig
from models.training.data import TrainingData
from models.training.divergence import refuse_explosion, refuse_non_finite
from models.training.sampler import Sampler
from models.training.streams import numpy_stream, torch_stream


class Trainer:
    """Everything that one training run holds."""

    def __init__(
        self,
        data: TrainingData,
        base: BaseConfig,
        enhancer: EnhancerConfig | None,
        training: TrainingConfig,
        run: RunConfig,
    ) -> None:
        keep_freed_memory()
        if enhancer is not None:
            refuse_mismatch(base, enhancer.name)
        self.seed, self.device = run.seed, usable_device(run.device)
        self.sampler = Sampler(data.train, training.batch_size, numpy_stream(run.seed, "sampler"))
        self.drop_rng = numpy_stream(run.seed, "edge-dropout")
        self.noise_rng = numpy_stream(run.seed, "noise")
        self.beside = Beside(self.device)
        self.base = base_spec(base.name).model()(base, data.num_users, data.num_items, torch_stream(run.seed, "base"))
        self.enhancer = Enhancer()
        if enhancer is not None:
            texts = torch.from_numpy(data.texts()) if enhancer_spec(enhancer.name).needs_text else None
            model = enhancer_spec(enhancer.name).model()
            self.enhancer = model(enhancer, self.base, texts, torch_stream(run.seed, enhancer.name))
        self.base.to(self.device)
        self.enhancer.to(self.device)
        self.graph = self.enhancer.change_graph(BipartiteGraph(data.train, self.device))
        self.base.prepare(self.graph)
        self.enhancer.attach(Host(self.base, self.graph))
        self.l2 = self.base.l2 if self.enhancer.l2 is None else self.enhancer.l2
        self._parameters = [parameter for _, parameter in self.named_parameters()]
        decay = 2.0 * self.l2  # Adam adds weight_decay·θ to the gradient, and 2·l2·θ is the gradient of l2·‖Θ‖²
        self.optimizer = torch.optim.Adam(self._parameters, training.learning_rate, weight_decay=decay, fused=True)
        self.first_losses: dict[str, float] = {}
        """Each loss term in the step in which it first appeared; what `divergence` measures an explosion by."""

    def run_epoch(self, epoch: int) -> dict[str, float]:
        """One pass over all positives; the mean of each loss term over its steps, and `l2` = lambda_Theta·‖Θ‖²."""
        if not self.base.learns_by_steps:
            return {}
        sums: dict[str, Tensor] = {}
        first: dict[str, Tensor] = {}
        counts: dict[str, int] = {}
        num_batches = self.sampler.num_batches
        for number, batch in enumerate(self.sampler.epoch(self.device)):
            for name, term in self.run_step(batch, epoch + number / num_batches).items():
                value = term.value.detach()
                sums[name] = sums[name] + value if name in sums else value
                counts[name] = counts.get(name, 0) + 1
                first.setdefault(name, value)
        losses = {name: float(total) / counts[name] for name, total in sums.items()}
        losses["l2"] = self.l2 * float(squared_norm([parameter for _, parameter in self.named_parameters()]))
        refuse_non_finite(epoch, self.named_parameters(), losses)
        self.first_losses = losses | {name: float(value) for name, value in first.items()} | self.first_losses
        refuse_explosion(epoch, losses, self.first_losses, self.named_parameters())
        return losses

    def run_step(self, batch: Batch, epochs_done: float) -> dict[str, Term]:
        """One optimiser step (docs/method.md); the L2 term is the optimiser's weight decay."""
        terms = self.terms(self.step(batch, epochs_done, None, self.noise_rng))
        for parameter in self._parameters:  # what `zero_grad` does, without its wrappers: a hundredth of a step
            parameter.grad = None
        weighted_sum(terms).backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.enhancer.after_step(self.base)
        return terms

    def step(
        self, batch: Batch, epochs_done: float, adjacency: Adjacency | None, noise: np.random.Generator
    ) -> TrainingStep:
        """The forward pass of one step, without its losses; over the next thinned graph of training where none is given."""
        rows = distinct_rows(batch) if self.base.reads_layers or self.enhancer.reads_layers else None
        work = None if rows is None else self.enhancer.beside_forward(rows, epochs_done)
        beside = None if work is None else self.beside.start(work)
        if adjacency is None:
            adjacency = self.base.step_adjacency(self.graph, self.drop_rng)
        table = self.enhancer.change_table(self.base.table, noise)
        propagated = self.base.propagate(adjacency, table, layer_rows=None if rows is None else rows.nodes)
        changed = None if table is self.base.table else table
        return TrainingStep(
            self.base,
            self.graph,
            batch,
            rows,
            adjacency,
            propagated,
            epochs_done,
            noise,
            changed_table=changed,
            beside=beside,
        )

    def terms(self, step: TrainingStep) -> dict[str, Term]:
        """All terms of the loss but L2, the base's first."""
        try:
            return self.base.loss(step, *self.enhancer.change_final(step)) | self.enhancer.auxiliary_loss(step)
        finally:
            self.beside.join()

    @torch.no_grad()
    def final_tensors(self) -> dict[str, Tensor]:
        """What is scored with now: online weights, whole graph."""
        table = self.enhancer.change_table(self.base.table, None)
        everyone = torch.arange(len(table), device=self.device) if self.enhancer.scores_with_layers else None
        propagated = self.base.propagate(self.graph.full, table, layer_rows=everyone)
        return self.base.final_tensors(self.enhancer.change_scored(propagated.final, propagated.layers))

    def named_parameters(self) -> list[tuple[str, Tensor]]:
        """The trained parameters, `base.…` and `enhancer.…`; never the teacher's."""
        both = [("base", self.base), ("enhancer", self.enhancer)]
        return [
            (f"{prefix}.{name}", parameter)
            for prefix, module in both
            for name, parameter in module.named_parameters()
            if parameter.requires_grad
        ]

    def weights(self) -> dict[str, Tensor]:
        """A copy of the trained parameters."""
        return {name: parameter.detach().clone() for name, parameter in self.named_parameters()}

    @torch.no_grad()
    def restore(self, weights: dict[str, Tensor]) -> None:
        """Puts a copy made by `weights` back."""
        for name, parameter in self.named_parameters():
            parameter.copy_(weights[name])

    def start_from(self, weights: dict[str, Tensor]) -> None:
        """Puts other weights in the place of the fresh ones; call it before the first step."""
        self.restore(weights)
        self.enhancer.before_training(self.base)


def usable_device(name: str) -> torch.device:
    """The device of that name; one that this machine does not have is the user's to mend."""
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise LmmrecError(f"there is no device {name!r}; choose cpu, cuda or cuda:N") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise LmmrecError(f"device {name!r} was asked for, but torch sees {torch.cuda.device_count()} of them; use cpu")
    return device


def weighted_sum(terms: dict[str, Term]) -> Tensor:
    """The loss that is differentiated: sum of weight·value."""
    total: Tensor | None = None
    for weight, value in terms.values():
        part = value if weight == 1.0 else weight * value
        total = part if total is None else total + part
    if total is None:
        raise ValueError("a model without any loss term cannot be trained")
    return total
