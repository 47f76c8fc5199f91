"""The generator of synthetic interactions, and the memory formula against the sampler that it speaks of."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import growth
from benchmarks.growth import predicted_bytes
from benchmarks.synthetic import population, zipf_interactions
from models.training import sampler

pytestmark = pytest.mark.unit


def test_there_are_exactly_as_many_distinct_pairs_as_asked_for() -> None:
    for edges in (5_000, 20_000):
        matrix = zipf_interactions(edges)
        assert matrix.shape == (edges // 10, edges // 100)
        assert matrix.nnz == edges
        assert set(matrix.data) == {1.0}
        assert matrix.has_canonical_format


def test_a_denser_graph_has_the_same_first_size_and_then_fewer_users_with_more_each() -> None:
    assert population(100_000, "denser") == population(100_000, "wider") == (10_000, 1_000)
    denser = zipf_interactions(400_000, shape="denser")
    assert denser.shape == (20_000, 2_000)
    assert denser.nnz == 400_000


def test_the_same_seed_gives_the_same_matrix_and_another_seed_another() -> None:
    one, two, other = zipf_interactions(5_000, 1), zipf_interactions(5_000, 1), zipf_interactions(5_000, 2)
    assert (one != two).nnz == 0
    assert (one != other).nnz > 0


def test_few_items_have_much_and_popularity_does_not_follow_the_index() -> None:
    matrix = zipf_interactions(50_000)
    degrees = np.sort(np.asarray(matrix.sum(axis=0)).ravel())[::-1]
    assert degrees[:50].sum() > 0.25 * matrix.nnz  # a tenth of the items
    half = matrix.shape[1] // 2
    assert 0.3 < matrix[:, :half].nnz / matrix.nnz < 0.7


def test_no_user_has_every_item() -> None:
    matrix = zipf_interactions(100_000)
    assert np.diff(matrix.indptr).max() < matrix.shape[1]


def test_a_size_without_room_for_negatives_is_refused() -> None:
    with pytest.raises(ValueError, match="no room for negatives"):
        zipf_interactions(100)


def test_the_formula_knows_when_the_sampler_leaves_the_bitmap() -> None:
    assert growth.BITMAP_LIMIT_BYTES == sampler.BITMAP_LIMIT_BYTES
    edges, dim = 1_000, 32
    small, large = predicted_bytes(100, 80, edges, dim), predicted_bytes(1_000_000, 80_000, edges, dim)
    per_node = growth.TABLES * dim * 4
    assert small - 180 * per_node == growth.BYTES_PER_EDGE * edges + 100 * 80 // 8 + 1
    assert large - 1_080_000 * per_node == (growth.BYTES_PER_EDGE + 8) * edges
