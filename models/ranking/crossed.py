"""Is a difference more than the chance of users and of training together? A test in which both are drawn.

A paired test over users takes the trained models as given: what one lucky seed gives to everybody counts as a difference. Here
users and seeds are crossed random factors, and the mean difference is held against its variance over both (the quasi-F of
Cochran, 1951, and Clark, 1973, for one comparison). With few seeds it is strict, as it has to be.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from models.errors import LmmrecError


def over_users_and_seeds(differences: np.ndarray) -> float:
    """Two-sided p of the mean of (users, seeds) paired differences being 0 for other users and other seeds.

    With mean squares M of users, seeds and the rest, the variance of the mean is (M_users + M_seeds - M_rest) / (users·seeds),
    and never less than what users or seeds alone give. Degrees of freedom are Satterthwaite's, or, where seeds differ by more
    than the rest explains, those of the seeds: his are too many then (5.9 % of 4,000 null simulations at the level of 5 %).
    All zero gives 1.
    """
    table = np.asarray(differences, dtype=np.float64)
    if table.ndim != 2 or min(table.shape) < 2 or not np.isfinite(table).all():
        raise LmmrecError(
            f"a test over users and seeds needs finite differences of at least two of each; got shape {table.shape}"
        )
    users, seeds = table.shape
    mean, of_users, of_seeds = table.mean(), table.mean(axis=1), table.mean(axis=0)
    rest = table - of_users[:, None] - of_seeds[None, :] + mean
    squares = np.array(
        [
            seeds * ((of_users - mean) ** 2).sum() / (users - 1),
            users * ((of_seeds - mean) ** 2).sum() / (seeds - 1),
            (rest**2).sum() / ((users - 1) * (seeds - 1)),
        ]
    )
    freedoms = np.array([users - 1, seeds - 1, (users - 1) * (seeds - 1)])
    variance = max(squares[0] + squares[1] - squares[2], squares[0], squares[1])
    if variance <= 0.0:
        return 1.0 if mean == 0.0 else 0.0
    by_users = squares[1] <= squares[2]
    freedom = max(1.0, variance**2 / (squares**2 / freedoms).sum()) if by_users else seeds - 1
    return float(2.0 * stats.t.sf(abs(mean) / np.sqrt(variance / table.size), freedom))
