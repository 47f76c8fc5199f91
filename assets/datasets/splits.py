"""Interactions to train, validation and test: by ratio, by time, or leave-one-out (`evaluation_protocol` §2).

Every rule is a function from arrays to one label a pair, seeded, and blind to the order in which raw rows came, since
interactions are sorted by index. Slow twins stand in `tests/reference/splits.py`. Reading and writing is `split.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.errors import LmmrecError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TRAIN, VALIDATION, TEST = 0, 1, 2


def ratio_labels(
    users: NDArray[np.int64], items: NDArray[np.int64], parts: tuple[float, float, float], seed: int
) -> NDArray[np.int8]:
    """Random over all pairs, with at least one train pair for every user and every item.

    Pairs are put in a random order; the first pair of each user and of each item is reserved for train, train is filled up
    to its share in that order, and the rest is divided at random. Where the reserved pairs alone exceed the share of train,
    train is larger and the others shrink in proportion.

    Args:
        users, items: indices of each distinct pair, shape (E,).
        parts: weights of train, validation, test.
        seed: of the random order.

    Returns:
        0, 1 or 2 for each pair, shape (E,).
    """
    import numpy as np

    order = np.random.default_rng(seed).permutation(users.size)
    return _fill(users, items, order, parts)


def temporal_labels(times: NDArray[np.int64], parts: tuple[float, float, float]) -> NDArray[np.int8]:
    """The oldest pairs are train, the newest test; equal times are taken in the order of the pairs.

    Users and items may have no train pair: what is new in the test period is new there.

    Args:
        times: any unit, shape (E,).
    """
    import numpy as np

    labels = np.full(times.size, TRAIN, dtype=np.int8)
    order = np.argsort(times, kind="stable")
    train, validation = _shares(times.size, parts)
    labels[order[train:]] = TEST
    labels[order[train : train + validation]] = VALIDATION
    return labels


def leave_one_out_labels(users: NDArray[np.int64], times: NDArray[np.int64]) -> NDArray[np.int8]:
    """Each user's last pair is test and the one before validation; a user with two has no validation, with one no test.

    Equal times are taken in the order of the pairs.

    Args:
        users: index of each pair, shape (E,).
        times: any unit, shape (E,).
    """
    import numpy as np

    labels = np.full(users.size, TRAIN, dtype=np.int8)
    if not users.size:
        return labels
    order = np.lexsort((times, users))
    sorted_users = users[order]
    ends = np.append(np.flatnonzero(np.diff(sorted_users)), users.size - 1)
    counts = np.diff(ends, prepend=-1)
    labels[order[ends[counts >= 2]]] = TEST
    labels[order[ends[counts >= 3] - 1]] = VALIDATION
    return labels


def require_times(missing: int, total: int, kind: str) -> None:
    """Refuse a split by time where times are missing.

    Raises:
        LmmrecError: `missing` of `total` interactions have no timestamp.
    """
    if missing:
        raise LmmrecError(
            f"split '{kind}' goes by time, but {missing:,} of {total:,} interactions have no timestamp: "
            "map the column `timestamp`, or use `split: {kind: ratio}`."
        )


def _fill(
    users: NDArray[np.int64], items: NDArray[np.int64], order: NDArray[np.int64], parts: tuple[float, float, float]
) -> NDArray[np.int8]:
    import numpy as np

    reserved = np.zeros(users.size, dtype=bool)
    for entities in (users, items):
        first = np.empty(int(entities.max(initial=-1)) + 1, dtype=np.int64)
        # with repeated indices the last assignment stands, so going backwards leaves the first pair of each
        first[entities[order[::-1]]] = order[::-1]
        present = np.zeros(first.size, dtype=bool)
        present[entities] = True
        reserved[first[present]] = True
    train, _ = _shares(users.size, parts)
    free = order[~reserved[order]]
    filled = max(0, train - int(reserved.sum()))
    rest = free[filled:]
    validation = round(rest.size * parts[1] / (parts[1] + parts[2]))
    labels = np.full(users.size, TRAIN, dtype=np.int8)
    labels[rest[:validation]] = VALIDATION
    labels[rest[validation:]] = TEST
    return labels


def _shares(total: int, parts: tuple[float, float, float]) -> tuple[int, int]:
    """Numbers of train and validation pairs; test has the rest."""
    train = round(total * parts[0] / sum(parts))
    return train, round((total - train) * parts[1] / (parts[1] + parts[2]))
