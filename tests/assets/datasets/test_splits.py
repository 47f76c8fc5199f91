"""Laws of the splits and of the k-core, held against their slow twins."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.datasets.kcore import k_core
from assets.datasets.splits import leave_one_out_labels, ratio_labels, require_times, temporal_labels
from models.errors import LmmrecError
from tests.reference import kcore as slow_kcore
from tests.reference import splits as slow

pytestmark = pytest.mark.unit

PAIRS = st.sets(st.tuples(st.integers(0, 12), st.integers(0, 9)), max_size=60)
PARTS = st.sampled_from([(3.0, 1.0, 1.0), (8.0, 1.0, 1.0), (7.0, 1.0, 0.0), (1.0, 0.0, 1.0), (1.0, 5.0, 5.0)])
SEEDS = st.integers(0, 2**31)


def arrays(pairs: set[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    rows = sorted(pairs)
    return (
        np.array([user for user, _ in rows], dtype=np.int64),
        np.array([item for _, item in rows], dtype=np.int64),
    )


@given(PAIRS, PARTS, SEEDS)
def test_the_ratio_split_is_its_slow_twin(
    pairs: set[tuple[int, int]], parts: tuple[float, float, float], seed: int
) -> None:
    users, items = arrays(pairs)
    order = np.random.default_rng(seed).permutation(users.size)
    assert ratio_labels(users, items, parts, seed).tolist() == slow.ratio(
        users.tolist(), items.tolist(), order.tolist(), parts
    )


@given(PAIRS, PARTS, SEEDS)
def test_every_user_and_item_keeps_a_train_pair(
    pairs: set[tuple[int, int]], parts: tuple[float, float, float], seed: int
) -> None:
    users, items = arrays(pairs)
    train = ratio_labels(users, items, parts, seed) == 0
    assert set(users[train]) == set(users)
    assert set(items[train]) == set(items)


@given(PAIRS, PARTS, SEEDS)
def test_train_is_its_share_unless_the_reserved_pairs_need_more(
    pairs: set[tuple[int, int]], parts: tuple[float, float, float], seed: int
) -> None:
    users, items = arrays(pairs)
    train = int((ratio_labels(users, items, parts, seed) == 0).sum())
    share = round(users.size * parts[0] / sum(parts))
    assert share <= train <= max(share, len(set(users)) + len(set(items)))


def test_a_split_of_many_pairs_has_the_shares_asked_for() -> None:
    rng = np.random.default_rng(0)
    keys = np.unique(rng.integers(0, 500 * 400, size=30_000))
    labels = ratio_labels(keys // 400, keys % 400, (3, 1, 1), seed=1)
    assert np.bincount(labels) / keys.size == pytest.approx([0.6, 0.2, 0.2], abs=1e-4)


def test_another_seed_gives_another_split_and_the_same_seed_the_same() -> None:
    keys = np.arange(4000, dtype=np.int64)
    first, same, other = (ratio_labels(keys // 40, keys % 40, (3, 1, 1), seed) for seed in (1, 1, 2))
    assert (first == same).all()
    assert (first != other).any()


@given(st.lists(st.integers(0, 5), max_size=40), PARTS)
def test_the_temporal_split_is_its_slow_twin(times: list[int], parts: tuple[float, float, float]) -> None:
    assert temporal_labels(np.array(times, dtype=np.int64), parts).tolist() == slow.temporal(times, parts)


@given(st.lists(st.integers(0, 5), max_size=40))
def test_no_train_pair_is_younger_than_a_test_pair(times: list[int]) -> None:
    moments = np.array(times, dtype=np.int64)
    labels = temporal_labels(moments, (3, 1, 1))
    if (labels == 2).any() and (labels == 0).any():
        assert moments[labels == 0].max() <= moments[labels == 2].min()


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4)), max_size=40))
def test_leave_one_out_is_its_slow_twin(rows: list[tuple[int, int]]) -> None:
    users, times = [user for user, _ in rows], [time for _, time in rows]
    labels = leave_one_out_labels(np.array(users, dtype=np.int64), np.array(times, dtype=np.int64))
    assert labels.tolist() == slow.leave_one_out(users, times)


def test_a_split_by_time_refuses_missing_times_with_their_number() -> None:
    with pytest.raises(LmmrecError, match="3 of 10 interactions have no timestamp"):
        require_times(3, 10, "temporal")


@given(PAIRS, st.integers(1, 5))
def test_the_core_is_its_slow_twin(pairs: set[tuple[int, int]], k: int) -> None:
    users, items = arrays(pairs)
    stays_user, stays_item = k_core(users.astype(np.int32), items.astype(np.int32), k)
    kept = {(user, item) for user, item in pairs if stays_user[user] and stays_item[item]}
    assert kept == slow_kcore.k_core(pairs, k)
    assert set(np.flatnonzero(stays_user)) == {user for user, _ in kept}
    assert set(np.flatnonzero(stays_item)) == {item for _, item in kept}
