"""The test over users and seeds: as the one over users where training has no part, and without its error where it has."""

from __future__ import annotations

import numpy as np
import pytest

from models.errors import LmmrecError
from models.ranking.crossed import over_users_and_seeds
from models.ranking.significance import paired_t

pytestmark = pytest.mark.unit

USERS, SEEDS, SIMULATIONS = 200, 5, 400


def differences(rng: np.random.Generator, effect: float = 0.0, training: float = 0.0, users: int = USERS) -> np.ndarray:
    """(users, seeds): users differ by 0.1, single results by 0.2, and each pair of trainings by `training` for everybody."""
    of_users, of_seeds = 0.1 * rng.standard_normal((users, 1)), training * rng.standard_normal((1, SEEDS))
    return np.asarray(effect + of_users + of_seeds + 0.2 * rng.standard_normal((users, SEEDS)))


def share_called(effect: float, training: float) -> tuple[float, float]:
    """Share of simulations below 0.05: by the paired test over users, and over users and seeds."""
    rng = np.random.default_rng(7)
    drawn = [differences(rng, effect, training) for _ in range(SIMULATIONS)]
    of_users = np.mean([paired_t(one.mean(axis=1)) < 0.05 for one in drawn])
    return float(of_users), float(np.mean([over_users_and_seeds(one) < 0.05 for one in drawn]))


def test_where_training_gives_everybody_the_same_luck_the_test_over_users_errs_and_this_one_does_not() -> None:
    of_users, of_both = share_called(effect=0.0, training=0.03)
    assert of_users > 0.2
    assert of_both <= 0.05


def test_without_such_luck_neither_errs() -> None:
    of_users, of_both = share_called(effect=0.0, training=0.0)
    assert of_users <= 0.07
    assert of_both <= 0.05


def test_an_effect_of_some_size_is_found_by_both() -> None:
    assert min(share_called(effect=0.05, training=0.01)) > 0.9


def test_it_is_never_surer_than_the_test_over_users_and_no_sign_matters() -> None:
    rng = np.random.default_rng(3)
    for training in (0.0, 0.01, 0.1):
        drawn = differences(rng, 0.02, training)
        assert over_users_and_seeds(drawn) >= 0.9 * paired_t(drawn.mean(axis=1))
        assert over_users_and_seeds(drawn) == pytest.approx(over_users_and_seeds(-drawn))


def test_no_difference_anywhere_is_one_and_the_same_one_everywhere_is_none() -> None:
    assert over_users_and_seeds(np.zeros((4, 3))) == 1.0
    assert over_users_and_seeds(np.full((4, 3), 0.5)) == 0.0


@pytest.mark.parametrize("shape", [(1, 5), (5, 1), (5,)])
def test_one_seed_or_one_user_cannot_tell(shape: tuple[int, ...]) -> None:
    with pytest.raises(LmmrecError, match="at least two of each"):
        over_users_and_seeds(np.zeros(shape))
