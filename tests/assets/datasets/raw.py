"""Raw files that tests write, and one call that reads them the way the assets do."""

import gzip
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from assets.datasets.formats import FORMATS
from assets.datasets.formats.rows import RawFile
from assets.datasets.items import ITEMS, write_items
from assets.datasets.quarantine import QUARANTINE, Tally
from assets.datasets.reviews import REVIEWS, write_reviews
from assets.datasets.sources import workbench
from assets.tables import connect, literal

Row = dict[str, Any]


def write(path: Path, content: bytes | str, *, gzipped: bool = False) -> Path:
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data, mtime=0) if gzipped else data)
    return path


def lines(rows: Iterable[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def amazon(user: Any = "u1", item: Any = "i1", **changes: Any) -> Row:
    row = {"reviewerID": user, "asin": item, "overall": 5.0, "reviewText": "fine", "unixReviewTime": 1_400_000_000}
    return {key: value for key, value in (row | changes).items() if value is not ...}


def rows_of(path: Path) -> list[Row]:
    with connect() as connection:
        found = connection.execute(f"SELECT * FROM read_parquet({literal(path)})")
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def read_reviews(
    format_name: str,
    file: Path,
    folder: Path,
    *,
    columns: Mapping[str, str] | None = None,
    limit: float = 1.0,
    threads: int | None = None,
) -> tuple[list[Row], Tally, list[Row]]:
    """(rows of reviews.parquet, the books, rows of quarantine.parquet)."""
    folder.mkdir(exist_ok=True)
    chosen = FORMATS[format_name]
    with workbench(folder, threads) as (connection, workspace):
        raw = RawFile(file, file.name, workspace, columns or {})
        tally = write_reviews(connection, chosen.reviews, chosen.rules, raw, folder, limit)
    assert tally.read == tally.kept + tally.duplicates + len(tally.faults)
    return rows_of(folder / REVIEWS), tally, rows_of(folder / QUARANTINE)


def read_items(
    format_name: str, file: Path, folder: Path, *, columns: Mapping[str, str] | None = None, limit: float = 1.0
) -> tuple[list[Row], Tally]:
    folder.mkdir(exist_ok=True)
    with workbench(folder) as (connection, workspace):
        raw = RawFile(file, file.name, workspace, columns or {})
        tally = write_items(connection, FORMATS[format_name].items, raw, folder, limit)
    assert tally.read == tally.kept + tally.duplicates + len(tally.faults)
    return rows_of(folder / ITEMS), tally
