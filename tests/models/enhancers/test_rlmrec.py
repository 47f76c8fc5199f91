"""RLMRec: its losses against slow twins on whole node tables, and what reaches which weights."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from models.bases import LightGCNConfig
from models.bases.contract import Batch
from models.enhancers import RLMRecConConfig
from models.enhancers.rlmrec_con import RLMRecCon
from models.training.config import RunConfig, TrainingConfig
from models.training.data import TrainingData
from models.training.fit import fit
from models.training.fitted import FittedModel
from tests.models.behaviour import RankerBehaviour
from tests.models.enhancers.small import TEXTS, USERS, auxiliary, numpy_of, propagated_by_hand, some_batch, trainer
from tests.reference import lmmrec as tower_reference
from tests.reference import rlmrec as reference

pytestmark = pytest.mark.unit

CON = RLMRecConConfig(weight=0.1)


class TestRLMRecCon(RankerBehaviour):
    """The common suite."""

    def fitted(self, train: sp.csr_matrix) -> FittedModel:
        users, items = train.shape
        texts = np.random.default_rng(0).standard_normal((users + items, 6)).astype(np.float32)
        data = TrainingData(train, sp.csr_matrix(train.shape), texts[:users], texts[users:])
        training = TrainingConfig(batch_size=64, learning_rate=0.02, max_epochs=80, evaluate_every=0)
        return fit(data, LightGCNConfig(dim=16), RLMRecConConfig(), training, RunConfig(threads=1))


@pytest.mark.parametrize("negatives", ["all", "batch"])
def test_the_contrast_is_the_slow_one_over_the_triples_as_drawn(negatives: str) -> None:
    model = trainer(CON.model_copy(update={"user_negatives": negatives}))
    enhancer, drawn = model.enhancer, some_batch(model)
    assert isinstance(enhancer, RLMRecCon)
    batch = Batch(*(torch.cat([column, column[:3], column[:1]]) for column in drawn))  # some stand there several times
    for _ in range(3):
        model.run_step(batch, 9.0)
    tower = numpy_of(*(getattr(enhancer.tower, name) for name in ("weight_1", "bias_1", "weight_2", "bias_2")))
    h = np.array([tower_reference.text_tower(text, *tower) for text in TEXTS.astype(np.float64)])
    x, triples = propagated_by_hand(model, model.base.table), list(zip(*(c.tolist() for c in batch), strict=True))
    expected = reference.contrastive_alignment(x, h, triples, USERS, 0.2, everyone=negatives == "all")
    (term,) = auxiliary(model, batch).values()
    assert term.weight == 0.1
    assert term.value.item() == pytest.approx(expected, rel=1e-4)


def test_the_contrast_reaches_the_base_and_every_weight_of_the_tower() -> None:
    model = trainer(CON)
    (term,) = auxiliary(model, some_batch(model)).values()
    gradients = torch.autograd.grad(term.value, [model.base.table, *model.enhancer.parameters()])
    assert all(bool(gradient.abs().sum() > 0) for gradient in gradients)


def test_scores_are_the_bases_own() -> None:
    model = trainer(CON)
    model.run_epoch(0)
    x = propagated_by_hand(model, model.base.table)
    np.testing.assert_allclose(torch.cat([model.final_tensors()[side] for side in ("users", "items")]), x, atol=1e-5)
