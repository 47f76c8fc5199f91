"""UIST: its score against the slow twin, in training and where it is served, and what the settings turn off."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models.attribution import attribute
from models.bases.contract import Batch
from models.enhancers import UISTConfig
from models.enhancers.uist import UIST
from models.training import checkpoint
from models.training.trainer import Trainer
from tests.models.enhancers.small import (
    BASE,
    ITEMS,
    TRAIN,
    USERS,
    propagated_by_hand,
    some_batch,
    trained,
    trainer,
)
from tests.models.enhancers.test_rlmrec import TestRLMRecCon as CommonSuite
from tests.reference import uist as reference

pytestmark = pytest.mark.unit

CONFIG = UISTConfig(levels=2, codes=4)


class TestUIST(CommonSuite):
    """The common suite."""

    config = UISTConfig(codes=4)


def after_some_steps(config: UISTConfig) -> tuple[Trainer, UIST, Batch]:
    model = trainer(config)
    batch = some_batch(model)
    for _ in range(3):
        model.run_step(batch, 1.0)
    assert isinstance(model.enhancer, UIST)
    return model, model.enhancer, batch


def levels_by_hand(model: Trainer, enhancer: UIST) -> list[np.ndarray]:
    """x^(a) of all nodes, a = 0 … L."""
    tables = [tokens.detach().double().numpy() for tokens in enhancer.tokens]
    ids = model.base.table.detach().double().numpy()
    rows = [reference.level_rows(ids[node], enhancer.codes[node].tolist(), tables) for node in range(USERS + ITEMS)]
    return [propagated_by_hand(model, torch.tensor(np.array(level))) for level in zip(*rows, strict=True)]


def test_scores_are_the_slow_mixture_of_all_pairs_of_levels() -> None:
    model, enhancer, _ = after_some_steps(CONFIG)
    levels, weights = levels_by_hand(model, enhancer), enhancer.weights().detach().double().numpy()
    tensors = model.final_tensors()
    found = (tensors["users"] @ tensors["items"].T).numpy()
    for user, item in np.ndindex(USERS, ITEMS):
        expected = reference.score([x[user] for x in levels], [x[USERS + item] for x in levels], weights)
        assert found[user, item] == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_the_bases_loss_sees_the_same_scores() -> None:
    model, enhancer, batch = after_some_steps(CONFIG)
    step = model.step(batch, 1.0, model.graph.full, model.noise_rng)
    final, rows = enhancer.change_final(step)
    tensors = model.final_tensors()
    of_pairs = (final[rows.users] * final[rows.positives]).sum(dim=1)
    expected = (tensors["users"][batch.users] * tensors["items"][batch.positives - USERS]).sum(dim=1)
    torch.testing.assert_close(of_pairs, expected, rtol=1e-4, atol=1e-5)


def test_the_mixture_starts_with_its_weight_outside_the_ids_and_learns_every_part() -> None:
    model = trainer(CONFIG)
    assert isinstance(model.enhancer, UIST)
    weights = model.enhancer.weights()
    assert float(weights[0, 0].detach()) == pytest.approx(0.9)
    assert float(weights.detach().sum()) == pytest.approx(1.0)
    model.run_step(some_batch(model), 1.0)
    assert all(weight.grad is not None and bool(weight.grad.abs().sum() > 0) for _, weight in model.named_parameters())


def test_with_the_last_levels_alone_scores_are_their_product_and_rows_as_wide_as_the_bases() -> None:
    model, enhancer, _ = after_some_steps(CONFIG.model_copy(update={"score": "last"}))
    finest = levels_by_hand(model, enhancer)[-1]
    tensors = model.final_tensors()
    assert tensors["users"].shape == (USERS, BASE.dim)
    np.testing.assert_allclose(torch.cat([tensors["users"], tensors["items"]]), finest, atol=1e-5)


def test_a_checkpoint_of_wide_rows_comes_back_and_its_scores_still_split(tmp_path: Path) -> None:
    model = trained(CONFIG)
    checkpoint.save(model, tmp_path, [f"u{n}" for n in range(USERS)], [f"i{n}" for n in range(ITEMS)])
    loaded = checkpoint.load(tmp_path)
    np.testing.assert_array_equal(loaded.score(np.arange(USERS)), model.score(np.arange(USERS)))
    split = attribute(loaded, TRAIN, 0, 1)
    assert split is not None
    assert split.own + split.rest + split.shares.sum() == pytest.approx(split.score, rel=1e-5)
