"""The hooks: each one alone reaches the place that it names, and an enhancer that does nothing changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch import Tensor

from models.bases import LightGCNConfig, SimGCLConfig
from models.bases.contract import BaseModel, Batch, Term, TrainingStep
from models.bases.weightedgcl import WeightedGCL
from models.enhancers.contract import Enhancer
from models.graph import BipartiteGraph
from models.training.config import RunConfig, TrainingConfig
from models.training.data import TrainingData
from models.training.trainer import Trainer
from tests.models.strategies import random_interactions

pytestmark = pytest.mark.unit

TRAIN = random_interactions(6, 5, 0.4, 0)


def trainer(enhancer: Enhancer | None = None) -> Trainer:
    data = TrainingData(TRAIN, sp.csr_matrix(TRAIN.shape))
    model = Trainer(data, LightGCNConfig(dim=4), None, TrainingConfig(batch_size=4), RunConfig(threads=1))
    if enhancer is not None:
        model.enhancer = enhancer
        model.graph = enhancer.change_graph(model.graph)
    return model


class EmptyGraph(Enhancer):
    def change_graph(self, graph: BipartiteGraph) -> BipartiteGraph:
        first_only = sp.csr_matrix(([1.0], ([0], [0])), shape=TRAIN.shape)
        return BipartiteGraph(first_only)


class Doubled(Enhancer):
    def change_table(self, table: Tensor, noise: np.random.Generator | None) -> Tensor:
        return 2.0 * table


class Pull(Enhancer):
    calls = 0

    def auxiliary_loss(self, step: TrainingStep) -> dict[str, Term]:
        return {"pull": Term(0.5, step.propagated.final.square().sum())}

    def after_step(self, base: BaseModel) -> None:
        self.calls += 1


class Shifted(Enhancer):
    def change_final(self, step: TrainingStep) -> tuple[Tensor, Batch]:
        return torch.zeros_like(step.propagated.final, requires_grad=True) + step.propagated.final * 0.0, step.batch

    def change_scored(self, final: Tensor, layers: Tensor | None) -> Tensor:
        return final + 1.0


def test_an_enhancer_that_does_nothing_changes_no_bit() -> None:
    plain, beside = trainer(), trainer(Enhancer())
    assert plain.run_epoch(0) == beside.run_epoch(0)
    assert torch.equal(plain.base.table, beside.base.table)


def test_the_graph_can_be_changed() -> None:
    isolated = trainer(EmptyGraph())
    users = isolated.final_tensors()["users"]
    torch.testing.assert_close(users[1:], isolated.base.table.detach()[1:6])


def test_the_table_can_be_changed_before_propagation() -> None:
    torch.testing.assert_close(trainer(Doubled()).final_tensors()["items"], 2.0 * trainer().final_tensors()["items"])


def test_an_auxiliary_loss_is_added_with_its_weight_and_the_step_is_told() -> None:
    enhancer = Pull()
    model = trainer(enhancer)
    assert model.run_epoch(0).keys() == {"bpr", "pull", "l2"}
    assert enhancer.calls == model.sampler.num_batches


def test_what_the_base_learns_from_and_scores_with_can_be_changed() -> None:
    model = trainer(Shifted())
    assert model.run_epoch(0)["bpr"] == pytest.approx(np.log(2))
    torch.testing.assert_close(model.final_tensors()["users"] - 1.0, trainer_like(model).final_tensors()["users"])


def trainer_like(model: Trainer) -> Trainer:
    """A bare trainer with the same weights."""
    bare = trainer()
    bare.restore({name: value for name, value in model.weights().items() if name == "base.table"})
    return bare


def test_a_base_that_perturbs_every_layer_starts_from_the_table_that_entered_propagation() -> None:
    data, training = TrainingData(TRAIN, sp.csr_matrix(TRAIN.shape)), TrainingConfig(batch_size=4)
    model = Trainer(data, SimGCLConfig(dim=4, noise=1e-9), None, training, RunConfig(threads=1))
    model.enhancer = Doubled()
    step = model.step(next(model.sampler.epoch(model.device)), 0.0, model.graph.full, model.noise_rng)
    assert isinstance(model.base, WeightedGCL)
    torch.testing.assert_close(model.base._perturbation(step), torch.zeros_like(step.propagated.final))
