"""Top-k against a sort of one user at a time, and its determinism where scores are equal."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from models.errors import LmmrecError
from models.ranking.topk import largest, select, top_k
from tests.reference import ranking as reference

pytestmark = pytest.mark.unit


class Table:
    """A scorer that looks the scores up."""

    def __init__(self, scores: np.ndarray) -> None:
        self.scores = scores.astype(np.float32)

    def score(self, user_idx: np.ndarray) -> np.ndarray:
        return self.scores[user_idx]


few_values = st.sampled_from([-1.0, 0.0, 0.5, 1.0, 7.0])  # few, so that ties are the rule
score_tables = st.tuples(st.integers(1, 5), st.integers(1, 9)).flatmap(
    lambda shape: st.tuples(
        hnp.arrays(np.float64, shape, elements=few_values),
        hnp.arrays(np.float64, shape, elements=st.sampled_from([0.0, 1.0])),
    )
)


@settings(deadline=None)
@given(score_tables, st.integers(1, 12), st.integers(1, 4))
def test_top_k_is_a_sort_by_score_then_index(tables: tuple[np.ndarray, np.ndarray], k: int, batch_size: int) -> None:
    scores, hidden = tables
    users = np.arange(len(scores))
    items, values = top_k(Table(scores), users, k, sp.csr_matrix(hidden), batch_size)
    assert items.shape == values.shape == (len(scores), k)
    for user in users:
        expected = reference.top_k(scores[user], set(np.flatnonzero(hidden[user])), k)
        assert items[user].tolist() == expected + [-1] * (k - len(expected))
        assert values[user, : len(expected)].tolist() == scores[user, expected].tolist()
        assert np.isneginf(values[user, len(expected) :]).all()


def test_the_users_may_be_asked_for_in_any_order() -> None:
    scores = np.random.default_rng(0).random((6, 10))
    nothing = sp.csr_matrix((6, 10))
    some, _ = top_k(Table(scores), np.array([4, 0, 4]), 3, nothing, batch_size=2)
    everyone, _ = top_k(Table(scores), np.arange(6), 3, nothing)
    np.testing.assert_array_equal(some, everyone[[4, 0, 4]])


@settings(deadline=None)
@given(
    st.integers(1, 300).flatmap(
        lambda columns: hnp.arrays(
            np.float32, (3, columns), elements=st.sampled_from([-np.inf, -1.0, 0.0, 0.25, 0.5, 3.0, np.inf])
        )
    ),
    st.integers(1, 12),
)
def test_the_largest_of_folded_columns_are_the_largest_of_all(scores: np.ndarray, k: int) -> None:
    k = min(k, scores.shape[1])
    values, columns = largest(torch.from_numpy(scores), k, in_order=True)
    np.testing.assert_array_equal(values.numpy(), -np.sort(-scores, axis=1)[:, :k])
    np.testing.assert_array_equal(np.take_along_axis(scores, columns.numpy(), axis=1), values.numpy())
    assert all(len(set(row)) == k for row in columns.tolist())


@pytest.mark.parametrize("num_items", [50, 200, 3001])
def test_long_rows_follow_the_same_order_as_short_ones(num_items: int) -> None:
    rng = np.random.default_rng(num_items)
    for scores in (rng.random((4, num_items)), rng.integers(0, 5, (4, num_items)), np.zeros((4, num_items))):
        items, _ = top_k(Table(scores), np.arange(4), 7, sp.csr_matrix((4, num_items)))
        assert items.tolist() == [reference.top_k(row, set(), 7) for row in scores.astype(np.float32)]


@pytest.mark.parametrize("column", [0, 511, 1023, 1029])
def test_one_score_that_is_not_a_number_is_found_among_many(column: int) -> None:
    scores = np.random.default_rng(0).random((2, 1030))
    scores[1, column] = np.nan
    with pytest.raises(LmmrecError, match="not numbers"):
        top_k(Table(scores), np.arange(2), 3, sp.csr_matrix((2, 1030)))


def test_a_tie_across_the_edge_takes_the_lower_index() -> None:
    items, _ = select(torch.tensor([[0.0, 1.0, 0.0, 2.0, 0.0, 0.0]]), 3)
    assert items.tolist() == [[3, 1, 0]]


def test_scores_that_are_not_numbers_are_refused() -> None:
    with pytest.raises(LmmrecError, match="not numbers"):
        top_k(Table(np.array([[0.0, np.nan, 1.0]])), np.array([0]), 1, sp.csr_matrix((1, 3)))


def test_a_model_of_another_split_is_refused() -> None:
    with pytest.raises(LmmrecError, match="another split"):
        top_k(Table(np.zeros((2, 3))), np.array([0]), 1, sp.csr_matrix((2, 4)))
