"""ONCE: what enters the ID rows and the graph, against slow twins, and that its edges are no train pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from models.enhancers import ONCEConfig
from models.enhancers.once import ONCE, described_items
from models.training.trainer import Trainer
from tests.models.enhancers.small import TEXTS, TRAIN, USERS, numpy_of, some_batch, trainer
from tests.models.enhancers.test_rlmrec import TestRLMRecCon as CommonSuite
from tests.models.strategies import random_interactions
from tests.reference import lmmrec as tower_reference
from tests.reference import once as reference

pytestmark = pytest.mark.unit

CONFIG = ONCEConfig(adapter_width=5, cold_items=3, least_cosine=0.2)


class TestONCE(CommonSuite):
    """The common suite."""

    config = ONCEConfig()


def once_of(model: Trainer) -> ONCE:
    assert isinstance(model.enhancer, ONCE)
    return model.enhancer


def edges_by_hand(config: ONCEConfig) -> np.ndarray:
    """Train pairs as 1, and the edges of cold users with their weight."""
    weights = TRAIN.toarray().astype(np.float64)
    for user, row in enumerate(TRAIN.toarray()):
        if row.sum() <= config.cold_items:
            history = set(np.flatnonzero(row).tolist())
            item = reference.described_item(TEXTS[user], TEXTS[USERS:], history, config.least_cosine)
            if item is not None:
                weights[user, item] = config.edge_weight
    return weights


@pytest.mark.parametrize("most", [0, 2, 5])
@pytest.mark.parametrize("least_cosine", [-1.0, 0.1, 0.9])
def test_cold_users_get_the_nearest_item_outside_their_history(most: int, least_cosine: float) -> None:
    rng = np.random.default_rng(most)
    users, items = (rng.standard_normal((rows, 4)).astype(np.float32) for rows in (25, 12))
    train = random_interactions(25, 12, 0.2, most)
    found = described_items(torch.from_numpy(users), torch.from_numpy(items), train, most, least_cosine)
    for user, row in enumerate(train.toarray()):
        history = set(np.flatnonzero(row).tolist())
        expected = None
        if len(history) <= most:
            expected = reference.described_item(users[user], items, history, least_cosine)
        assert found[user].indices.tolist() == ([] if expected is None else [expected])


def test_what_is_scored_with_is_the_base_over_enriched_rows_and_the_wider_graph() -> None:
    model = trainer(CONFIG)
    for _ in range(3):
        model.run_step(some_batch(model), 1.0)
    rows = model.base.table.detach().double().numpy().copy()
    for node, text in enumerate(TEXTS.astype(np.float64)):
        tower = once_of(model).of_users if node < USERS else once_of(model).of_items
        weights: list[Any] = [tower.weight_1, tower.bias_1, tower.weight_2, tower.bias_2]
        rows[node] += tower_reference.text_tower(text, *numpy_of(*weights))
    weights_of_pairs = edges_by_hand(CONFIG)
    assert (weights_of_pairs == 0.5).sum() > 0
    adjacency = reference.weighted_adjacency(weights_of_pairs)
    expected = rows + adjacency @ rows + adjacency @ adjacency @ rows
    tensors = model.final_tensors()
    np.testing.assert_allclose(torch.cat([tensors["users"], tensors["items"]]), expected, rtol=1e-4, atol=1e-5)


def test_its_edges_are_no_train_pairs_and_can_be_left_out() -> None:
    model, without = trainer(CONFIG), trainer(CONFIG.model_copy(update={"edges": False}))
    assert (model.graph.edges != TRAIN).nnz == 0
    assert model.graph.num_edges == TRAIN.nnz + once_of(model).num_edges > without.graph.num_edges == TRAIN.nnz
    drawn = {
        (user, item - USERS) for user, item, _ in zip(*(column.tolist() for column in some_batch(model)), strict=True)
    }
    assert all(TRAIN[pair] for pair in drawn)


def test_every_weight_of_both_adapters_learns() -> None:
    model = trainer(CONFIG)
    model.run_step(some_batch(model), 1.0)
    assert all(weight.grad is not None and bool(weight.grad.abs().sum() > 0) for _, weight in model.named_parameters())
