"""RLMRec: its losses against slow twins on whole node tables, and what reaches which weights."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from models.bases import LightGCNConfig
from models.bases.contract import Batch
from models.enhancers import EnhancerConfig, RLMRecConConfig, RLMRecGenConfig
from models.enhancers.rlmrec_con import RLMRecCon
from models.enhancers.rlmrec_gen import RLMRecGen
from models.training.config import RunConfig, TrainingConfig
from models.training.data import TrainingData
from models.training.fit import fit
from models.training.fitted import FittedModel
from tests.models.behaviour import RankerBehaviour
from tests.models.enhancers.small import TEXTS, USERS, auxiliary, numpy_of, propagated_by_hand, some_batch, trainer
from tests.reference import lmmrec as tower_reference
from tests.reference import rlmrec as reference

pytestmark = pytest.mark.unit

CON, GEN = RLMRecConConfig(weight=0.1), RLMRecGenConfig(masked_share=0.5)


class TestRLMRecCon(RankerBehaviour):
    """The common suite."""

    config: EnhancerConfig = RLMRecConConfig()

    def fitted(self, train: sp.csr_matrix) -> FittedModel:
        users, items = train.shape
        texts = np.random.default_rng(0).standard_normal((users + items, 6)).astype(np.float32)
        data = TrainingData(train, sp.csr_matrix(train.shape), texts[:users], texts[users:])
        training = TrainingConfig(batch_size=64, learning_rate=0.02, max_epochs=80, evaluate_every=0)
        return fit(data, LightGCNConfig(dim=16), self.config, training, RunConfig(threads=1))


class TestRLMRecGen(TestRLMRecCon):
    """The same for the other."""

    config = RLMRecGenConfig()


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


def test_the_reconstruction_is_the_slow_one_over_the_masked_nodes_of_the_batch() -> None:
    model = trainer(GEN)
    enhancer, batch = model.enhancer, some_batch(model)
    assert isinstance(enhancer, RLMRecGen)
    for _ in range(3):
        model.run_step(batch, 9.0)
    step = model.step(batch, 9.0, model.graph.full, model.noise_rng)
    (term,) = enhancer.auxiliary_loss(step).values()
    table = model.base.table.detach().clone()
    table[enhancer.is_masked] = enhancer.token.detach()
    mapping = numpy_of(*(getattr(enhancer.mapping, name) for name in ("weight_1", "bias_1", "weight_2", "bias_2")))
    mapped = np.array([tower_reference.text_tower(row, *mapping) for row in propagated_by_hand(model, table)])
    masked = [node for node in sorted({*torch.cat([*batch]).tolist()}) if enhancer.is_masked[node]]
    expected = reference.reconstruction(mapped, TEXTS.astype(np.float64), masked, 0.5)
    assert term.value.item() == pytest.approx(expected, rel=1e-4)


def test_a_step_masks_its_share_of_all_nodes_anew_and_scoring_none() -> None:
    model = trainer(GEN)
    enhancer, drawn = model.enhancer, []
    assert isinstance(enhancer, RLMRecGen)
    for _ in range(2):
        table = enhancer.change_table(model.base.table, model.noise_rng)
        assert int(enhancer.is_masked.sum()) == int(0.5 * len(table))
        assert torch.equal(table[~enhancer.is_masked], model.base.table[~enhancer.is_masked])
        drawn.append(enhancer.is_masked)
    assert not torch.equal(*drawn)
    assert enhancer.change_table(model.base.table, None) is model.base.table


def test_the_reconstruction_reaches_base_token_and_mapping() -> None:
    model = trainer(GEN)
    (term,) = auxiliary(model, some_batch(model)).values()
    gradients = torch.autograd.grad(term.value, [model.base.table, *model.enhancer.parameters()])
    assert all(bool(gradient.abs().sum() > 0) for gradient in gradients)
