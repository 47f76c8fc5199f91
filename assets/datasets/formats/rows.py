"""What a raw format hands to the reader of reviews or items: an SQL view of the file, and a way back to its lines.

A format only says where each field stands. Cleaning, quarantine and duplicates are the same for all formats and live in
`assets/datasets/reviews.py` and `items.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from models.errors import LmmrecError

if TYPE_CHECKING:
    import duckdb

MALFORMED = "malformed line"
EXCERPT_CHARACTERS = 200
"""So much of a bad row is kept in the quarantine."""


@dataclass(frozen=True)
class Fault:
    """A raw row that is not taken over."""

    line: int
    """Line of the file, counted from 1; for CSV the record (the header is 1), for Parquet the row."""
    reason: str
    excerpt: str


@dataclass(frozen=True)
class Located:
    """A row found again in the file."""

    record: int
    line: int
    json: str | None = None
    """The whole row as it stands, where rows are JSON lines: it may be mended, or read again by itself."""

    @property
    def excerpt(self) -> str:
        return excerpt(self.json or "")


@dataclass(frozen=True)
class RawFile:
    """A raw file at hand, before anything was read."""

    path: Path
    name: str
    """What the user knows it by, for messages and the quarantine."""
    workspace: Path
    """Existing folder for what a format must rewrite; removed afterwards."""
    columns: Mapping[str, str]
    """Format `table`: our column name -> the file's."""


@dataclass(frozen=True)
class RawRows:
    """The rows of one raw file.

    `select(path)` is SQL whose rows, in file order, have the raw fields; it is run several times. Rows that the parser could
    not read have NULL in every field. `locate(records)` finds rows by their number (1 is the first row of `select`) in file
    order. `faults(connection)` are rows that `select` leaves out, known once it was run.
    """

    raw: RawFile
    readable: Path
    """What `select` reads: the raw file, or what it was rewritten to."""
    select: Callable[[Path], str]
    locate: Callable[[Collection[int]], Iterator[Located]]
    faults: Callable[[duckdb.DuckDBPyConnection], list[Fault]] = lambda connection: []
    rereadable: bool = False
    """Whether `locate` gives whole rows, which `select` reads again from a file of their own."""

    @property
    def sql(self) -> str:
        return self.select(self.readable)


@dataclass(frozen=True)
class ReviewRules:
    """What counts as a faulty review in a format."""

    rating_low: float | None = None
    rating_high: float | None = None
    rating_required: bool = True
    time: Literal["seconds", "milliseconds", "any", "lenient"] = "any"
    """Unit of numbers in `timestamp`. `any`: seconds, milli- or microseconds by magnitude, or a date in words of ISO 8601;
    `lenient`: as `any`, and what cannot be read counts as missing, because the publisher leaves out years."""


def excerpt(text: str) -> str:
    """The start of `text` on one line, without control characters."""
    flat = "".join(character if character.isprintable() else " " for character in text[: EXCERPT_CHARACTERS * 2])
    return flat[:EXCERPT_CHARACTERS]


@contextmanager
def readable(raw: RawFile) -> Iterator[None]:
    """What DuckDB says about a file that it cannot parse at all, as one clear sentence.

    Raises:
        LmmrecError: the file is not what its format or its name says.
    """
    import duckdb

    try:
        yield
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        if "no space left" in str(error).lower():
            raise
        first = str(error).splitlines()[0]
        raise LmmrecError(f"{raw.name} cannot be parsed ({first}): check that it is what the entry declares.") from None
