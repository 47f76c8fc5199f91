"""The training step against one built by hand, and the independence of the random streams."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from models.bases import LightGCNConfig
from models.bases.contract import Term
from models.errors import LmmrecError
from models.training.config import RunConfig, TrainingConfig
from models.training.data import TrainingData
from models.training.streams import numpy_stream, torch_stream
from models.training.trainer import Trainer, weighted_sum
from tests.models.strategies import random_interactions
from tests.reference import graph_models as reference

pytestmark = pytest.mark.unit

TRAIN = random_interactions(10, 8, 0.3, 0)
DATA = TrainingData(TRAIN, sp.csr_matrix(TRAIN.shape))


def trainer(config: LightGCNConfig, **training: float) -> Trainer:
    return Trainer(
        DATA, config, None, TrainingConfig.model_validate({"batch_size": 8, **training}), RunConfig(threads=1)
    )


def gradient_by_hand(
    table: np.ndarray, forward: np.ndarray, backward: np.ndarray, batch: tuple[np.ndarray, ...], l2: float
) -> np.ndarray:
    """d [BPR + l2·‖E‖²] / dE with K = 2, written out; `forward` and `backward` are dense adjacencies."""
    final = sum(reference.layers(forward, table, 2))
    of_final = np.zeros_like(table)
    for u, i, j in zip(*batch, strict=True):
        slope = 1.0 / (1.0 + np.exp(final[u] @ final[i] - final[u] @ final[j])) / len(batch[0])
        of_final[u] += slope * (final[j] - final[i])
        of_final[i] -= slope * final[u]
        of_final[j] += slope * final[u]
    return np.asarray(of_final + backward @ of_final + backward @ backward @ of_final + 2.0 * l2 * table)


def test_three_optimiser_steps_on_a_dropped_graph_equal_hand_built_ones() -> None:
    """Fails if zero_grad is missing, if the backward pass forgets the transpose, or if L2 is scaled otherwise."""
    config = LightGCNConfig(dim=4, num_layers=2, keep_prob=0.7, l2=1e-2)
    model = trainer(config, learning_rate=0.05)
    table = model.base.table.detach().double().numpy().copy()
    same_drops = numpy_stream(2023, "edge-dropout")
    first, second = np.zeros_like(table), np.zeros_like(table)
    for step, batch in enumerate(list(model.sampler.epoch(torch.device("cpu")))[:3], start=1):
        dropped = model.graph.drop_edges(0.7, same_drops)
        forward, backward = (matrix.whole.to_dense().double().numpy() for matrix in dropped)
        gradient = gradient_by_hand(table, forward, backward, tuple(rows.numpy() for rows in batch), 1e-2)
        table, first, second = reference.adam_step(table, gradient, first, second, step, 0.05)
        model.run_step(batch, 0.0)
    np.testing.assert_allclose(model.base.table.detach(), table, atol=2e-5)


def test_one_batch_can_be_learned_by_heart() -> None:
    model = trainer(LightGCNConfig(dim=16, keep_prob=1.0, l2=0.0), learning_rate=0.05)
    batch = next(model.sampler.epoch(torch.device("cpu")))
    for _ in range(300):
        terms = model.run_step(batch, 0.0)
    assert terms["bpr"].value.item() < 1e-3


def test_the_reported_l2_is_the_weight_times_the_squared_norm() -> None:
    model = trainer(LightGCNConfig(dim=4, l2=0.5))
    losses = model.run_epoch(0)
    assert losses["l2"] == pytest.approx(0.5 * float(model.base.table.detach().square().sum()))


def test_a_loss_is_the_weighted_sum_of_its_terms() -> None:
    terms = {"a": Term(1.0, torch.tensor(2.0)), "b": Term(0.5, torch.tensor(3.0))}
    assert weighted_sum(terms).item() == 2.0 + 0.5 * 3.0
    with pytest.raises(ValueError, match="without any loss term"):
        weighted_sum({})


def test_training_that_blows_up_stops_with_the_name_of_the_tensor() -> None:
    model = trainer(LightGCNConfig(dim=4))
    with torch.no_grad():
        model.base.table[0, 0] = float("nan")
    with pytest.raises(LmmrecError, match=r"epoch 7: 'base\.table' is not finite any more; lower learning_rate"):
        model.run_epoch(7)


@pytest.mark.parametrize(("name", "message"), [("cuda:99", "torch sees"), ("gpu", "there is no device 'gpu'")])
def test_a_device_that_is_not_there_is_refused(name: str, message: str) -> None:
    with pytest.raises(LmmrecError, match=message):
        Trainer(DATA, LightGCNConfig(), None, TrainingConfig(), RunConfig(device=name))


def test_streams_depend_on_seed_and_name_and_on_nothing_else() -> None:
    draws = {
        (seed, name): numpy_stream(seed, name).integers(0, 2**60)
        for seed in (1, 2)
        for name in ("sampler", "edge-dropout")
    }
    assert len(set(draws.values())) == len(draws)
    assert numpy_stream(1, "sampler").integers(0, 2**60) == draws[1, "sampler"]
    weights = [
        torch.rand(3, generator=torch_stream(seed, name)) for seed, name in ((1, "a"), (1, "a"), (1, "b"), (2, "a"))
    ]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert not torch.equal(weights[0], weights[3])
