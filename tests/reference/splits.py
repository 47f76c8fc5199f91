"""The three splits, slow and obviously right: one pair after the other, in plain Python."""

from collections import defaultdict
from collections.abc import Sequence

TRAIN, VALIDATION, TEST = 0, 1, 2


def ratio(users: Sequence[int], items: Sequence[int], order: Sequence[int], parts: Sequence[float]) -> list[int]:
    """Walk the pairs in `order`: reserve the first of each user and item, fill train, then divide the rest."""
    seen_users, seen_items, reserved = set(), set(), set()
    for pair in order:
        if users[pair] not in seen_users or items[pair] not in seen_items:
            reserved.add(pair)
        seen_users.add(users[pair])
        seen_items.add(items[pair])
    train = set(reserved)
    for pair in order:
        if len(train) < round(len(users) * parts[0] / sum(parts)):
            train.add(pair)
    rest = [pair for pair in order if pair not in train]
    validation = set(rest[: round(len(rest) * parts[1] / (parts[1] + parts[2]))])
    return [TRAIN if pair in train else VALIDATION if pair in validation else TEST for pair in range(len(users))]


def temporal(times: Sequence[int], parts: Sequence[float]) -> list[int]:
    """Oldest first; `sorted` keeps the order of equals."""
    total = len(times)
    train = round(total * parts[0] / sum(parts))
    validation = round((total - train) * parts[1] / (parts[1] + parts[2]))
    labels = [TEST] * total
    for rank, pair in enumerate(sorted(range(total), key=lambda pair: times[pair])):
        if rank < train:
            labels[pair] = TRAIN
        elif rank < train + validation:
            labels[pair] = VALIDATION
    return labels


def leave_one_out(users: Sequence[int], times: Sequence[int]) -> list[int]:
    """Per user: last is test, the one before validation, as long as one is left for train."""
    histories = defaultdict(list)
    for pair, user in enumerate(users):
        histories[user].append(pair)
    labels = [TRAIN] * len(users)
    for history in histories.values():
        ordered = sorted(history, key=lambda pair: times[pair])
        if len(ordered) >= 2:
            labels[ordered[-1]] = TEST
        if len(ordered) >= 3:
            labels[ordered[-2]] = VALIDATION
    return labels
