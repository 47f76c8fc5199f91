"""WeightedGCL and SimGCL: the common suite, their passes against slow twins, and the laws of the degenerate cases."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from models.bases import SimGCLConfig, WeightedGCLConfig
from models.bases.config import PUBLISHED_WEIGHTEDGCL
from models.bases.contract import Batch, TrainingStep, distinct_rows
from models.bases.weightedgcl import Excitation, WeightedGCL, ego_norm, layer_weights, signed_noise
from models.training.config import RunConfig, TrainingConfig
from models.training.data import TrainingData
from models.training.fit import fit
from models.training.fitted import FittedModel
from models.training.trainer import Trainer
from tests.models.behaviour import RankerBehaviour
from tests.models.strategies import random_interactions
from tests.reference import weightedgcl as reference

pytestmark = pytest.mark.unit

USERS, ITEMS = 12, 9
TRAIN = random_interactions(USERS, ITEMS, 0.3, 0)
DATA = TrainingData(TRAIN, sp.csr_matrix(TRAIN.shape))
QUICK = TrainingConfig(batch_size=64, learning_rate=0.02, max_epochs=60, evaluate_every=0)
SMALL = TrainingConfig(batch_size=16)


class TestWeightedGCL(RankerBehaviour):
    def fitted(self, train: sp.csr_matrix) -> FittedModel:
        data = TrainingData(train, sp.csr_matrix(train.shape))
        return fit(data, WeightedGCLConfig(dim=16, contrast_weight=0.01, l2=1e-3), None, QUICK, RunConfig(threads=1))


class TestSimGCL(RankerBehaviour):
    def fitted(self, train: sp.csr_matrix) -> FittedModel:
        data = TrainingData(train, sp.csr_matrix(train.shape))
        return fit(
            data, SimGCLConfig(dim=16, noise=0.1, contrast_weight=0.01, l2=1e-3), None, QUICK, RunConfig(threads=1)
        )


def trainer(config: WeightedGCLConfig) -> Trainer:
    return Trainer(DATA, config, None, SMALL, RunConfig(threads=1))


def model_of(run: Trainer) -> WeightedGCL:
    assert isinstance(run.base, WeightedGCL)
    return run.base


def step_of(run: Trainer, batch: Batch, noise_seed: int = 5) -> TrainingStep:
    rows = distinct_rows(batch)
    propagated = run.base.propagate(run.graph.full, run.base.table, rows.nodes)
    noise = np.random.default_rng(noise_seed)
    return TrainingStep(run.base, run.graph, batch, rows, run.graph.full, propagated, 0.0, noise)


def loss_of(run: Trainer, batch: Batch, noise_seed: int = 5) -> dict[str, float]:
    step = step_of(run, batch, noise_seed)
    terms = run.base.loss(step, *run.enhancer.change_final(step))
    return {name: term.value.item() for name, term in terms.items()}


def some_batch(run: Trainer) -> Batch:
    return next(run.sampler.epoch(torch.device("cpu")))


PUBLISHED = PUBLISHED_WEIGHTEDGCL.model_copy(update={"dim": 16})


@pytest.mark.parametrize("config", [PUBLISHED, PUBLISHED.model_copy(update={"num_layers": 3, "noise": 0.5})])
def test_the_contrast_is_that_of_two_whole_noisy_passes(config: WeightedGCLConfig) -> None:
    """One differentiated pass plus a constant is the same as passing twice through the whole graph with noise."""
    run = trainer(config)
    batch = some_batch(run)
    rows, rng = distinct_rows(batch), np.random.default_rng(5)
    adjacency, table = run.graph.full.matrix.whole.to_dense().double().numpy(), run.base.table.detach().double().numpy()
    noises = [rng.integers(1 << 16, size=(len(rows.nodes), 16), dtype=np.uint16) for _ in range(2)]
    views = [
        reference.weightedgcl_view(adjacency, table, config.num_layers, config.noise, rows.nodes.tolist(), noise)
        for noise in noises
    ]
    excitation = model_of(run).excitation
    assert excitation is not None
    weights = [(w.detach().double().numpy(), b.detach().double().numpy()) for w, b in excitation.layers()]
    views = [np.array([reference.excitation(row, weights) * row for row in view]) for view in views]
    users = list(range(len(rows.users)))
    positives = sorted({rows.nodes.tolist().index(node) for node in batch.positives.tolist()})
    expected = sum(reference.info_nce(views[0][role], views[1][role], 0.2) for role in (users, positives))
    assert loss_of(run, batch)["contrast"] == pytest.approx(expected, rel=1e-4)


def test_simgcl_adds_noise_after_each_layer_and_sums_them_all() -> None:
    config = SimGCLConfig(dim=16, num_layers=2)
    run = trainer(config)
    batch = some_batch(run)
    rows, rng = distinct_rows(batch), np.random.default_rng(5)
    adjacency, table = run.graph.full.matrix.whole.to_dense().double().numpy(), run.base.table.detach().double().numpy()
    views = []
    for _ in range(2):
        noises = [rng.integers(1 << 16, size=(USERS + ITEMS, 16), dtype=np.uint16) for _ in range(2)]
        views.append(reference.simgcl_pass(adjacency, table, 0.9, noises)[rows.nodes.numpy()])
    users = list(range(len(rows.users)))
    positives = sorted({rows.nodes.tolist().index(node) for node in batch.positives.tolist()})
    expected = sum(reference.info_nce(views[0][role], views[1][role], 0.2) for role in (users, positives))
    assert loss_of(run, batch)["contrast"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("config", [WeightedGCLConfig(dim=16, noise=0.0), SimGCLConfig(dim=16, noise=0.0)])
def test_without_noise_both_views_coincide(config: WeightedGCLConfig) -> None:
    run = trainer(config)
    batch = some_batch(run)
    assert loss_of(run, batch, noise_seed=1) == loss_of(run, batch, noise_seed=2)
    step = step_of(run, batch)
    assert torch.equal(model_of(run)._view(step), model_of(run)._view(step))


def test_the_gradient_is_that_of_the_noisy_pass() -> None:
    """The perturbation is a constant: the gradient of a view is the gradient of the clean pass at the noisy point."""
    run = trainer(SimGCLConfig(dim=8, num_layers=2, contrast_weight=1.0))
    batch = some_batch(run)
    step = step_of(run, batch)
    contrast = run.base.loss(step, *run.enhancer.change_final(step))["contrast"].value
    (found,) = torch.autograd.grad(contrast, run.base.table)
    adjacency = run.graph.full.matrix.whole.to_dense()
    rows, rng, views = distinct_rows(batch), np.random.default_rng(5), []
    for _ in range(2):
        layer, total = run.base.table, run.base.table
        for _ in range(2):
            layer = adjacency @ layer
            layer = layer + signed_noise(layer.detach(), 0.9, rng)
            total = total + layer
        views.append(torch.nn.functional.normalize(total[rows.nodes], dim=1))
    positives = torch.unique(rows.positions.positives)
    loss = torch.zeros(())
    for role in (torch.arange(len(rows.users)), positives):
        logits = views[0][role] @ views[1][role].T / 0.2
        loss = loss + torch.nn.functional.cross_entropy(logits, torch.arange(len(role)))
    (expected,) = torch.autograd.grad(loss, run.base.table)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-3)


def test_excitation_lies_between_zero_and_one_and_depends_on_the_mean_alone() -> None:
    excitation = Excitation(32, torch.Generator().manual_seed(0))
    assert [tuple(weight.shape) for weight, _ in excitation.layers()] == [(2, 1), (8, 2), (32, 8)]
    rows = 3.0 * torch.randn(7, 32)
    weights = excitation(rows)
    assert bool(((weights > 0) & (weights < 1)).all())
    torch.testing.assert_close(excitation(rows.flip(1)), weights)


def test_noise_has_the_stated_length_and_the_sign_of_the_row() -> None:
    rows = torch.randn(50, 8)
    noise = signed_noise(rows, 0.3, np.random.default_rng(0))
    torch.testing.assert_close(noise.norm(dim=1), torch.full((50,), 0.3))
    assert bool((noise * rows >= 0).all())


def test_the_ego_norm_is_not_squared_and_counts_repeated_rows() -> None:
    table = torch.tensor([[3.0, 4.0], [0.0, 2.0]])
    batch = Batch(torch.tensor([0, 0]), torch.tensor([1, 1]), torch.tensor([1, 0]))
    expected = (np.sqrt(50) + np.sqrt(8) + np.sqrt(29)) / 2
    assert float(ego_norm(table, batch)) == pytest.approx(expected)


def test_layers_are_averaged_without_the_ids_and_simgcl_sums_them_all() -> None:
    assert layer_weights(WeightedGCLConfig(num_layers=4, ids_in_mean=False, combine="mean")) == (0.0, *(0.25,) * 4)
    assert layer_weights(SimGCLConfig()) == (1.0, 1.0, 1.0, 1.0)


def test_with_weight_zero_nothing_is_drawn_and_nothing_contrasted() -> None:
    run = trainer(WeightedGCLConfig(dim=8, contrast_weight=0.0, ego_norm=0.0))
    before = run.noise_rng.bit_generator.state
    assert run.run_epoch(0).keys() == {"bpr", "l2"}
    assert str(run.noise_rng.bit_generator.state) == str(before)
