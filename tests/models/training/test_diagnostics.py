"""Diagnostics: shares of the gradient by hand, and the law that looking changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from assets.training.curve import DIAGNOSTIC
from models.bases import LightGCNConfig, WeightedGCLConfig
from models.enhancers import LMMRecConfig
from models.training.config import RunConfig, TrainingConfig
from models.training.data import TrainingData
from models.training.diagnostics import PREFIX, diagnose
from models.training.fit import fit
from models.training.trainer import Trainer
from tests.models.strategies import random_interactions

pytestmark = pytest.mark.unit

TRAIN = random_interactions(12, 9, 0.3, 0)
HELD_OUT = sp.csr_matrix((np.ones(3), ([0, 1, 2], [1, 2, 3])), shape=TRAIN.shape)
TEXTS = np.random.default_rng(3).standard_normal((21, 10)).astype(np.float32)
DATA = TrainingData(TRAIN, HELD_OUT, TEXTS[:12], TEXTS[12:])
CONFIG = LMMRecConfig(num_prototypes=5, weight=0.1, warmup_epochs=0.0)
TRAINING = TrainingConfig(batch_size=8, learning_rate=0.01, max_epochs=4, evaluate_every=1)


def trainer(enhancer: LMMRecConfig | None, base: LightGCNConfig | WeightedGCLConfig) -> Trainer:
    return Trainer(DATA, base, enhancer, TRAINING, RunConfig(threads=1))


def test_shares_are_the_norms_of_the_weighted_gradients_and_sum_to_one() -> None:
    model = trainer(CONFIG, LightGCNConfig(dim=8, num_layers=2))
    model.run_epoch(0)
    found = diagnose(model, 2.0)
    shares = {name.removeprefix("diagnostic_gradient_"): v for name, v in found.items() if "gradient" in name}
    assert shares.keys() == {"bpr", "mcs", "icm"}
    assert sum(shares.values()) == pytest.approx(1.0)
    stream = np.random.Generator(np.random.SFC64(0))
    batch = model.sampler.probe(stream, model.device)
    step = model.step(batch, 2.0, model.graph.full, stream)
    total = sum(term.weight * term.value for term in model.terms(step).values())
    assert isinstance(total, torch.Tensor)
    assert torch.isfinite(torch.autograd.grad(total, model.base.table)[0]).all()


def test_a_term_of_weight_zero_has_no_share() -> None:
    found = diagnose(trainer(None, WeightedGCLConfig(dim=8, contrast_weight=0.0, ego_norm=0.0)), 0.0)
    assert found == {"diagnostic_gradient_bpr": 1.0}


def test_entropy_starts_at_uniform_and_the_teacher_without_lag() -> None:
    found = diagnose(trainer(CONFIG, LightGCNConfig(dim=8, num_layers=2)), 2.0)
    assert found["diagnostic_assignment_entropy"] == pytest.approx(1.0, abs=0.05)
    assert found["diagnostic_teacher_lag"] == pytest.approx(0.0, abs=1e-5)


def test_sharp_assignments_have_low_entropy() -> None:
    sharp = CONFIG.model_copy(update={"prototype_temperature": 1e-3})
    assert diagnose(trainer(sharp, LightGCNConfig(dim=8)), 2.0)["diagnostic_assignment_entropy"] < 0.2


def test_looking_changes_no_weight_and_no_generator() -> None:
    looked_at, alone = (trainer(CONFIG, LightGCNConfig(dim=8)) for _ in range(2))
    for _ in range(3):
        diagnose(looked_at, 1.0)
    assert looked_at.run_epoch(0) == alone.run_epoch(0)
    assert torch.equal(looked_at.base.table, alone.base.table)


def test_every_look_at_validation_records_them_under_one_prefix() -> None:
    history = fit(DATA, LightGCNConfig(dim=8), CONFIG, TRAINING, RunConfig(threads=1)).history
    assert all("diagnostic_teacher_lag" in entry and "diagnostic_gradient_mcs" in entry for entry in history)
    assert PREFIX == DIAGNOSTIC
