"""The Yelp Open Dataset: `yelp_academic_dataset_review.json` and `…_business.json`, JSON lines; dates are UTC."""

from __future__ import annotations

from assets.datasets.formats.json_lines import json_lines
from assets.datasets.formats.rows import RawFile, RawRows, ReviewRules

RULES = ReviewRules(rating_low=1, rating_high=5)


def reviews(raw: RawFile) -> RawRows:
    return json_lines(
        raw,
        columns=dict.fromkeys(("user_id", "business_id", "stars", "text", "date"), "VARCHAR"),
        fields={"user_id": "user_id", "item_id": "business_id", "rating": "stars", "text": "text", "timestamp": "date"},
    )


def items(raw: RawFile) -> RawRows:
    """Businesses; Yelp describes none, so the place stands in for a description."""
    return json_lines(
        raw,
        columns=dict.fromkeys(("business_id", "name", "city", "state", "categories"), "VARCHAR"),
        fields={
            "item_id": "business_id",
            "title": "name",
            "description": "nullif(concat_ws(', ', city, state), '')",
            "categories": "string_split(categories, ', ')",
        },
    )
