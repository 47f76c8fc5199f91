"""Planted effects through the whole way from user numbers to a verdict: none is found where none is, and one where one is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from assets.evaluation.pairing import METRICS, adjusted, compare_columns, holds_for_other_seeds, verdict
from models.ranking.significance import paired_t, wilcoxon

pytestmark = pytest.mark.unit

USERS = 150
NAMES = [f"{metric}_{k}" for metric, k in METRICS]


def row(rng: np.random.Generator, effect: float) -> dict[str, dict[str, Any]]:
    """A row of six metrics that hang together, as metrics do: differences of users with `effect` on their mean."""
    shared = rng.standard_normal((USERS, 1))
    drawn = effect + 0.1 * (0.8 * shared + 0.6 * rng.standard_normal((USERS, len(NAMES))))
    drawn *= rng.random((USERS, 1)) < 0.7  # many users get the same list from both
    return adjusted(
        {
            name: {"difference": float(one.mean()), "t_p": paired_t(one), "wilcoxon_p": wilcoxon(one)}
            for name, one in zip(NAMES, drawn.T, strict=True)
        }
    )


def test_of_400_rows_without_an_effect_at_most_one_in_twenty_makes_any_claim() -> None:
    rng = np.random.default_rng(11)
    claims = [any(verdict(found) != "not significant" for found in row(rng, 0.0).values()) for _ in range(400)]
    assert np.mean(claims) <= 0.05


@pytest.mark.parametrize(("effect", "expected"), [(0.04, "better"), (-0.04, "worse")])
def test_a_planted_effect_is_found_in_its_direction_nine_times_out_of_ten(effect: float, expected: str) -> None:
    rng = np.random.default_rng(12)
    found = [verdict(one) for _ in range(60) for one in row(rng, effect).values()]
    assert np.mean([one == expected for one in found]) > 0.9
    assert not {"better", "worse"} - {expected} & set(found)


def test_without_several_seeds_nothing_is_said_of_other_seeds() -> None:
    import pandas as pd

    rng = np.random.default_rng(13)
    right = pd.DataFrame({name: rng.random(USERS) for name in NAMES})
    left = right + 0.05 + 0.1 * rng.standard_normal((USERS, 1))
    alone = compare_columns(left, right, NAMES)
    assert {holds_for_other_seeds(found) for found in alone.values()} == {None}
    shared_luck = np.linspace(-0.2, 0.3, 5)  # one training in two is worse for everybody
    by_seed = {name: (left[name] - right[name]).to_numpy()[:, None] + shared_luck - 0.05 for name in NAMES}
    several = compare_columns(left, right, NAMES, by_seed)
    assert {verdict(found) for found in several.values()} == {"better"}
    assert {holds_for_other_seeds(found) for found in several.values()} == {False}
