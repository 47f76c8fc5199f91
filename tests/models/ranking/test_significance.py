"""The statistics: direction, agreement with SciPy and with tables, and laws of the interval and of Holm's correction."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from models.errors import LmmrecError
from models.ranking.significance import bootstrap_interval, compare, holm, paired_t, wilcoxon

pytestmark = pytest.mark.unit


def users(shift: float, seed: int = 0, num: int = 400) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    reference = rng.random(num)
    return reference + shift + 0.1 * rng.standard_normal(num), reference


def test_a_better_first_argument_is_a_positive_difference() -> None:
    better, worse = users(0.05)
    up, down = compare(better, worse), compare(worse, better)
    assert up.mean_difference > 0 > down.mean_difference
    assert 0 < up.low < up.mean_difference < up.high
    assert up.effect_size == pytest.approx(-down.effect_size)
    assert up.relative == pytest.approx((better.mean() - worse.mean()) / worse.mean())
    assert up.t_p == pytest.approx(down.t_p)  # two-sided: direction is in the difference, not in p
    assert up.t_p < 1e-6
    assert up.wilcoxon_p < 1e-6


def test_the_p_values_are_those_of_the_paired_tests() -> None:
    first, second = users(0.003)
    found = compare(first, second)
    assert found.t_p == pytest.approx(stats.ttest_rel(first, second).pvalue)
    assert found.wilcoxon_p == pytest.approx(stats.wilcoxon(first, second).pvalue)


def test_no_difference_is_never_significant() -> None:
    same = np.array([0.1, 0.5, 0.5])
    found = compare(same, same)
    assert (found.t_p, found.wilcoxon_p, found.mean_difference, found.effect_size) == (1.0, 1.0, 0.0, 0.0)
    assert (found.low, found.high) == (0.0, 0.0)


def test_under_the_null_five_percent_are_called_significant() -> None:
    rng = np.random.default_rng(1)
    p_values = np.array([paired_t(rng.standard_normal(50)) for _ in range(2000)])
    assert (p_values < 0.05).mean() == pytest.approx(0.05, abs=0.015)


def test_the_interval_covers_the_true_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    covered = [
        low <= 1.0 <= high
        for low, high in (bootstrap_interval(rng.normal(1.0, 1.0, 60), resamples=400) for _ in range(300))
    ]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.04)


def test_the_interval_is_the_same_every_time() -> None:
    difference = users(0.01)[0]
    assert bootstrap_interval(difference) == bootstrap_interval(difference)


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=12))
def test_holm_only_raises_p_values_keeps_their_order_and_stays_below_bonferroni(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    for raw, corrected in zip(p_values, adjusted, strict=True):
        assert raw <= corrected <= min(1.0, raw * len(p_values) + 1e-12)
    assert [adjusted[i] for i in np.argsort(p_values, kind="stable")] == sorted(adjusted)


def test_holm_on_the_textbook_case() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [([0.1, 0.2], [0.1], "same users"), ([0.1], [0.1], "at least two"), ([0.1, float("nan")], [0.1, 0.2], "finite")],
)
def test_what_cannot_be_paired_is_refused(first: list[float], second: list[float], message: str) -> None:
    with pytest.raises(LmmrecError, match=message):
        compare(np.array(first), np.array(second))


def test_a_signed_rank_test_with_few_users_and_ties_costs_no_enumeration() -> None:
    difference = np.zeros(1000)
    difference[:13] = [0.5, -0.5, 0.5, 0.5, -0.25, 0.25, 0.5, 0.5, 0.25, 0.5, 0.5, -0.5, 0.5]
    started = time.process_time()
    p_value = wilcoxon(difference)
    assert time.process_time() - started < 0.1
    exact = stats.wilcoxon(
        difference[:13], method=stats.PermutationMethod(n_resamples=9999, rng=np.random.default_rng(0))
    )
    assert p_value == pytest.approx(exact.pvalue, abs=0.03)
