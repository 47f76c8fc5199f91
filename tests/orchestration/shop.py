"""A small shop for tests of the whole graph: two circles of customers, who say why they buy."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import yaml

COLUMNS = {"user_id": "customer", "item_id": "sku", "rating": "stars", "text": "body", "timestamp": "ts"}
_WORDS = {
    0: (
        "a quiet evening with a good story",
        "the characters feel real",
        "perfect for slow reading",
        "beautiful language",
    ),
    1: (
        "strong enough for every day outside",
        "light on long hikes",
        "keeps dry in heavy rain",
        "great value for the price",
    ),
}


def reviews(users: int = 60, items: int = 40, per_user: int = 12, seed: int = 7) -> list[dict[str, str]]:
    """Rows as a shop would export them; users and items of one circle meet nine times out of ten."""
    draw = random.Random(seed)
    rows = []
    for user in range(users):
        circle = user % 2
        near = [item for item in range(items) if item % 2 == circle]
        far = [item for item in range(items) if item % 2 != circle]
        chosen = draw.sample(near, per_user - per_user // 10) + draw.sample(far, per_user // 10)
        for item in chosen:
            said = draw.sample(_WORDS[item % 2], 2)
            rows.append(
                {
                    "customer": f"c{user:03}",
                    "sku": f"s{item:03}",
                    "stars": str(draw.choice((4, 5))),
                    "body": f"I bought it for {said[0]}. What I like most: {said[1]}.",
                    "ts": f"2024-{draw.randint(1, 12):02}-{draw.randint(1, 28):02} 12:00:00",
                }
            )
    return rows


def write_reviews(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def entry(path: Path, **changes: object) -> dict[str, object]:
    """A catalogue entry for a file of `write_reviews`; a change to None removes the key."""
    raw: dict[str, object] = {
        "format": "table",
        "reviews": {"path": str(path), "columns": COLUMNS},
        "min_rating": 3,
        "core": 2,
    }
    return {key: value for key, value in (raw | changes).items() if value is not None}


def declare(home: Path, **entries: dict[str, object]) -> None:
    """Write `datasets.yaml`; underscores in names become dashes."""
    home.mkdir(parents=True, exist_ok=True)
    content = {name.replace("_", "-"): raw for name, raw in entries.items()}
    (home / "datasets.yaml").write_text(yaml.safe_dump(content))
