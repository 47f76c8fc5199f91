"""The format `demo`: a generated shop with planted motivations, the same on every machine and without third-party text.

How motives drive choices and words is written down in docs/demo.md; `demo_shop.py` draws people, products and purchases,
`demo_words.py` the texts, and here they become the tables that any other raw format becomes. Filters and split are
applied later, as to real data.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from assets.columns import CATEGORIES, DESCRIPTION, ITEM_ID, RATING, TEXT, TIMESTAMP, TITLE, USER_ID
from assets.datasets.formats.demo_shop import Shop, open_shop
from assets.datasets.formats.demo_words import Vocabulary, Writer, load_vocabulary
from assets.tables import write_frame

if TYPE_CHECKING:
    import pandas as pd

SEED = 2023
OPENED = datetime(2023, 1, 2)
"""Day 0, UTC."""

_REVIEW_TYPES = {
    USER_ID: "VARCHAR",
    ITEM_ID: "VARCHAR",
    RATING: "DOUBLE",
    TEXT: "VARCHAR",
    TIMESTAMP: "TIMESTAMP",
}
_ITEM_TYPES = {ITEM_ID: "VARCHAR", TITLE: "VARCHAR", DESCRIPTION: "VARCHAR", CATEGORIES: "VARCHAR[]"}


def write_demo(folder: Path) -> None:
    """Write `reviews.parquet` and `items.parquet` of the demo shop into `folder`; about two seconds.

    Every call writes the same bytes.
    """
    _, reviews, items = generate()
    write_frame(reviews, folder / "reviews.parquet", _REVIEW_TYPES)
    write_frame(items, folder / "items.parquet", _ITEM_TYPES)


def generate(seed: int = SEED) -> tuple[Shop, pd.DataFrame, pd.DataFrame]:
    """The planted truth, the reviews (users in order, oldest first) and the items.

    Purchases and words have random streams of their own: other words would leave the purchases as they are.
    """
    vocabulary = load_vocabulary()
    for_choices, for_words = np.random.default_rng(seed).spawn(2)
    shop = open_shop(vocabulary, for_choices)
    writer = Writer(vocabulary, for_words)
    items = _items(shop, vocabulary, writer)
    return shop, _reviews(shop, writer), items


def user_id(user: int) -> str:
    return f"user-{user + 1:04d}"


def item_id(item: int) -> str:
    return f"item-{item + 1:04d}"


def _items(shop: Shop, vocabulary: Vocabulary, writer: Writer) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for item, (kind, serves) in enumerate(zip(shop.item_kinds, shop.item_motives, strict=True)):
        brand = writer.brand()
        rows.append(
            {
                ITEM_ID: item_id(item),
                TITLE: writer.title(kind, brand),
                DESCRIPTION: writer.description(kind, brand, serves),
                CATEGORIES: [vocabulary.department_of(kind), kind],
            }
        )
    return pd.DataFrame(rows)


def _reviews(shop: Shop, writer: Writer) -> pd.DataFrame:
    import pandas as pd

    purchases = zip(shop.user_of.tolist(), shop.item_of.tolist(), shop.ratings.tolist(), strict=True)
    texts = [
        writer.review(shop.item_kinds[item], shop.user_motives[user], shop.item_motives[item], rating)
        for user, item, rating in purchases
    ]
    return pd.DataFrame(
        {
            USER_ID: [user_id(user) for user in shop.user_of.tolist()],
            ITEM_ID: [item_id(item) for item in shop.item_of.tolist()],
            RATING: shop.ratings.astype(np.float64),
            TEXT: texts,
            TIMESTAMP: [OPENED + timedelta(seconds=round(day * 86_400)) for day in shop.days.tolist()],
        }
    )
