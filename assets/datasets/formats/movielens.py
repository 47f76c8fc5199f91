"""MovieLens: `ratings.csv`/`movies.csv` (latest, 20M, 25M, 32M) and `ratings.dat`/`movies.dat` (1M, 10M).

Ratings only, no text. The older releases have `::` between the fields, no header, and Latin-1 titles.
"""

from __future__ import annotations

from assets.datasets.formats.delimited import Dialect, delimited, header_of
from assets.datasets.formats.json_lines import open_binary
from assets.datasets.formats.rows import RawFile, RawRows, ReviewRules

RULES = ReviewRules(rating_low=0.5, rating_high=5, time="seconds")

_DAT = Dialect(delimiter="::", quote="", header=False, encoding="latin-1")


def reviews(raw: RawFile) -> RawRows:
    fields = {
        "user_id": '"userId"',
        "item_id": '"movieId"',
        "rating": "rating",
        "text": "NULL",
        "timestamp": '"timestamp"',
    }
    return _read(raw, ("userId", "movieId", "rating", "timestamp"), fields)


def items(raw: RawFile) -> RawRows:
    """Titles with their year; genres are the categories."""
    genres = "CASE WHEN genres <> '(no genres listed)' THEN string_split(genres, '|') END"
    fields = {"item_id": '"movieId"', "title": "title", "description": "NULL", "categories": genres}
    return _read(raw, ("movieId", "title", "genres"), fields)


def _read(raw: RawFile, names: tuple[str, ...], fields: dict[str, str]) -> RawRows:
    with open_binary(raw.path) as stream:
        old = b"::" in stream.readline()
    if old:
        return delimited(raw, names, fields, _DAT)
    return delimited(raw, header_of(raw, Dialect()), fields, Dialect())
