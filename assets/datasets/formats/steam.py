"""Steam games and reviews: Python-literal lines by McAuley Lab, and JSON lines of another public scrape.

Three shapes of reviews are told apart by their keys: `steam_reviews` (username, product_id, text, date),
`australian_user_reviews` (one line per user with all reviews) and the scrape of review pages (profile_url, orig_url,
review, date_posted). A recommendation is no rating: the column stays empty, as in the paper.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from assets.datasets.formats.literals import python_literals
from assets.datasets.formats.rows import RawFile, RawRows, ReviewRules

RULES = ReviewRules(rating_required=False, time="lenient")

_APP = re.compile(r"/app/(\d+)")
_POSTED = re.compile(r"(?:Posted )?([A-Z][a-z]+ \d{1,2}, \d{4})(?:, (\d{1,2}:\d{2}[AP]M))?")
_FIELDS = ("user_id", "item_id", "text", "timestamp")


def reviews(raw: RawFile) -> RawRows:
    return python_literals(
        raw,
        columns=dict.fromkeys(_FIELDS, "VARCHAR"),
        fields={"user_id": "user_id", "item_id": "item_id", "rating": "NULL", "text": "text", "timestamp": "timestamp"},
        expand=_reviews_of,
    )


def items(raw: RawFile) -> RawRows:
    """Games; categories are genres, then tags."""
    return python_literals(
        raw,
        columns={
            **dict.fromkeys(("id", "title", "app_name", "short_description", "developer"), "VARCHAR"),
            **dict.fromkeys(("genres", "tags"), "JSON"),
        },
        fields={
            "item_id": "id",
            "title": "coalesce(title, app_name)",
            "description": "coalesce(short_description, 'by ' || developer)",
            "categories": "list_concat(coalesce(list_of(genres), []), coalesce(list_of(tags), []))",
        },
    )


def _reviews_of(row: dict[str, Any]) -> Iterable[dict[str, Any]]:
    if "reviews" in row and isinstance(row["reviews"], list):
        return [
            _review(row.get("user_id"), part.get("item_id"), part.get("review"), part.get("posted"))
            for part in row["reviews"]
            if isinstance(part, dict)
        ]
    if "profile_url" in row:
        user = row.get("steam_id_number") or str(row["profile_url"]).rstrip("/").rsplit("/", 1)[-1]
        game = _APP.search(str(row.get("orig_url", "")))
        return [_review(user, game and game.group(1), row.get("review"), row.get("date_posted"))]
    user = row.get("username", row.get("user_id"))
    return [_review(user, row.get("product_id", row.get("item_id")), row.get("text"), row.get("date"))]


def _review(user: Any, item: Any, text: Any, posted: Any) -> dict[str, Any]:
    return dict(zip(_FIELDS, (user, item, text, _time(posted)), strict=True))


def _time(posted: Any) -> str | None:
    """ISO 8601 where the publisher's date names a year; Steam writes none for the current year."""
    text = str(posted or "")
    found = _POSTED.match(text)
    if found is None:
        return text or None
    day, clock = found.groups()
    try:
        moment = datetime.strptime(f"{day} {clock or '12:00AM'}", "%B %d, %Y %I:%M%p")
    except ValueError:
        try:
            moment = datetime.strptime(f"{day} {clock or '12:00AM'}", "%b %d, %Y %I:%M%p")
        except ValueError:
            return None
    return moment.isoformat(" ")
