"""A tiny shop on disk, as the datasets stage would leave it: 12 users, 8 items, reviews that can be poisoned."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from assets.tables import connect, literal, write_frame, write_parquet

USERS, ITEMS = 12, 8
PARTS = ("train", "train", "train", "validation", "test")
Folders = dict[str, Path]


def part_of(user: int, item: int) -> str:
    """The part of the split that a pair belongs to."""
    return PARTS[(user + item) % len(PARTS)]


def usual_text(user: int, item: int) -> str:
    """What a user writes about an item."""
    liked = "I love the quiet motor, it never wakes the baby." if item % 2 else "Great battery for long train journeys!"
    return f"{liked} The strap of model {item} broke and was terribly annoying. Bought for holiday {user}."


def write_shop(
    folder: Path,
    text: Callable[[int, int], str | None] = usual_text,
    description: Callable[[int], str | None] = lambda item: f"A portable device number {item} with soft cover.",
    ready: dict[str, dict[str, str]] | None = None,
) -> Folders:
    """Folders of `reviews`, `items`, `interactions` and `split`."""
    folders = {name: folder / name for name in ("reviews", "items", "interactions", "split")}
    for path in folders.values():
        path.mkdir(parents=True)
    pairs = [(user, item) for user in range(USERS) for item in range(ITEMS) if (user * 3 + item) % 2 == 0]
    rows = [(f"u{u:02d}", f"i{i:02d}", 5.0, text(u, i), pd.Timestamp(2024, 1, 1 + i)) for u, i in pairs]
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "rating", "text", "timestamp"])
    types = {"text": "VARCHAR", "timestamp": "TIMESTAMP", "rating": "DOUBLE"}
    write_frame(frame, folders["reviews"] / "reviews.parquet", types)
    if ready is not None:
        texts = [(entity, name, value) for entity, named in ready.items() for name, value in named.items()]
        write_frame(pd.DataFrame(texts, columns=["entity", "entity_id", "text"]), folders["reviews"] / "texts.parquet")
    described = ", ".join(
        f"('i{i:02d}', 'Device {i}', {'NULL' if (said := description(i)) is None else literal(said)}, ['Gadgets', 'Travel'])"
        for i in range(ITEMS)
    )
    with connect() as connection:
        query = f"SELECT * FROM (VALUES {described}) AS t(item_id, title, description, categories)"
        write_parquet(connection, query, folders["items"] / "items.parquet")
    index = pd.DataFrame(pairs, columns=["user_idx", "item_idx"])
    full = index.assign(
        user_id=[f"u{u:02d}" for u, _ in pairs], item_id=[f"i{i:02d}" for _, i in pairs], rating=5.0
    ).assign(timestamp=frame["timestamp"])
    write_frame(full, folders["interactions"] / "interactions.parquet")
    for entity, count in (("user", USERS), ("item", ITEMS)):
        ids = pd.DataFrame(
            {f"{entity}_idx": range(count), f"{entity}_id": [f"{entity[0]}{n:02d}" for n in range(count)]}
        )
        write_frame(ids, folders["interactions"] / f"{entity}s.parquet")
    for part in ("train", "validation", "test"):
        chosen = [(u, i) for u, i in pairs if part_of(u, i) == part]
        write_frame(pd.DataFrame(chosen, columns=["user_idx", "item_idx"]), folders["split"] / f"{part}.parquet")
    (folders["split"] / "sizes.json").write_text(json.dumps({"num_users": USERS, "num_items": ITEMS}))
    return folders
