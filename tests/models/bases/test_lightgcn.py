"""LightGCN: the common suite, equivariance of its propagation, its layer weights and its settings."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from pydantic import ValidationError

from models.bases import BASES, LightGCNConfig, base_spec
from models.bases.contract import xavier_uniform
from models.bases.lightgcn import LightGCN, layer_weights
from models.errors import LmmrecError
from models.graph import BipartiteGraph
from models.training.config import RunConfig, TrainingConfig
from models.training.data import TrainingData
from models.training.fit import fit
from models.training.fitted import FittedModel
from tests.models.behaviour import RankerBehaviour
from tests.models.strategies import random_interactions

pytestmark = pytest.mark.unit

QUICK = TrainingConfig(batch_size=64, learning_rate=0.02, max_epochs=60, evaluate_every=0)


def fit_quickly(train: sp.csr_matrix, config: LightGCNConfig) -> FittedModel:
    return fit(TrainingData(train, sp.csr_matrix(train.shape)), config, None, QUICK, RunConfig(threads=1))


class TestLightGCN(RankerBehaviour):
    def fitted(self, train: sp.csr_matrix) -> FittedModel:
        return fit_quickly(train, LightGCNConfig(dim=16))


class TestMatrixFactorisation(RankerBehaviour):
    """K = 0 without dropout is BPR-MF."""

    def fitted(self, train: sp.csr_matrix) -> FittedModel:
        return fit_quickly(train, LightGCNConfig(dim=16, num_layers=0, keep_prob=1.0))


@pytest.mark.parametrize("combine", ["sum", "mean", "last"])
def test_renaming_users_and_items_renames_the_scores(combine: str) -> None:
    train, rng = random_interactions(12, 9, 0.3, 0), np.random.default_rng(0)
    users, items = rng.permutation(12), rng.permutation(9)
    config = LightGCNConfig.model_validate({"dim": 8, "combine": combine})
    model = LightGCN(config, 12, 9, torch.Generator().manual_seed(0))
    nodes = torch.from_numpy(np.concatenate([users, 12 + items]))
    with torch.no_grad():
        plain = model.propagate(BipartiteGraph(train).full, model.table).final
        renamed = model.propagate(BipartiteGraph(train[users][:, items]).full, model.table[nodes]).final
    torch.testing.assert_close(renamed, plain[nodes])


def test_sum_is_depth_times_mean_and_last_is_the_deepest_layer() -> None:
    assert layer_weights(LightGCNConfig(num_layers=2)) == (1.0, 1.0, 1.0)
    assert layer_weights(LightGCNConfig(num_layers=2, combine="mean")) == (1 / 3, 1 / 3, 1 / 3)
    assert layer_weights(LightGCNConfig(num_layers=2, combine="last")) == (0.0, 0.0, 1.0)
    assert layer_weights(LightGCNConfig(num_layers=0)) == (1.0,)


def test_users_and_items_are_initialised_each_by_its_own_size() -> None:
    model = LightGCN(LightGCNConfig(dim=8), 1000, 50, torch.Generator().manual_seed(0))
    bounds = float(model.table[:1000].detach().abs().max()), float(model.table[1000:].detach().abs().max())
    assert bounds == pytest.approx((np.sqrt(6 / 1008), np.sqrt(6 / 58)), rel=0.02)


def test_initial_weights_depend_on_the_generator_alone() -> None:
    drawn = [xavier_uniform(4, 3, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_settings_are_frozen_complete_and_checked() -> None:
    for name, spec in BASES.items():
        assert spec.config().name == name
        assert all(spec.config.model_fields[field].annotation is not None for field in spec.config.model_fields)
    with pytest.raises(ValidationError, match="frozen"):
        LightGCNConfig().dim = 3  # type: ignore[misc]
    for wrong in ({"dim": 0}, {"keep_prob": 0.0}, {"combine": "max"}, {"layers": 3}):
        with pytest.raises(ValidationError):
            LightGCNConfig.model_validate(wrong)


def test_an_unknown_base_is_named_with_the_choices() -> None:
    with pytest.raises(LmmrecError, match="no base model 'lightgnc'; choose one of bprmf, ease, gfcf, lightgcn, "):
        base_spec("lightgnc")
