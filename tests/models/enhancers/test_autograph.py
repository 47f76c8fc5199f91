"""AutoGraph: what is added against the slow twin, with means and with attention, in training and where it is served."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from models.bases.contract import Batch
from models.enhancers import AutoGraphConfig
from models.enhancers.aggregators import AttentionAggregator, MeanAggregator
from models.enhancers.autograph import AutoGraph, factors_of
from models.training.trainer import Trainer
from tests.models.enhancers.small import TRAIN, USERS, numpy_of, propagated_by_hand, some_batch, trainer
from tests.models.enhancers.test_rlmrec import TestRLMRecCon as CommonSuite
from tests.reference import autograph as reference

pytestmark = pytest.mark.unit

MEAN = AutoGraphConfig(levels=2, codes=3, max_neighbours=100, dropout=0.0)
GAT = MEAN.model_copy(update={"aggregator": "gat"})


class TestAutoGraph(CommonSuite):
    """The common suite."""

    config = AutoGraphConfig(codes=4)


def after_some_steps(config: AutoGraphConfig) -> tuple[Trainer, AutoGraph, Batch]:
    model = trainer(config)
    batch = some_batch(model)
    for _ in range(3):
        model.run_step(batch, 1.0)
    assert isinstance(model.enhancer, AutoGraph)
    return model, model.enhancer, batch


def by_hand(aggregator: nn.Module) -> reference.Gather:
    if isinstance(aggregator, MeanAggregator):
        return reference.mean_of(*numpy_of(aggregator.weight, aggregator.bias))
    assert isinstance(aggregator, AttentionAggregator)
    conv = aggregator.attention
    heads, dim = conv.heads, conv.out_channels
    source, target, a, b, bias = numpy_of(
        conv.lin_src.weight, conv.lin_dst.weight, conv.att_src, conv.att_dst, conv.bias
    )
    return reference.attention_of(source.reshape(heads, dim, -1), target.reshape(heads, dim, -1), a[0], b[0], bias)


def added_by_hand(model: Trainer, enhancer: AutoGraph) -> np.ndarray:
    """phi(g) of all nodes."""
    ids, train = model.base.table.detach().double().numpy(), TRAIN.toarray() > 0
    sides = []
    for number, (rows, side) in enumerate(zip((ids[:USERS], ids[USERS:]), enhancer.sides, strict=True)):
        into = None if enhancer.into_factors is None else by_hand(enhancer.into_factors[number])
        (e,), having = numpy_of(enhancer.factors[number]), factors_of(side).toarray()
        sides.append(reference.described(rows, e, having, by_hand(enhancer.from_factors[number]), into))
    g = [
        reference.gathered(
            sides[number],
            sides[1 - number],
            [np.flatnonzero(row).tolist() for row in pairs],
            by_hand(enhancer.from_neighbours[number]),
        )
        for number, pairs in enumerate((train, train.T))
    ]
    return np.array([reference.phi(row, *numpy_of(enhancer.weight, enhancer.bias)) for row in np.concatenate(g)])


@pytest.mark.parametrize("config", [MEAN, GAT], ids=lambda config: config.aggregator)
def test_what_is_scored_with_is_the_bases_row_and_what_the_slow_twin_adds(config: AutoGraphConfig) -> None:
    model, enhancer, _ = after_some_steps(config)
    expected = propagated_by_hand(model, model.base.table) + added_by_hand(model, enhancer)
    tensors = model.final_tensors()
    np.testing.assert_allclose(torch.cat([tensors["users"], tensors["items"]]), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("config", [MEAN, GAT], ids=lambda config: config.aggregator)
def test_the_bases_loss_sees_the_same_rows_and_every_part_learns(config: AutoGraphConfig) -> None:
    model, enhancer, batch = after_some_steps(config)
    final, rows = enhancer.change_final(model.step(batch, 1.0, model.graph.full, model.noise_rng))
    tensors = model.final_tensors()
    torch.testing.assert_close(final[rows.users], tensors["users"][batch.users], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(final[rows.negatives], tensors["items"][batch.negatives - USERS], rtol=1e-4, atol=1e-5)
    assert all(weight.grad is not None and bool(weight.grad.abs().sum() > 0) for _, weight in model.named_parameters())


def test_dropout_drops_its_share_in_training_alone() -> None:
    model, enhancer, batch = after_some_steps(MEAN.model_copy(update={"dropout": 0.5}))
    step = model.step(batch, 1.0, model.graph.full, model.noise_rng)
    final, _ = enhancer.change_final(step)
    served = torch.cat([model.final_tensors()[side] for side in ("users", "items")])
    added, whole = (final - step.propagated.final).detach(), (served - step.propagated.final).detach()
    meant = whole > 1e-6
    kept = added[meant].abs() > 1e-7
    assert float(kept.float().mean()) == pytest.approx(0.5, abs=0.2)
    torch.testing.assert_close(added[meant][kept], 2.0 * whole[meant][kept], rtol=1e-3, atol=1e-5)


def test_an_attention_starts_from_its_own_generator_and_not_from_the_global_one() -> None:
    drawn = [AttentionAggregator(4, 3, 2, torch.Generator().manual_seed(1)).state_dict() for _ in range(2)]
    assert all(torch.equal(drawn[0][name], drawn[1][name]) for name in drawn[0])
