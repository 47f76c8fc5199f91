"""The acceptance tests of the evaluation protocol, and the evaluator against a plain loop over users."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from models.errors import LmmrecError
from models.ranking.evaluate import evaluate
from models.ranking.metrics import average_popularity, coverage, gini
from models.ranking.protocol import PROTOCOLS, hidden_items
from tests.models.ranking.test_topk import Table
from tests.reference import ranking as reference

pytestmark = pytest.mark.unit

NOTHING = sp.csr_matrix((3, 6), dtype=np.float32)


def matrix(rows: list[list[int]], num_items: int = 6) -> sp.csr_matrix:
    """Item indices of each user as a binary matrix."""
    array = np.zeros((len(rows), num_items), dtype=np.float32)
    for user, items in enumerate(rows):
        array[user, items] = 1.0
    return sp.csr_matrix(array)


def test_a_case_computed_by_hand() -> None:
    falling = np.tile(np.arange(6, 0, -1), (3, 1))  # everybody's ranking is item 0, 1, 2, …
    test = matrix([[0, 2, 5], [], [3]])
    found = evaluate(Table(falling), NOTHING, NOTHING, test, ("rlmrec",), (2, 3))
    assert found.user_idx.tolist() == [0, 2]  # a user without test items does not enter the mean
    per_user = found.per_user["rlmrec"]
    assert per_user["recall_2"].tolist() == [1 / 3, 0 / 1]
    assert per_user["recall_3"].tolist() == [2 / 3, 0 / 1]
    ideal_3 = 1 / math.log2(2) + 1 / math.log2(3) + 1 / math.log2(4)
    assert per_user["ndcg_2"] == pytest.approx([(1 / math.log2(2)) / (1 / math.log2(2) + 1 / math.log2(3)), 0.0])
    assert per_user["ndcg_3"] == pytest.approx([(1 / math.log2(2) + 1 / math.log2(4)) / ideal_3, 0.0])
    assert found.means("rlmrec")["recall_2"] == pytest.approx(1 / 6)
    assert found.pair_user_idx.tolist() == [0, 0, 0, 2]
    assert found.pair_item_idx.tolist() == [0, 2, 5, 3]
    assert found.pair_rank["rlmrec"].tolist() == [1, 3, 0, 0]


def test_recall_divides_by_all_relevant_items_even_when_they_do_not_fit() -> None:
    falling = np.tile(np.arange(6, 0, -1), (1, 1))
    found = evaluate(Table(falling), NOTHING[:1], NOTHING[:1], matrix([[0, 1, 2, 3]]), ("rlmrec",), (2,))
    assert found.per_user["rlmrec"]["recall_2"].tolist() == [2 / 4]
    assert found.per_user["rlmrec"]["ndcg_2"].tolist() == [1.0]


@settings(deadline=None)
@given(hnp.arrays(np.float64, (4, 7), elements=st.sampled_from([0.0, 1.0])).filter(lambda array: bool(array.any())))
def test_the_perfect_ranker_has_ndcg_one_and_recall_min_k_over_relevant(relevant: np.ndarray) -> None:
    empty = sp.csr_matrix(relevant.shape)
    found = evaluate(Table(relevant), empty, empty, sp.csr_matrix(relevant), ("strict",), (3,))
    np.testing.assert_allclose(found.per_user["strict"]["ndcg_3"], 1.0)
    np.testing.assert_allclose(found.per_user["strict"]["recall_3"], np.minimum(found.num_test, 3) / found.num_test)


parts = hnp.arrays(np.int8, (5, 8), elements=st.integers(0, 3))  # 0 nothing, 1 train, 2 validation, 3 test
scores = hnp.arrays(np.float64, (5, 8), elements=st.sampled_from([0.0, 0.5, 1.0, 2.0]))


@settings(deadline=None)
@given(parts.filter(lambda array: bool((array == 3).any())), scores, st.integers(1, 5))
def test_every_number_is_that_of_a_loop_over_users(parts: np.ndarray, scores: np.ndarray, batch_size: int) -> None:
    train, validation, test = (sp.csr_matrix((parts == part).astype(np.float32)) for part in (1, 2, 3))
    found = evaluate(Table(scores), train, validation, test, ks=(2, 5), batch_size=batch_size)
    for protocol in PROTOCOLS:
        for row, user in enumerate(found.user_idx):
            hidden = set(np.flatnonzero((parts[user] == 1) | ((parts[user] == 2) & (protocol == "strict"))))
            ranked, relevant = reference.top_k(scores[user], hidden, 5), set(np.flatnonzero(parts[user] == 3))
            assert found.lists[protocol][row].tolist() == ranked + [-1] * (5 - len(ranked))
            for k in (2, 5):
                values = found.per_user[protocol]
                assert values[f"recall_{k}"][row] == pytest.approx(reference.recall(ranked, relevant, k))
                assert values[f"ndcg_{k}"][row] == pytest.approx(reference.ndcg(ranked, relevant, k))
            ranks = (
                dict(zip(found.pair_item_idx, found.pair_rank[protocol], strict=True))
                if len(found.user_idx) == 1
                else {}
            )
            for item, rank in ranks.items():
                assert rank == (ranked.index(item) + 1 if item in ranked else 0)


def test_train_never_validation_under_rlmrec_alone() -> None:
    train, validation, test = matrix([[0]]), matrix([[1]]), matrix([[2]])
    found = evaluate(Table(np.array([[9.0, 8, 7, 6, 5, 4]])), train, validation, test, ks=(6,))
    assert found.lists["rlmrec"].tolist() == [[1, 2, 3, 4, 5, -1]]
    assert found.lists["strict"].tolist() == [[2, 3, 4, 5, -1, -1]]
    assert found.num_train.tolist() == found.num_test.tolist() == [1]


@pytest.mark.parametrize("protocols", [("rlmrec", "strict"), ("strict", "rlmrec")])
def test_protocols_do_not_disturb_each_other(protocols: tuple[str, str]) -> None:
    rng = np.random.default_rng(0)
    train, validation, test = (sp.csr_matrix((rng.random((9, 30)) < 0.2).astype(np.float32)) for _ in range(3))
    table = Table(rng.random((9, 30)))
    together = evaluate(table, train, validation, test, protocols)  # type: ignore[arg-type]
    for protocol in PROTOCOLS:
        alone = evaluate(table, train, validation, test, (protocol,))
        np.testing.assert_array_equal(together.lists[protocol], alone.lists[protocol])


def test_no_held_out_interaction_and_unknown_protocol_are_refused() -> None:
    with pytest.raises(LmmrecError, match="nothing to evaluate"):
        evaluate(Table(np.zeros((3, 6))), NOTHING, NOTHING, NOTHING)
    with pytest.raises(LmmrecError, match="no evaluation protocol 'loose'"):
        hidden_items("loose", NOTHING, NOTHING)  # type: ignore[arg-type]


def test_catalogue_metrics_of_lists_counted_by_hand() -> None:
    lists = np.array([[0, 1], [0, -1]])
    assert coverage(lists, 4) == 2 / 4
    assert gini(lists, 4) == pytest.approx(reference.gini([2, 1, 0, 0]))
    assert average_popularity(lists, np.array([10, 4, 1, 1])) == pytest.approx((10 + 4 + 10) / 3)
    assert gini(np.array([[0, 1, 2, 3]]), 4) == pytest.approx(0.0)
    assert gini(np.full((2, 2), -1), 4) == 0.0
