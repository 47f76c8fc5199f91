"""Raw item metadata to `items.parquet`: one row an item, cleaned, every raw row accounted for.

Publishers list a product several times; the first row with a title wins. A dataset without metadata has an empty table.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from assets.datasets.formats.json_lines import mend
from assets.datasets.formats.rows import MALFORMED, Fault, Located, RawFile, RawRows, readable
from assets.datasets.quarantine import QUARANTINE, Tally, check_compression, write_quarantine
from assets.datasets.reviews import install_macros
from assets.tables import write_parquet

if TYPE_CHECKING:
    import duckdb

ITEMS = "items.parquet"
_EMPTY = (
    "SELECT NULL::VARCHAR AS item_id, NULL::VARCHAR AS title, NULL::VARCHAR AS description, NULL::VARCHAR[] AS categories "
    "LIMIT 0"
)


def write_no_items(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """The tables of a dataset without item metadata."""
    write_parquet(connection, _EMPTY, folder / ITEMS)
    write_quarantine(connection, "", [], folder / QUARANTINE)


def write_items(
    connection: duckdb.DuckDBPyConnection,
    reader: Callable[[RawFile], RawRows],
    raw: RawFile,
    folder: Path,
    quarantine_limit: float,
) -> Tally:
    """Write `items.parquet` and `quarantine.parquet` into `folder`.

    Raises:
        LmmrecError: the file cannot be read, or more than `quarantine_limit` of its rows are faulty.
    """
    install_macros(connection)
    check_compression(raw)
    rows = reader(raw)
    with readable(raw):
        connection.execute(f"CREATE OR REPLACE TEMP TABLE raw_items AS {_cleaned(rows.sql, 'row_number() OVER ()')}")
    tally = _account(connection, rows)
    tally.stop_above(quarantine_limit, raw)
    tally.kept = write_parquet(
        connection,
        "SELECT item_id, title, description, categories FROM raw_items WHERE reason IS NULL "
        "QUALIFY row_number() OVER (PARTITION BY item_id ORDER BY title IS NULL, record) = 1 ORDER BY item_id",
        folder / ITEMS,
    )
    tally.duplicates = tally.read - tally.kept - len(tally.faults)
    write_quarantine(connection, raw.name, tally.faults, folder / QUARANTINE)
    return tally


def _cleaned(select: str, record: str) -> str:
    return f"""
        SELECT *, CASE
                WHEN item_id IS NULL AND title IS NULL AND description IS NULL AND categories IS NULL THEN '{MALFORMED}'
                WHEN item_id IS NULL THEN 'item_id is missing'
                WHEN is_blank(item_id) THEN 'item_id is empty'
                WHEN starts_with(item_id, '{{') OR starts_with(item_id, '[') THEN 'item_id is neither text nor number'
            END AS reason
        FROM (
            SELECT {record} AS record, clean(item_id) AS item_id, nullif(trim(clean(title)), '') AS title,
                nullif(trim(cut(clean(description))), '') AS description,
                nullif(list_filter(names, lambda name, i: name <> '' AND list_position(names, name) = i), []) AS categories
            FROM (SELECT *, list_transform(categories, lambda name: trim(clean(name))) AS names FROM ({select}))
        )"""


def _account(connection: duckdb.DuckDBPyConnection, rows: RawRows) -> Tally:
    refused = rows.faults(connection)
    total = connection.execute("SELECT count(*) FROM raw_items").fetchone()
    assert total is not None
    tally = Tally(read=total[0] + len(refused), faults=list(refused))
    reasons = dict(connection.execute("SELECT record, reason FROM raw_items WHERE reason IS NOT NULL").fetchall())
    if not reasons:
        return tally
    mended: list[tuple[Located, str]] = []
    for row in rows.locate(reasons):
        whole = mend(row.json) if reasons[row.record] == MALFORMED and row.json is not None else None
        if whole is not None:
            mended.append((row, whole))
            continue
        tally.faults.append(Fault(row.line, reasons[row.record], row.excerpt))
    if mended:
        path = rows.raw.workspace / "mended.json"
        path.write_text("".join(f"{whole}\n" for _, whole in mended), encoding="utf-8")
        select = _cleaned(rows.select(path), f"{total[0]} + row_number() OVER ()")
        connection.execute(f"CREATE OR REPLACE TEMP TABLE mended AS {select}")
        for (row, _), (reason,) in zip(
            mended, connection.execute("SELECT reason FROM mended ORDER BY record").fetchall(), strict=True
        ):
            if reason is None:
                tally.mended += 1
            else:
                tally.faults.append(Fault(row.line, reason, row.excerpt))
        connection.execute("DELETE FROM raw_items WHERE reason IS NOT NULL")
        connection.execute("INSERT INTO raw_items SELECT * FROM mended WHERE reason IS NULL")
    return tally
