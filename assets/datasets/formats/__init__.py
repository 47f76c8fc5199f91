"""The raw formats by the name that a catalogue entry gives. A new format is one module and one line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from assets.datasets.formats import amazon, movielens, steam, table, yelp
from assets.datasets.formats.rows import RawFile, RawRows, ReviewRules

Reader = Callable[[RawFile], RawRows]


@dataclass(frozen=True)
class Format:
    reviews: Reader
    items: Reader
    rules: ReviewRules


FORMATS = {
    "amazon-2014": Format(amazon.reviews, amazon.items_2014, amazon.RULES),
    "amazon-2018": Format(amazon.reviews, amazon.items_2018, amazon.RULES),
    "amazon-2023": Format(amazon.reviews_2023, amazon.items_2023, amazon.RULES_2023),
    "yelp": Format(yelp.reviews, yelp.items, yelp.RULES),
    "steam": Format(steam.reviews, steam.items, steam.RULES),
    "movielens": Format(movielens.reviews, movielens.items, movielens.RULES),
    "table": Format(table.reviews, table.items, table.RULES),
    "demo": Format(table.reviews, table.items, table.RULES),
}
"""All but `published-split`, which is no file of reviews: `published.py`."""
