"""Laws of the sampler: every positive once, no train item as negative, uniform, and the same by bitmap or sorted keys."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import LmmrecError
from models.training.sampler import Membership, Sampler
from tests.models.strategies import interactions, random_interactions

pytestmark = pytest.mark.unit

CPU = torch.device("cpu")


def sampler(train: sp.csr_matrix, batch_size: int = 5, bitmap_limit_bytes: int = 2**20) -> Sampler:
    return Sampler(train, batch_size, np.random.default_rng(0), bitmap_limit_bytes)


@pytest.mark.parametrize("bitmap_limit_bytes", [0, 2**20])
@given(interactions())
def test_membership_is_that_of_the_matrix(bitmap_limit_bytes: int, train: np.ndarray) -> None:
    users, items = (index.ravel() for index in np.indices(train.shape))
    found = Membership(sp.csr_matrix(train), bitmap_limit_bytes)(users, items)
    np.testing.assert_array_equal(found, train.ravel() > 0)


@settings(deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 40))
def test_an_epoch_holds_every_positive_once_and_only_negatives_outside_train(seed: int, batch_size: int) -> None:
    train = random_interactions(7, 6, 0.4, seed)
    source = Sampler(train, batch_size, np.random.default_rng(seed))
    batches = list(source.epoch(CPU))
    assert len(batches) == source.num_batches == -(-train.nnz // batch_size)
    assert [len(batch.users) for batch in batches[:-1]] == [batch_size] * (len(batches) - 1)
    users, positives, negatives = (torch.cat(column).numpy() for column in zip(*batches, strict=True))
    assert sorted(zip(users, positives - 7, strict=True)) == sorted(zip(*train.nonzero(), strict=True))
    assert (train.toarray()[users, negatives - 7] == 0).all()


def test_bitmap_and_sorted_keys_draw_the_same_batches() -> None:
    train = random_interactions(20, 15, 0.3, 0)
    for one, other in zip(sampler(train).epoch(CPU), sampler(train, bitmap_limit_bytes=0).epoch(CPU), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_epochs_differ_in_order_and_in_negatives() -> None:
    source = sampler(random_interactions(20, 30, 0.3, 0), batch_size=1000)
    (first,), (second,) = list(source.epoch(CPU)), list(source.epoch(CPU))
    assert not torch.equal(first.users, second.users)
    assert not torch.equal(first.negatives.sort().values, second.negatives.sort().values)


def test_negatives_are_uniform_over_what_the_user_does_not_have() -> None:
    train = sp.csr_matrix(np.array([[1.0, 1.0, 0.0, 0.0, 0.0]]))
    source = sampler(train)
    drawn = np.bincount(np.concatenate([source.draw_negatives() for _ in range(6000)]), minlength=5)
    assert drawn[:2].tolist() == [0, 0]
    assert drawn[2:] / drawn.sum() == pytest.approx([1 / 3] * 3, abs=0.02)


def test_a_user_with_every_item_is_refused_instead_of_searching_for_ever() -> None:
    with pytest.raises(LmmrecError, match="user row 1 has all 3 items"):
        sampler(sp.csr_matrix(np.array([[1.0, 0, 0], [1, 1, 1]])))
