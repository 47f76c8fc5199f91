"""The signal form's filter against dense matrix powers, its diagonal, and the singular values it is scaled by."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.anchors.gfcf import GFCF
from models.bases import PolyCFSignalConfig
from models.bases.signal_filter import SignalFilter
from models.bases.signal_fit import fitted_filter
from models.graph import binary_csr
from models.spectrum import largest_singular_value, leading_singular_vectors, normalised, sketched_vectors
from tests.models.strategies import interactions, random_interactions
from tests.reference import polycf as reference

pytestmark = pytest.mark.unit

GAMMAS = (0.0, 0.5, 1.0)
THETA = np.array([[0.5, -0.3], [1.0, 0.2], [-0.4, 0.7]])
RANKS, OMEGA = (1, 3), (-0.5, 0.8)


def filter_of(array: np.ndarray) -> SignalFilter:
    filters = SignalFilter.of(binary_csr(sp.csr_matrix(array)), GAMMAS, RANKS[-1])
    return filters.weighted(torch.from_numpy(THETA), RANKS, torch.tensor(OMEGA))


def distinct_spectrum(array: np.ndarray) -> bool:
    """Whether the first singular vectors of each rank are determined: no tie at a cut."""
    values = np.linalg.svd(reference.generalized(array, 0.5), compute_uv=False)
    values = values[values > 1e-6 * values[0]]
    return all(rank >= len(values) or values[rank - 1] - values[rank] > 1e-3 for rank in RANKS)


# --- the filter ------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(interactions().filter(distinct_spectrum))
def test_scores_are_those_of_dense_matrix_powers(train: np.ndarray) -> None:
    expected = train @ reference.transfer(train, GAMMAS, THETA, OMEGA, RANKS)
    np.testing.assert_allclose(filter_of(train).score(torch.arange(len(train))), expected, atol=1e-5)


@settings(deadline=None)
@given(interactions().filter(distinct_spectrum))
def test_the_diagonal_is_that_of_the_dense_filter(train: np.ndarray) -> None:
    expected = np.diag(reference.transfer(train, GAMMAS, THETA, OMEGA, RANKS))
    np.testing.assert_allclose(filter_of(train).diagonal(), expected, atol=1e-5)


def test_the_basis_weighted_and_summed_is_the_response() -> None:
    filters = filter_of(random_interactions(12, 9, 0.3, 0).toarray())
    signals = torch.rand(9, 4, generator=torch.Generator().manual_seed(0))
    weights = [*THETA.ravel(), *OMEGA]
    total = sum(weight * answer for weight, answer in zip(weights, filters.basis(signals, 2, RANKS), strict=True))
    torch.testing.assert_close(filters.respond(signals), total, atol=1e-5, rtol=1e-4)


def test_a_train_item_scored_without_its_own_edge_is_scored_without_it_in_the_signal() -> None:
    train = random_interactions(12, 9, 0.3, 0).toarray()
    filters = filter_of(train)
    scores, diagonal = filters.score(torch.arange(12)).numpy(), filters.diagonal().numpy()
    dense = reference.transfer(train, GAMMAS, THETA, OMEGA, RANKS)
    for user, item in zip(*np.nonzero(train), strict=True):
        without = train[user].copy()
        without[item] = 0.0
        assert scores[user, item] - diagonal[item] == pytest.approx((without @ dense)[item], abs=1e-5)


def test_scores_come_from_the_stored_tensors_alone_whatever_the_chunks() -> None:
    filters = filter_of(random_interactions(600, 9, 0.3, 0).toarray())
    again = SignalFilter.from_tensors({name: tensor.clone() for name, tensor in filters.tensors().items()})
    users = torch.tensor([3, 599, 0, 3])
    torch.testing.assert_close(again.score(users), filters.score(torch.arange(600))[users])
    assert again.score(torch.zeros(0, dtype=torch.int64)).shape == (0, 9)


def test_the_shapes_that_a_checkpoint_is_checked_by_are_those_of_the_tensors() -> None:
    filters = filter_of(random_interactions(12, 9, 0.3, 0).toarray())
    shapes = SignalFilter.shapes(12, 9, 3, 2)
    assert shapes.keys() == filters.tensors().keys()
    for name, tensor in filters.tensors().items():
        assert [want for want in shapes[name] if want is not None] == [
            have for have, want in zip(tensor.shape, shapes[name], strict=True) if want is not None
        ]


# --- the spectrum ----------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(interactions(), st.sampled_from([0.0, 0.25, 0.5, 1.0]))
def test_the_largest_singular_value_is_that_of_the_dense_matrix(train: np.ndarray, gamma: float) -> None:
    expected = np.linalg.svd(reference.generalized(train, gamma), compute_uv=False)[0]
    found = largest_singular_value(binary_csr(sp.csr_matrix(train)), gamma)
    assert found == pytest.approx(expected, rel=1e-5)
    if gamma == 0.5:
        assert found == 1.0


@pytest.mark.parametrize("rank", [1, 4, 8, 20])
def test_singular_vectors_span_what_the_dense_ones_span(rank: int) -> None:
    train = random_interactions(12, 9, 0.3, 0)
    left, right = leading_singular_vectors(normalised(train, 0.5), rank)
    of_users, of_items = reference.projections(train.toarray(), rank)
    np.testing.assert_allclose(left @ left.T, of_users, atol=1e-8)
    np.testing.assert_allclose(right @ right.T, of_items, atol=1e-8)


@pytest.mark.parametrize("rank", [2, 9])
def test_the_first_singular_vectors_are_those_of_the_largest_values(rank: int) -> None:
    matrix = normalised(random_interactions(12, 9, 0.3, 0), 0.5)
    left, right = leading_singular_vectors(matrix, rank)
    values = np.linalg.svd(matrix.toarray(), compute_uv=False)
    np.testing.assert_allclose(np.diag(left.T @ matrix @ right), values[: left.shape[1]], atol=1e-8)


def separated(rank: int) -> sp.csr_matrix:
    """(60, 50) with `rank` singular values from 1 to 2 and all others below 0.3."""
    rng = np.random.default_rng(0)
    left, right = (np.linalg.qr(rng.standard_normal((size, 50)))[0] for size in (60, 50))
    values = np.concatenate([np.linspace(2.0, 1.0, rank), np.linspace(0.3, 0.1, 50 - rank)])
    return sp.csr_matrix(left * values @ right.T)


@pytest.mark.parametrize("rank", [1, 6, 15])
def test_sketched_vectors_are_the_singular_vectors_where_values_stand_apart(rank: int) -> None:
    matrix = separated(rank)
    left, right = sketched_vectors(matrix, rank)
    wanted = leading_singular_vectors(matrix, rank)
    np.testing.assert_allclose(left @ left.T, wanted[0] @ wanted[0].T, atol=1e-5)
    np.testing.assert_allclose(right @ right.T, wanted[1] @ wanted[1].T, atol=1e-5)
    np.testing.assert_allclose(np.diag(left.T @ matrix @ right), np.linspace(2.0, 1.0, rank), atol=1e-5)


def test_a_sketch_keeps_nearly_all_that_singular_vectors_of_equal_rank_keep() -> None:
    matrix = normalised(random_interactions(300, 200, 0.05, 0), 0.5)  # values that hardly differ
    kept = [
        np.square(matrix @ vectors(matrix, 40)[1]).sum() for vectors in (sketched_vectors, leading_singular_vectors)
    ]
    assert 0.95 < kept[0] / kept[1] <= 1.0 + 1e-6


def test_a_sketch_of_a_matrix_of_lower_rank_is_no_wider_and_the_same_every_time() -> None:
    matrix = sp.csr_matrix(np.outer(np.arange(1.0, 9.0), np.ones(7)))
    first, second = (sketched_vectors(matrix, 5) for _ in range(2))
    assert [side.shape[1] for side in first] == [1, 1]
    assert [side.tobytes() for side in first] == [side.tobytes() for side in second]


# --- its closed form is GF-CF ----------------------------------------------------------------------------------------


def gfcf_settings(rank: int) -> PolyCFSignalConfig:
    return PolyCFSignalConfig(gammas=(0.5,), degree=1, ranks=(rank,), theta=((1.0,),), omega=(0.3,))


def test_one_power_of_the_symmetric_gram_with_fixed_weights_is_gfcf() -> None:
    train = random_interactions(40, 30, 0.2, 0)
    expected = GFCF(rank=8, alpha=0.3).fit(train).score(np.arange(40))
    found = fitted_filter(gfcf_settings(8), binary_csr(train), 0).score(torch.arange(40))
    np.testing.assert_allclose(found, expected, atol=1e-5)
