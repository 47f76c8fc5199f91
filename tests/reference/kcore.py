"""The k-core, slow and obviously right: take away one user or item with too few pairs, until nobody has too few."""

from collections import Counter

Pair = tuple[int, int]


def k_core(pairs: set[Pair], k: int) -> set[Pair]:
    while True:
        users, items = Counter(user for user, _ in pairs), Counter(item for _, item in pairs)
        weak_user = next((user for user, count in users.items() if count < k), None)
        weak_item = next((item for item, count in items.items() if count < k), None)
        if weak_user is None and weak_item is None:
            return pairs
        pairs = {(user, item) for user, item in pairs if user != weak_user and item != weak_item}
