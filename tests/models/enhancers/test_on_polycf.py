"""LMMRec on PolyCF: it trains where there are embeddings, leaves the base alone at lambda 0, and is refused by the filter."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from models.bases import BaseConfig, PolyCFConfig, PolyCFEmbeddingConfig, PolyCFSignalConfig
from models.enhancers import LMMRecConfig
from models.errors import LmmrecError
from models.training.config import RunConfig, TrainingConfig
from models.training.data import TrainingData
from models.training.fit import fit
from models.training.fitted import FittedModel
from tests.models.strategies import random_interactions

pytestmark = pytest.mark.unit

USERS, ITEMS = 12, 9
TRAIN = random_interactions(USERS, ITEMS, 0.3, 0)
TEXTS = np.random.default_rng(3).standard_normal((USERS + ITEMS, 10)).astype(np.float32)
DATA = TrainingData(TRAIN, sp.csr_matrix(TRAIN.shape), TEXTS[:USERS], TEXTS[USERS:])
THREE_EPOCHS = TrainingConfig(batch_size=8, learning_rate=0.01, max_epochs=3, evaluate_every=0)
WITH_EMBEDDINGS: list[BaseConfig] = [PolyCFConfig(dim=8), PolyCFEmbeddingConfig(dim=8)]


def trained(base: BaseConfig, **enhancer: object) -> FittedModel:
    config = LMMRecConfig.model_validate({"num_prototypes": 5, "warmup_epochs": 0.0, "l2": None} | enhancer)
    return fit(DATA, base, config, THREE_EPOCHS, RunConfig(threads=1))


@pytest.mark.parametrize("base", WITH_EMBEDDINGS, ids=lambda base: base.name)
def test_with_lambda_zero_the_base_trains_bit_for_bit_as_alone(base: BaseConfig) -> None:
    alone = fit(DATA, base, None, THREE_EPOCHS, RunConfig(threads=1))
    beside = trained(base, weight=0.0)
    assert all(torch.equal(beside.final[name], tensor) for name, tensor in alone.final.items())
    assert all(torch.equal(beside.parameters[name], tensor) for name, tensor in alone.parameters.items())


@pytest.mark.parametrize("base", WITH_EMBEDDINGS, ids=lambda base: base.name)
@pytest.mark.parametrize("fusion", ["none", "p+h"])
def test_with_lambda_above_zero_the_texts_move_the_embeddings_and_not_the_filter(base: BaseConfig, fusion: str) -> None:
    alone = fit(DATA, base, None, THREE_EPOCHS, RunConfig(threads=1))
    beside = trained(base, weight=0.1, score_fusion=fusion)
    assert not torch.equal(beside.parameters["base.table"], alone.parameters["base.table"])
    filters = [name for name in alone.final if name.startswith("signal.")]
    assert all(torch.equal(beside.final[name], alone.final[name]) for name in filters)
    assert torch.isfinite(beside.score(np.arange(USERS))).all()


def test_the_signal_form_refuses_an_enhancer_and_names_the_forms_that_take_one() -> None:
    with pytest.raises(
        LmmrecError, match=r"'polycf-signal' has no embeddings that 'lmmrec' could reach.* polycf-embedding"
    ):
        trained(PolyCFSignalConfig())
