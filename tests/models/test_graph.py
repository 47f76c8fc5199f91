"""The adjacency and the propagation against dense twins, the autograd formulas against numerical gradients."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from torch_geometric.nn import LGConv

from models.graph import Adjacency, BipartiteGraph, NodeMatrix, binary_csr, node_matrix, propagate, reweighted
from tests.models.strategies import interactions, random_interactions
from tests.reference import graph_models as reference
from tests.reference import once

pytestmark = pytest.mark.unit


def dense(matrix: NodeMatrix) -> np.ndarray:
    return matrix.whole.to_dense().numpy()


@given(interactions())
def test_the_adjacency_is_the_symmetric_normalisation(train: np.ndarray) -> None:
    graph = BipartiteGraph(sp.csr_matrix(train))
    np.testing.assert_allclose(dense(graph.full.matrix), reference.normalised_adjacency(train), atol=1e-7)


def test_positions_are_int32_so_that_the_fast_product_is_taken() -> None:
    matrix = BipartiteGraph(random_interactions(5, 7, 0.3, 0)).full.matrix.whole
    assert matrix.crow_indices().dtype == torch.int32
    assert matrix.col_indices().dtype == torch.int32


def test_repeated_and_explicit_zero_entries_do_not_count() -> None:
    repeated = sp.csr_matrix((np.array([1.0, 5.0, 0.0]), ([0, 0, 1], [1, 1, 0])), shape=(2, 2))
    assert binary_csr(repeated).toarray().tolist() == [[0, 1], [0, 0]]
    once = BipartiteGraph(sp.csr_matrix(np.array([[0, 1], [0, 0]])))
    np.testing.assert_array_equal(dense(BipartiteGraph(repeated).full.matrix), dense(once.full.matrix))


@given(interactions())
def test_dropping_zeroes_entries_unscaled_and_the_transpose_follows(train: np.ndarray) -> None:
    graph = BipartiteGraph(sp.csr_matrix(train))
    dropped = graph.drop_edges(0.5, np.random.default_rng(1))
    full, thinned = dense(graph.full.matrix), dense(dropped.matrix)
    assert np.all((thinned == full) | (thinned == 0.0))
    np.testing.assert_array_equal(dense(dropped.transpose), thinned.T)


def test_directions_are_dropped_independently_at_the_stated_rate() -> None:
    graph = BipartiteGraph(random_interactions(200, 200, 0.5, 0))
    kept = dense(graph.drop_edges(0.8, np.random.default_rng(0)).matrix) > 0
    present = dense(graph.full.matrix) > 0
    there, back = kept[:200, 200:][present[:200, 200:]], kept[200:, :200].T[present[:200, 200:]]
    share = there.mean(), back.mean(), (there & back).mean()
    assert share == pytest.approx((0.8, 0.8, 0.8**2), abs=0.01)


def test_keeping_everything_draws_nothing() -> None:
    graph, rng = BipartiteGraph(random_interactions(4, 4, 0.5, 0)), np.random.default_rng(0)
    before = rng.bit_generator.state
    assert graph.drop_edges(1.0, rng) is graph.full
    assert rng.bit_generator.state == before


@settings(deadline=None)
@given(interactions())
@pytest.mark.parametrize("rows", [None, [0, 3, 1]])
@pytest.mark.parametrize("weights", [(1.0, 1.0, 1.0, 1.0), (0.25, 0.25, 0.25, 0.25), (0.0, 0.0, 1.0), (1.0,)])
def test_the_layer_sum_is_that_of_the_dense_twin(
    rows: list[int] | None, weights: tuple[float, ...], train: np.ndarray
) -> None:
    graph = BipartiteGraph(sp.csr_matrix(train))
    table = torch.randn(graph.num_nodes, 3, generator=torch.Generator().manual_seed(0))
    found = propagate(graph.full, table, weights, None if rows is None else torch.tensor(rows))
    layers = reference.layers(reference.normalised_adjacency(train), table.double().numpy(), len(weights) - 1)
    total = sum(w * x for w, x in zip(weights, layers, strict=True))
    np.testing.assert_allclose(found.final, total if rows is None else total[rows], atol=1e-5)
    if rows is None:
        assert found.layers is None
    else:
        assert found.layers is not None
        np.testing.assert_allclose(found.layers, [layer[rows] for layer in layers], atol=1e-5)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_deepest_layer_is_the_same_for_the_wanted_rows_alone(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    train = random_interactions(30, 20, 0.2, 3)
    train[4], rows = 0.0, torch.tensor([49, 4, 0, 17])  # user 4 has no edge
    graph = BipartiteGraph(train)
    dropped, table = graph.drop_edges(0.7, np.random.default_rng(0)), torch.randn(50, 8)
    everything = propagate(dropped, table, (1.0,) * 4, torch.arange(50))
    monkeypatch.setattr("models.graph.MAX_ROW_SHARE", share)
    wanted = propagate(dropped, table, (1.0,) * 4, rows)
    assert everything.layers is not None
    assert wanted.layers is not None
    torch.testing.assert_close(wanted.layers, everything.layers[:, rows])
    torch.testing.assert_close(wanted.final, everything.final[rows])


@pytest.mark.parametrize("rows", [None, list(range(50))])
def test_users_and_items_apart_give_the_same_bits_as_both_at_once(
    rows: list[int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, found = random_interactions(30, 20, 0.2, 3), []
    train[4] = 0.0  # a user without edges
    for entries in (2**20, 0):
        monkeypatch.setattr("models.graph.SPLIT_ENTRIES", entries)
        dropped = BipartiteGraph(train).drop_edges(0.7, np.random.default_rng(0))
        assert len(dropped.matrix.parts) == (2 if entries == 0 else 1)
        table = torch.randn(50, 8, generator=torch.Generator().manual_seed(0), requires_grad=True)
        final = propagate(dropped, table, (1.0, 0.5, 2.0), None if rows is None else torch.tensor(rows)).final
        found.append((final, *torch.autograd.grad(final.square().sum(), table)))
    assert all(torch.equal(one, two) for one, two in zip(*found, strict=True))


def test_propagation_equals_that_of_torch_geometric() -> None:
    train = random_interactions(30, 20, 0.2, 3)
    graph = BipartiteGraph(train)
    pairs = torch.from_numpy(np.stack(train.nonzero())).long() + torch.tensor([[0], [30]])
    table, convolution = torch.randn(50, 8), LGConv()
    layer, total = table, table.clone()
    for _ in range(3):
        layer = convolution(layer, torch.cat([pairs, pairs.flip(0)], dim=1))
        total += layer
    torch.testing.assert_close(propagate(graph.full, table, (1.0,) * 4).final, total)


@pytest.mark.parametrize("rows", [None, [0, 7, 2, 7]])
def test_the_written_gradient_is_the_numerical_one_on_a_dropped_graph(rows: list[int] | None) -> None:
    graph = BipartiteGraph(random_interactions(4, 5, 0.5, 1))
    dropped = graph.drop_edges(0.6, np.random.default_rng(2))
    adjacency = Adjacency(*(node_matrix(matrix.whole.double(), graph.num_users) for matrix in dropped))
    table = torch.randn(graph.num_nodes, 2, dtype=torch.float64, requires_grad=True)

    def outputs(table: torch.Tensor) -> tuple[torch.Tensor, ...]:
        found = propagate(adjacency, table, (1.0, 0.5, 2.0), None if rows is None else torch.tensor(rows))
        return (found.final,) if found.layers is None else (found.final, found.layers)

    assert torch.autograd.gradcheck(outputs, (table,))


def test_asking_for_layers_changes_no_bit_of_the_gradient() -> None:
    graph = BipartiteGraph(random_interactions(30, 20, 0.2, 1))
    table, direction = torch.randn(50, 8, requires_grad=True), torch.randn(50, 8)
    gradients = []
    for rows in (None, torch.arange(50)):
        found = propagate(graph.full, table, (1.0,) * 4, rows)
        gradients += torch.autograd.grad((found.final * direction).sum(), table)
    assert torch.equal(*gradients)


def test_further_pairs_are_propagated_over_with_their_weight_and_are_no_train_pairs() -> None:
    train = random_interactions(6, 5, 0.4, 2)
    further = sp.csr_matrix(np.where(random_interactions(6, 5, 0.3, 3).toarray() > train.toarray(), 0.25, 0.0))
    graph = BipartiteGraph(train, further=further)
    weights = train.toarray() + further.toarray()
    dense = graph.full.matrix.whole.to_dense().numpy()
    np.testing.assert_allclose(dense, once.weighted_adjacency(weights), atol=1e-6)
    assert (graph.edges != train).nnz == 0
    factors = graph.reweighting(0.0, 2.0)
    expected = weights / np.maximum(weights.sum(axis=0), 1e-9) / 2.0  # d_u^0, d_i^-1
    thinned = reweighted(graph.full, factors).matrix.whole.to_dense().numpy()
    np.testing.assert_allclose(thinned[:6, 6:], expected, atol=1e-6)
