"""How the filter's weights are found: the split, the negatives, the convex problem, and what planted data teach."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.bases import PolyCFSignalConfig
from models.bases.signal_filter import SignalFilter
from models.bases.signal_fit import (
    basis_scores,
    draw_negatives,
    fitted_filter,
    hold_out,
    minimise,
    training_scores,
)
from models.graph import binary_csr
from tests.models.strategies import interactions, random_interactions
from tests.reference import polycf as reference

pytestmark = pytest.mark.unit

TRAIN = binary_csr(random_interactions(60, 40, 0.2, 0))


@settings(deadline=None)
@given(interactions(), st.sampled_from([0.1, 0.2, 0.5, 0.9]), st.integers(0, 3))
def test_holding_out_parts_each_users_items_and_leaves_one(train: np.ndarray, share: float, seed: int) -> None:
    rest, users, items = hold_out(binary_csr(sp.csr_matrix(train)), share, np.random.default_rng(seed))
    targets = sp.csr_matrix((np.ones(len(users)), (users, items)), shape=train.shape).toarray()
    np.testing.assert_array_equal(rest.toarray() + targets, train)
    for count, taken in zip(train.sum(axis=1), targets.sum(axis=1), strict=True):
        assert taken == (0 if count < 2 else min(max(np.rint(share * count), 1), count - 1))


def test_which_items_are_held_out_is_chance_by_seed() -> None:
    first, same, other = (hold_out(TRAIN, 0.2, np.random.default_rng(seed)).item_idx for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


def test_negatives_are_items_that_the_user_has_not() -> None:
    users = np.repeat(np.arange(60), 3)
    drawn = draw_negatives(TRAIN, users, 5, np.random.default_rng(0))
    assert drawn.shape == (180, 5)
    dense = TRAIN.toarray()
    assert all(dense[user, item] == 0 for user, row in zip(users, drawn, strict=True) for item in row)
    free = np.flatnonzero(dense[0] == 0)
    many = draw_negatives(TRAIN, np.zeros(200, dtype=np.int64), 50, np.random.default_rng(0))
    assert np.array_equal(np.unique(many), free)


def test_basis_scores_are_those_of_the_dense_powers_at_the_wanted_pairs() -> None:
    filters = SignalFilter.of(TRAIN, (0.0, 1.0), 5)
    users, items = np.array([0, 0, 7, 59]), np.array([[1, 2], [3, 4], [5, 6], [7, 8]])
    config = PolyCFSignalConfig(gammas=(0.0, 1.0), degree=2, ranks=(2, 5))
    found = basis_scores(filters, users, items, config)
    dense = TRAIN.toarray().astype(np.float64)
    elements = [np.linalg.matrix_power(reference.gram(dense, gamma), k) for gamma in (0.0, 1.0) for k in (1, 2)]
    elements += [reference.ideal_low_pass(dense, rank) for rank in (2, 5)]
    for row, user in enumerate(users):
        for column, item in enumerate(items[row]):
            expected = [dense[user] @ element[:, item] for element in elements]
            np.testing.assert_allclose(found[row, column], expected, atol=1e-5)


def scores_of(config: PolyCFSignalConfig) -> tuple[np.ndarray, np.ndarray]:
    return training_scores(config, TRAIN, np.random.default_rng(0))


@pytest.mark.parametrize("recovery", [0.0, 0.3])
def test_the_weights_are_the_minimum_of_the_objective(recovery: float) -> None:
    config = PolyCFSignalConfig(degree=2, ranks=(4, 8), recovery=recovery, shrinkage=1e-3)
    pairs = scores_of(config)
    best = minimise(*pairs, config)
    lowest = reference.objective(best, *pairs, recovery, 1e-3)
    rng = np.random.default_rng(1)
    for length in (1e-3, 1e-1, 1.0):
        for _ in range(5):
            moved = best + length * rng.standard_normal(len(best))
            assert reference.objective(moved, *pairs, recovery, 1e-3) > lowest


def test_fixed_weights_stay_and_the_others_are_the_best_beside_them() -> None:
    config = PolyCFSignalConfig(degree=1, ranks=(4, 8), omega=(0.5, 2.0))
    pairs = scores_of(config)
    best = minimise(*pairs, config)
    assert best[-2:].tolist() == [0.5, 2.0]
    lowest = reference.objective(best, *pairs, config.recovery, config.shrinkage)
    for number in range(3):
        for by in (-0.1, 0.1):
            moved = best.copy()
            moved[number] += by
            assert reference.objective(moved, *pairs, config.recovery, config.shrinkage) > lowest


def test_no_target_reaches_its_score_over_its_own_edge() -> None:
    """A pair that nothing but its own edge connects scores 0, whatever the filter."""
    lonely = np.kron(np.eye(20), np.array([[1.0, 1.0]]))  # user u has items 2u and 2u + 1, shared with nobody
    config = PolyCFSignalConfig(degree=2, ranks=(2, 4))
    positives, _ = training_scores(config, binary_csr(sp.csr_matrix(lonely)), np.random.default_rng(0))
    np.testing.assert_allclose(positives, 0.0, atol=1e-6)


def test_the_seed_reaches_the_weights_and_nothing_else_does() -> None:
    config = PolyCFSignalConfig(ranks=(4, 8))
    first, same, other = (fitted_filter(config, TRAIN, seed).theta for seed in (0, 0, 1))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_planted_communities_teach_the_filter_to_rank_them_first() -> None:
    rng = np.random.default_rng(0)
    user_group, item_group = np.arange(120) % 4, np.arange(80) % 4
    chance = np.where(user_group[:, None] == item_group[None, :], 0.4, 0.02)
    train = binary_csr(sp.csr_matrix((rng.random((120, 80)) < chance).astype(np.float32)))
    filters = fitted_filter(PolyCFSignalConfig(ranks=(2, 4)), train, 0)
    scores = filters.score(torch.arange(120)).numpy()
    unseen = train.toarray() == 0
    same = user_group[:, None] == item_group[None, :]
    aucs = [
        (scores[u][same[u] & unseen[u]][:, None] > scores[u][~same[u] & unseen[u]][None, :]).mean() for u in range(120)
    ]
    assert np.mean(aucs) > 0.95
    assert float(filters.omega[0]) > 0.0


def test_on_noise_popularity_is_all_there_is_and_the_filter_knows_it() -> None:
    """Where users choose by popularity alone, the learned filter prefers popular items to others among what is unseen."""
    rng = np.random.default_rng(0)
    popularity = np.linspace(0.02, 0.5, 50)
    train = binary_csr(sp.csr_matrix((rng.random((200, 50)) < popularity).astype(np.float32)))
    scores = fitted_filter(PolyCFSignalConfig(ranks=(2, 4)), train, 0).score(torch.arange(200)).numpy()
    assert np.corrcoef(scores.mean(axis=0), popularity)[0, 1] > 0.8


@pytest.mark.parametrize("groups", [2, 16])
def test_the_weights_of_nested_low_passes_say_how_many_vectors_the_data_want(groups: int) -> None:
    """Planted communities make as many singular vectors worth keeping; those beyond are noise and weigh little."""
    rng = np.random.default_rng(0)
    same = np.arange(320)[:, None] % groups == np.arange(160)[None, :] % groups
    train = binary_csr(sp.csr_matrix((rng.random(same.shape) < np.where(same, 0.5, 0.02)).astype(np.float32)))
    omega = fitted_filter(PolyCFSignalConfig(ranks=(2, 16, 64)), train, 0).omega
    assert omega.shape == (64,)
    assert torch.equal(omega.unique_consecutive(), omega[[0, 2, 16]])
    beyond = omega[groups:].abs().max()
    assert float(beyond) < 0.5 * float(omega[:groups].min())


def test_ranks_beyond_that_of_the_data_coincide_and_the_minimum_stays_one_point() -> None:
    config = PolyCFSignalConfig(ranks=(8, 64, 128))
    weights = minimise(*training_scores(config, TRAIN, np.random.default_rng(0)), config)
    assert weights[-1] == pytest.approx(weights[-2], abs=1e-6)
    assert fitted_filter(config, TRAIN, 0).omega.shape == (40,)


def test_settings_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="3 rows"):
        PolyCFSignalConfig(theta=((1.0,),))
    with pytest.raises(ValueError, match="5 entries"):
        PolyCFSignalConfig(omega=(0.3,))
    for ranks in ((16, 8), (8, 8)):
        with pytest.raises(ValueError, match="ascend"):
            PolyCFSignalConfig(ranks=ranks)
