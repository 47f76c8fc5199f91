"""Is one method better than another? Paired tests over users, with effect and interval, corrected for many cells.

Inputs are per-user metrics of the same users in the same order (averaged over seeds beforehand, where there are several).
Everything here is about `better - reference` being above zero: a positive difference means the first argument is better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from models.errors import LmmrecError

BOOTSTRAP_CHUNK = 4 * 2**20
"""Resampled values held at once."""
EXACT_WILCOXON_USERS = 50
"""Up to so many users without ties the signed-rank distribution is enumerated; beyond, the normal one is as good."""


@dataclass(frozen=True)
class Comparison:
    """One method against another on one metric."""

    num_users: int
    mean: float
    """Mean of the first method."""
    reference_mean: float
    """Mean of the second."""
    mean_difference: float
    """First minus second: positive where the first is better."""
    relative: float
    """Difference over the reference's mean; NaN where that is 0."""
    effect_size: float
    """Cohen's d of the paired differences: their mean over their standard deviation; 0 where all are equal."""
    t_p: float
    """Two-sided paired t-test over users; 1 where no user differs."""
    wilcoxon_p: float
    """Two-sided Wilcoxon signed-rank test over the users that differ; 1 where none does."""
    low: float
    """Lower end of the bootstrap interval of the mean difference."""
    high: float
    """Upper end."""


def compare(
    better: np.ndarray, reference: np.ndarray, confidence: float = 0.95, resamples: int = 2000, seed: int = 2023
) -> Comparison:
    """Compares two (users,) arrays of one metric, paired by position.

    >>> result = compare(np.array([0.5, 0.7, 0.9]), np.array([0.4, 0.4, 0.4]))
    >>> result.mean_difference > 0 and result.low > 0
    True
    """
    first, second = np.asarray(better, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    if first.shape != second.shape or first.ndim != 1 or len(first) < 2:
        raise LmmrecError(
            f"a paired comparison needs the same users on both sides, at least two; got {first.shape} and {second.shape}"
        )
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise LmmrecError(
            "a paired comparison needs finite values for every user; leave out users without held-out items"
        )
    difference = first - second
    spread = float(difference.std(ddof=1))
    low, high = bootstrap_interval(difference, confidence, resamples, seed)
    return Comparison(
        num_users=len(difference),
        mean=float(first.mean()),
        reference_mean=float(second.mean()),
        mean_difference=float(difference.mean()),
        relative=float(difference.mean() / second.mean()) if second.mean() != 0.0 else float("nan"),
        effect_size=float(difference.mean()) / spread if spread > 0.0 else 0.0,
        t_p=paired_t(difference),
        wilcoxon_p=wilcoxon(difference),
        low=low,
        high=high,
    )


def paired_t(difference: np.ndarray) -> float:
    """Two-sided p of the paired t-test, from (users,) differences. All zero gives 1, all equal but not zero gives 0."""
    if np.ptp(difference) == 0.0:
        return 1.0 if difference[0] == 0.0 else 0.0
    return float(stats.ttest_1samp(difference, 0.0).pvalue)


def wilcoxon(difference: np.ndarray) -> float:
    """Two-sided p of the signed-rank test, from (users,) differences; users without a difference are left out."""
    changed = difference[difference != 0.0]
    if not len(changed):
        return 1.0
    # Left to itself SciPy enumerates permutations where few users differ and some by the same amount: seconds for one test.
    tied = len(np.unique(np.abs(changed))) < len(changed)
    method = "asymptotic" if tied or len(changed) > EXACT_WILCOXON_USERS else "exact"
    return float(stats.wilcoxon(changed, method=method).pvalue)


def bootstrap_interval(
    difference: np.ndarray, confidence: float = 0.95, resamples: int = 2000, seed: int = 2023
) -> tuple[float, float]:
    """Percentile interval of the mean over resampled users; deterministic for one seed."""
    rng = np.random.default_rng(seed)
    size = max(1, BOOTSTRAP_CHUNK // len(difference))
    means = [
        difference[rng.integers(0, len(difference), size=(min(size, resamples - start), len(difference)))].mean(axis=1)
        for start in range(0, resamples, size)
    ]
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(np.concatenate(means), [tail, 1.0 - tail])
    return float(low), float(high)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment (1979), in the order given.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    adjusted = [0.0] * len(order)
    largest = 0.0
    for place, index in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - place) * float(p_values[index])))
        adjusted[index] = largest
    return adjusted
