"""Tokens: nearest by the slow twin, laws of k-means, and the same for one state of the generator."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.quantisation import kmeans, nearest, residual_kmeans
from tests.models.strategies import matrices
from tests.reference import quantisation as reference

pytestmark = pytest.mark.unit


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def clusters(seed: int = 0, count: int = 4, each: int = 30) -> tuple[torch.Tensor, torch.Tensor]:
    """Points about far corners, and which corner each belongs to."""
    drawn = np.random.default_rng(seed)
    corners = 20.0 * np.eye(count, 6)
    labels = np.repeat(np.arange(count), each)
    return torch.from_numpy(corners[labels] + drawn.standard_normal((len(labels), 6))).float(), torch.from_numpy(labels)


@settings(deadline=None, max_examples=30)
@given(matrices(7, 3), st.integers(1, 4), st.integers(1, 9))
def test_every_token_is_the_nearest_centre_of_what_the_levels_before_left(
    vectors: np.ndarray, levels: int, codes: int
) -> None:
    found = residual_kmeans(torch.from_numpy(vectors).float(), levels, codes, rng())
    assert found.centres.shape == (levels, min(codes, 7), 3)
    for vector, mine in zip(vectors, found.codes.tolist(), strict=True):
        left = vector.copy()
        for level, code in enumerate(mine):
            centres = found.centres[level].double().numpy()
            best = ((left - centres[reference.nearest(left, centres)]) ** 2).sum()
            assert ((left - centres[code]) ** 2).sum() == pytest.approx(best, abs=1e-4)  # of two as near, either
            left = left - centres[code]


def test_on_vectors_without_ties_the_tuples_are_those_of_the_slow_twin() -> None:
    vectors, _ = clusters()
    found = residual_kmeans(vectors, 3, 8, rng())
    expected = [reference.tokens(vector, found.centres.double().numpy()) for vector in vectors.double().numpy()]
    assert found.codes.tolist() == expected


@pytest.mark.parametrize("seed", range(5))
def test_it_finds_clusters_that_lie_apart_and_a_centre_is_the_mean_of_its_own(seed: int) -> None:
    vectors, labels = clusters(seed)
    centres = kmeans(vectors, 4, rng(seed))
    found = nearest(vectors, centres)
    for label in range(4):
        mine = found[labels == label]
        assert len(torch.unique(mine)) == 1
        torch.testing.assert_close(centres[mine[0]], vectors[labels == label].mean(dim=0), atol=1e-4, rtol=1e-4)
    assert len(torch.unique(found)) == 4


def test_each_further_level_leaves_less_and_a_code_for_each_vector_leaves_nothing() -> None:
    vectors, _ = clusters()
    errors = [residual_kmeans(vectors, levels, 8, rng()).reconstruction_error for levels in (1, 2, 3)]
    assert errors[0] > errors[1] > errors[2] > 0.0
    assert residual_kmeans(vectors, 1, 500, rng()).reconstruction_error < 1e-6


def test_equal_vectors_collide_and_use_few_codes() -> None:
    found = residual_kmeans(torch.ones(10, 4), 2, 5, rng())
    assert (found.collision_rate, found.reconstruction_error) == (1.0, 0.0)
    assert found.usage <= 0.4
    assert residual_kmeans(torch.zeros(3, 4), 2, 5, rng()).reconstruction_error == 0.0


def test_one_state_of_the_generator_gives_one_result() -> None:
    vectors, _ = clusters()
    one, again, other = (residual_kmeans(vectors, 2, 8, rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(one.centres, again.centres)
    assert not torch.equal(one.centres, other.centres)
