"""PolyCF's three forms: the common suite, the equations against dense twins, the leak guard, and what each form refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from models.bases import BaseConfig, LightGCNConfig, PolyCFConfig, PolyCFEmbeddingConfig, PolyCFSignalConfig
from models.bases import polycf as module
from models.bases.contract import Batch
from models.bases.leak_guard import NUM_FOLDS, folds
from models.bases.lightgcn import LightGCN
from models.bases.polycf import PolyCF
from models.bases.polycf_embedding import PolyCFEmbedding
from models.bases.signal_fit import fitted_filter
from models.errors import LmmrecError
from models.graph import BipartiteGraph, binary_csr, reweighted
from models.training.checkpoint import load, save
from models.training.config import RunConfig, TrainingConfig
from models.training.data import TrainingData
from models.training.fit import fit
from models.training.fitted import FittedModel
from models.training.trainer import Trainer
from tests.models.behaviour import RankerBehaviour
from tests.models.strategies import random_interactions
from tests.reference import polycf as reference

pytestmark = pytest.mark.unit

QUICK = TrainingConfig(batch_size=64, learning_rate=0.02, max_epochs=30, evaluate_every=0)
TRAIN = random_interactions(12, 9, 0.3, 0)
FORMS: list[BaseConfig] = [PolyCFSignalConfig(), PolyCFEmbeddingConfig(dim=8), PolyCFConfig(dim=8)]
CPU = torch.device("cpu")


def fit_quickly(train: sp.csr_matrix, config: BaseConfig, training: TrainingConfig = QUICK) -> FittedModel:
    return fit(TrainingData(train, sp.csr_matrix(train.shape)), config, None, training, RunConfig(threads=1))


class TestPolyCF(RankerBehaviour):
    def fitted(self, train: sp.csr_matrix) -> FittedModel:
        return fit_quickly(train, PolyCFConfig(dim=16))


class TestPolyCFSignal(RankerBehaviour):
    def fitted(self, train: sp.csr_matrix) -> FittedModel:
        return fit_quickly(train, PolyCFSignalConfig())


class TestPolyCFEmbedding(RankerBehaviour):
    def fitted(self, train: sp.csr_matrix) -> FittedModel:
        return fit_quickly(train, PolyCFEmbeddingConfig(dim=16))


# --- the embedding form ----------------------------------------------------------------------------------------------


def embedding_form(config: PolyCFEmbeddingConfig, train: sp.csr_matrix = TRAIN) -> PolyCFEmbedding:
    model = PolyCFEmbedding(config, *train.shape, torch.Generator().manual_seed(0))
    model.prepare(BipartiteGraph(train))
    return model


@pytest.mark.parametrize("rows", [None, [0, 3, 12, 20], [20, 4]])
def test_embeddings_and_layers_are_those_of_dense_powers(rows: list[int] | None) -> None:
    model = embedding_form(PolyCFEmbeddingConfig(dim=4, degree=2, rank=3))
    with torch.no_grad():
        model.theta.copy_(torch.tensor([[0.5, -0.3, 0.1], [1.0, 0.2, 0.4], [-0.4, 0.7, 0.9]]))
        wanted = None if rows is None else torch.tensor(rows)
        found = model.propagate(BipartiteGraph(TRAIN).full, model.table, wanted)
    final, layers = reference.embeddings(
        TRAIN.toarray().astype(np.float64),
        model.table.detach().double().numpy(),
        model.config.gammas,
        model.theta.detach().double().numpy(),
        float(model.omega.detach()),
        3,
    )
    np.testing.assert_allclose(found.final, final if rows is None else final[rows], atol=1e-5)
    if rows is not None:
        assert found.layers is not None
        np.testing.assert_allclose(found.layers, [layer[rows] for layer in layers], atol=1e-5)


def test_the_symmetric_power_alone_with_fixed_weights_is_lightgcn_to_the_bit() -> None:
    settings = PolyCFEmbeddingConfig(dim=8, gammas=(0.5,), theta=((1.0,) * 4,), omega=0.0)
    model, graph = embedding_form(settings), BipartiteGraph(TRAIN)
    lightgcn = LightGCN(LightGCNConfig(dim=8), 12, 9, torch.Generator().manual_seed(0))
    rows = torch.tensor([2, 5, 14])
    with torch.no_grad():
        assert torch.equal(model.table, lightgcn.table)
        for wanted in (None, rows):
            ours, theirs = (form.propagate(graph.full, form.table, wanted) for form in (model, lightgcn))
            assert torch.equal(ours.final, theirs.final)
        assert ours.layers is not None
        assert theirs.layers is not None
        assert torch.equal(ours.layers, theirs.layers)


def test_an_edge_dropped_in_a_step_is_missing_in_every_power_in_that_direction() -> None:
    model, graph = embedding_form(PolyCFEmbeddingConfig(dim=4, degree=1, omega=0.0)), BipartiteGraph(TRAIN)
    dropped = graph.drop_edges(0.5, np.random.default_rng(0))
    with torch.no_grad():
        found = model.propagate(dropped, model.table).final.numpy()
    kept = dropped.matrix.whole.to_dense().numpy() != 0.0
    table = model.table.detach().double().numpy()
    powers = [reference.bipartite(TRAIN.toarray().astype(np.float64), gamma) * kept for gamma in model.config.gammas]
    np.testing.assert_allclose(found, table + np.mean(powers, axis=0) @ table, atol=1e-5)
    transposed = reweighted(dropped, model.factors[0]).transpose.whole.to_dense()
    torch.testing.assert_close(transposed, reweighted(dropped, model.factors[0]).matrix.whole.to_dense().T)


def test_gradients_of_table_theta_and_omega_are_those_of_the_dense_polynomial() -> None:
    model = embedding_form(PolyCFEmbeddingConfig(dim=4, degree=2, rank=3, learn_weights=True))
    rows = torch.tensor([1, 7, 13, 20])
    pull = torch.randn(4, 4, generator=torch.Generator().manual_seed(1))
    (model.propagate(BipartiteGraph(TRAIN).full, model.table, rows).final * pull).sum().backward()
    table = model.table.detach().double().requires_grad_()
    theta, omega = model.theta.detach().double().requires_grad_(), model.omega.detach().double().requires_grad_()
    dense = TRAIN.toarray().astype(np.float64)
    of_users, of_items = (torch.from_numpy(side) for side in reference.projections(dense, 3))
    final = omega * torch.cat([of_users @ table[:12], of_items @ table[12:]])
    for row, gamma in enumerate(model.config.gammas):
        power = torch.from_numpy(reference.bipartite(dense, gamma))
        for k in range(3):
            final = final + theta[row, k] * torch.linalg.matrix_power(power, k) @ table
    (final[rows] * pull.double()).sum().backward()
    for ours, theirs in ((model.table, table), (model.theta, theta), (model.omega, omega)):
        assert ours.grad is not None
        assert theirs.grad is not None
        torch.testing.assert_close(ours.grad.double(), theirs.grad, atol=1e-5, rtol=1e-4)


def test_fixed_weights_are_not_trained_and_learned_ones_are() -> None:
    fixed = fit_quickly(TRAIN, PolyCFEmbeddingConfig(dim=4, degree=1, theta=((1.0, 0.5),) * 3, omega=0.7))
    assert not {"base.theta", "base.omega"} & fixed.parameters.keys()
    learned = fit_quickly(TRAIN, PolyCFEmbeddingConfig(dim=4, learn_weights=True))
    assert not torch.equal(learned.parameters["base.theta"], torch.full((3, 4), 1 / 3))
    assert float(learned.parameters["base.omega"]) != pytest.approx(0.3, abs=1e-4)


# --- the hybrid ------------------------------------------------------------------------------------------------------


def hybrid(train: sp.csr_matrix = TRAIN, **settings: object) -> PolyCF:
    config = PolyCFConfig.model_validate({"dim": 4} | settings)
    model = PolyCF(config, *train.shape, torch.Generator().manual_seed(0))
    model.prepare(BipartiteGraph(train))
    return model


def test_the_fused_score_is_the_filters_in_units_of_its_spread_plus_the_embeddings() -> None:
    model = hybrid()
    plain = fitted_filter(PolyCFSignalConfig(), binary_csr(TRAIN), model.fit_seed).score(torch.arange(12))
    final = model.table.detach()
    with torch.no_grad():
        model.beta.fill_(2.0)
    expected = plain / plain.std() + 2.0 * final[:12] @ final[12:].T
    torch.testing.assert_close(
        PolyCF.score(model.final_tensors(final), torch.arange(12)), expected, atol=1e-4, rtol=1e-4
    )


def test_beta_is_in_the_users_rows_of_the_checkpoint() -> None:
    model = hybrid()
    final = model.table.detach()
    with torch.no_grad():
        model.beta.fill_(2.0)
    torch.testing.assert_close(model.final_tensors(final)["users"], 2.0 * final[:12])
    torch.testing.assert_close(model.final_tensors(final)["items"], final[12:])


@pytest.mark.parametrize("guard", ["apart", "folds", "self-loop"])
def test_scores_in_training_are_those_of_the_checkpoint_wherever_an_evaluation_looks(guard: str) -> None:
    model = hybrid(guard=guard)
    tensors = model.final_tensors(model.table.detach())
    users = torch.tensor([3, 0, 11])
    unseen = torch.from_numpy(TRAIN[users.numpy()].toarray() == 0)
    here, there = model.score_in_training(tensors, users), PolyCF.score(tensors, users)
    torch.testing.assert_close(here[unseen], there[unseen])


def margins_of(model: PolyCF) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Users, items and s+ of all train pairs: the margin to item 0, plus what that scores."""
    users, items = np.nonzero(TRAIN.toarray())
    zeros = torch.zeros(len(users), dtype=torch.int64)
    margins = model.signal_margin(Batch(torch.from_numpy(users), torch.from_numpy(12 + items), 12 + zeros))
    return users, items, (margins + model.signal_scores[torch.from_numpy(users), 0]).numpy()


def dense_filter(model: PolyCF, train: np.ndarray) -> np.ndarray:
    """H of other pairs with the model's weights, those of its singular vectors as nested low passes of every rank."""
    by_vector = np.append(model.filter.omega.double().numpy(), 0.0)
    theta, ranks = model.filter.theta.double().numpy(), range(1, len(by_vector))
    return reference.transfer(train, model.config.gammas, theta, -np.diff(by_vector), ranks)


def test_the_cheap_guard_scores_a_positive_without_its_own_entry_in_the_signal() -> None:
    model, dense = hybrid(guard="self-loop"), TRAIN.toarray()
    for user, item, score in zip(*margins_of(model), strict=True):
        without = torch.from_numpy(dense[user]).clone()
        without[item] = 0.0
        assert score == pytest.approx(float(model.filter.respond(without.unsqueeze(1))[item, 0]), abs=1e-4)


def test_the_honest_guard_scores_a_positive_by_a_filter_of_the_other_folds() -> None:
    model = hybrid(guard="folds")
    fold = folds(binary_csr(TRAIN), model.fit_seed)
    dense = TRAIN.toarray().astype(np.float64)
    users, items, scores = margins_of(model)
    for number in range(NUM_FOLDS):
        rest = dense.copy()
        rest[users[fold == number], items[fold == number]] = 0.0
        expected = rest @ dense_filter(model, rest)
        rows = fold == number
        np.testing.assert_allclose(scores[rows], expected[users[rows], items[rows]], atol=1e-3)


def test_folds_part_each_users_items_as_evenly_as_they_go() -> None:
    train = binary_csr(random_interactions(40, 30, 0.4, 0))
    fold = folds(train, 0)
    for user in range(40):
        sizes = np.bincount(fold[train.indptr[user] : train.indptr[user + 1]], minlength=NUM_FOLDS)
        assert sizes.max() - sizes.min() <= 1
    assert not np.array_equal(fold, folds(train, 1))


def test_apart_the_embeddings_are_those_of_the_embedding_form_times_a_fixed_beta() -> None:
    alone = fit_quickly(TRAIN, PolyCFEmbeddingConfig(dim=4))
    beside = fit_quickly(TRAIN, PolyCFConfig(dim=4, beta=0.7))
    assert torch.equal(beside.final["items"], alone.final["items"])
    assert torch.equal(beside.final["users"], alone.final["users"] * torch.tensor(0.7))


@pytest.mark.parametrize("guard", ["folds", "self-loop"])
def test_with_a_guard_beta_is_learned(guard: str) -> None:
    config = PolyCFConfig.model_validate({"dim": 4, "guard": guard, "beta": 0.7})
    assert float(fit_quickly(TRAIN, config).parameters["base.beta"]) != pytest.approx(0.7, abs=1e-4)


def test_with_a_guard_the_loss_is_bpr_of_the_whole_score() -> None:
    data = TrainingData(TRAIN, sp.csr_matrix(TRAIN.shape))
    trainer = Trainer(
        data,
        PolyCFConfig(dim=4, keep_prob=1.0, guard="folds"),
        None,
        TrainingConfig(batch_size=8),
        RunConfig(threads=1),
    )
    batch = next(trainer.sampler.epoch(CPU))
    base = trainer.base
    assert isinstance(base, PolyCF)
    with torch.no_grad():
        final = base.propagate(trainer.graph.full, base.table).final
        margins = base.signal_margin(batch) + base.beta * (
            final[batch.users] * (final[batch.positives] - final[batch.negatives])
        ).sum(dim=1)
        expected = -torch.log(torch.sigmoid(margins)).mean()
    assert trainer.run_step(batch, 0.0)["bpr"].value.item() == pytest.approx(float(expected), rel=1e-5)


def test_more_scores_than_fit_are_refused_with_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SCORES_LIMIT_BYTES", 400)
    with pytest.raises(LmmrecError, match=r"12 x 9 of them take .* train form 'polycf-embedding' or 'polycf-signal'"):
        hybrid()


# --- all three -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", FORMS, ids=lambda config: config.name)
def test_a_checkpoint_scores_alone_and_says_which_tensor_is_wrong(config: BaseConfig, tmp_path: Path) -> None:
    model = fit_quickly(TRAIN, config)
    save(model, tmp_path, [str(user) for user in range(12)], [str(item) for item in range(9)])
    loaded = load(tmp_path)
    assert torch.equal(loaded.score(np.arange(12)), model.score(np.arange(12)))
    name = min(model.final)
    broken = {key: value for key, value in model.final.items() if key != name}
    other = replace(model, final=broken)
    save(other, tmp_path, [str(user) for user in range(12)], [str(item) for item in range(9)])
    with pytest.raises(LmmrecError, match=rf"tensor 'final\.{name}' has shape None"):
        load(tmp_path)


@pytest.mark.parametrize("config", FORMS, ids=lambda config: config.name)
def test_the_seed_reaches_every_form(config: BaseConfig) -> None:
    train = random_interactions(40, 30, 0.2, 0)
    data = TrainingData(train, sp.csr_matrix(train.shape))
    scores = [
        fit(data, config, None, QUICK.model_copy(update={"max_epochs": 2}), RunConfig(threads=1, seed=seed)).score(
            np.arange(40)
        )
        for seed in (1, 1, 2)
    ]
    assert torch.equal(scores[0], scores[1])
    assert not torch.equal(scores[0], scores[2])


@pytest.mark.parametrize("evaluate_every", [0, 3])
def test_the_signal_form_has_one_epoch_without_steps(evaluate_every: int) -> None:
    held_out = sp.csr_matrix(1.0 - TRAIN.toarray())
    training = QUICK.model_copy(update={"evaluate_every": evaluate_every})
    model = fit(TrainingData(TRAIN, held_out), PolyCFSignalConfig(), None, training, RunConfig(threads=1))
    assert model.best_epoch == 0
    assert [sorted(entry) for entry in model.history] == ([["epoch", "ndcg_20", "recall_20"]] if evaluate_every else [])
