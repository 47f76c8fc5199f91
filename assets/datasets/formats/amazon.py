"""Amazon reviews and product metadata as McAuley Lab publishes them: the releases of 2014, 2018 and 2023.

Reviews are JSON lines in all three. Metadata of 2014 are Python literals, one per line. Fields only; cleaning is shared.
"""

from __future__ import annotations

from assets.datasets.formats.json_lines import json_lines
from assets.datasets.formats.literals import python_literals
from assets.datasets.formats.rows import RawFile, RawRows, ReviewRules

RULES = ReviewRules(rating_low=1, rating_high=5, time="seconds")
RULES_2023 = ReviewRules(rating_low=1, rating_high=5, time="milliseconds")


def reviews(raw: RawFile) -> RawRows:
    """Releases of 2014 and 2018."""
    return json_lines(
        raw,
        columns=dict.fromkeys(("reviewerID", "asin", "overall", "reviewText", "unixReviewTime"), "VARCHAR"),
        fields={
            "user_id": '"reviewerID"',
            "item_id": "asin",
            "rating": "overall",
            "text": '"reviewText"',
            "timestamp": '"unixReviewTime"',
        },
    )


def reviews_2023(raw: RawFile) -> RawRows:
    """Release of 2023: `parent_asin` joins the variants of a product; times are in milliseconds."""
    return json_lines(
        raw,
        columns=dict.fromkeys(("user_id", "parent_asin", "rating", "text", "timestamp"), "VARCHAR"),
        fields={
            "user_id": "user_id",
            "item_id": "parent_asin",
            "rating": "rating",
            "text": "text",
            "timestamp": "timestamp",
        },
    )


def items_2014(raw: RawFile) -> RawRows:
    return python_literals(raw, *_item_fields("asin", "categories"))


def items_2018(raw: RawFile) -> RawRows:
    return json_lines(raw, *_item_fields("asin", "category"))


def items_2023(raw: RawFile) -> RawRows:
    return json_lines(raw, *_item_fields("parent_asin", "categories"))


def _item_fields(item_id: str, categories: str) -> tuple[dict[str, str], dict[str, str]]:
    columns = {item_id: "VARCHAR", "title": "VARCHAR", "description": "JSON", categories: "JSON"}
    fields = {
        "item_id": item_id,
        "title": "title",
        "description": "text_of(description)",
        "categories": f"list_of({categories})",
    }
    return columns, fields
