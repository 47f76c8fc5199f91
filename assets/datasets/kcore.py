"""The bipartite k-core: the largest set of interactions in which every user and every item has at least k.

Oracle: `tests/reference/kcore.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def k_core(users: NDArray[np.int32], items: NDArray[np.int32], k: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Users and items that stay.

    Args:
        users, items: codes of each distinct pair, shape (E,), from 0.
        k: least number of pairs of each user and item.

    Returns:
        Two masks over codes, of shape (max(users) + 1,) and (max(items) + 1,). A pair stays where both of its ends do.

    Each round costs time linear in the pairs that are left; memory is two index arrays.
    """
    import numpy as np

    stays_user = np.zeros(int(users.max(initial=-1)) + 1, dtype=bool)
    stays_item = np.zeros(int(items.max(initial=-1)) + 1, dtype=bool)
    while users.size:
        enough_user = np.bincount(users, minlength=stays_user.size) >= k
        enough_item = np.bincount(items, minlength=stays_item.size) >= k
        keep = enough_user[users]
        keep &= enough_item[items]
        if keep.all():
            break
        users, items = users[keep], items[keep]
    stays_user[users] = True
    stays_item[items] = True
    return stays_user, stays_item
