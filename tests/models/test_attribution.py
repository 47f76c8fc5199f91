"""A split score adds up, and each share is what the score loses without that history item's edge to the user."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from models.attribution import attribute
from models.bases import BaseConfig, LightGCNConfig, PolyCFConfig, PolyCFEmbeddingConfig, PolyCFSignalConfig
from models.bases.signal_filter import SignalFilter
from models.graph import BipartiteGraph
from models.training.config import RunConfig, TrainingConfig
from models.training.data import TrainingData
from models.training.fit import fit
from models.training.fitted import FittedModel
from tests.models.strategies import random_interactions
from tests.reference import graph_models as reference

pytestmark = pytest.mark.unit

TRAIN = random_interactions(9, 7, 0.4, 0)


@pytest.mark.parametrize("combine", ["sum", "mean", "last"])
def test_shares_of_the_history_and_the_users_own_row_add_up_to_the_score(combine: str) -> None:
    config = LightGCNConfig.model_validate({"dim": 4, "num_layers": 2, "combine": combine})
    training = TrainingConfig(batch_size=8, learning_rate=0.05, max_epochs=5, evaluate_every=0)
    model = fit(TrainingData(TRAIN, sp.csr_matrix(TRAIN.shape)), config, None, training, RunConfig(threads=1))
    for user in range(9):
        found = attribute(model, TRAIN, user, 3)
        assert found is not None
        assert found.score == pytest.approx(float(model.score(np.array([user]))[0, 3]), abs=1e-6)
        assert found.own + found.shares.sum() == pytest.approx(found.score, abs=1e-5)
        assert found.rest == pytest.approx(0.0, abs=1e-5)
        assert found.history.tolist() == TRAIN[user].indices.tolist()


def test_a_share_is_the_flow_through_that_edge() -> None:
    training = TrainingConfig(batch_size=8, learning_rate=0.05, max_epochs=5, evaluate_every=0)
    config = LightGCNConfig(dim=4, num_layers=3)
    model = fit(TrainingData(TRAIN, sp.csr_matrix(TRAIN.shape)), config, None, training, RunConfig(threads=1))
    adjacency = BipartiteGraph(TRAIN).full.matrix.whole.to_dense().double().numpy()
    layers = reference.layers(adjacency, model.parameters["base.table"].double().numpy(), 3)
    user, item = 2, 5
    found = attribute(model, TRAIN, user, item)
    assert found is not None
    target = model.final["items"][item].double().numpy()
    for share, neighbour in zip(found.shares, TRAIN[user].indices, strict=True):
        through = adjacency[user, 9 + neighbour] * sum(layer[9 + neighbour] for layer in layers[:-1])
        assert share == pytest.approx(through @ target, abs=1e-5)


def fitted(config: BaseConfig) -> FittedModel:
    training = TrainingConfig(batch_size=8, learning_rate=0.05, max_epochs=5, evaluate_every=0)
    return fit(TrainingData(TRAIN, sp.csr_matrix(TRAIN.shape)), config, None, training, RunConfig(threads=1))


@pytest.mark.parametrize("config", [PolyCFSignalConfig(), PolyCFConfig(dim=4)], ids=lambda config: config.name)
def test_a_filters_score_is_shared_among_the_history_and_the_rest_is_the_embeddings(config: BaseConfig) -> None:
    model = fitted(config)
    embedded = (model.final["users"] @ model.final["items"].T).numpy() if config.dim else np.zeros((9, 7))
    for user in range(9):
        found = attribute(model, TRAIN, user, 3)
        assert found is not None
        assert found.own == pytest.approx(embedded[user, 3], abs=1e-5)
        assert found.rest == pytest.approx(0.0, abs=1e-4)
        assert found.history.tolist() == TRAIN[user].indices.tolist()


def test_a_filters_share_is_what_the_score_loses_without_that_item_in_the_signal() -> None:
    model = fitted(PolyCFSignalConfig())
    filters = SignalFilter.from_tensors(model.final)
    found = attribute(model, TRAIN, 2, 5)
    assert found is not None
    for share, item in zip(found.shares, found.history, strict=True):
        without = filters.signals(torch.tensor([2]))
        without[item] = 0.0
        assert share == pytest.approx(found.score - float(filters.respond(without)[5, 0]), abs=1e-4)


def test_a_base_that_knows_no_split_says_so() -> None:
    assert attribute(fitted(PolyCFEmbeddingConfig(dim=4)), TRAIN, 2, 5) is None
