"""Raw reviews to `reviews.parquet`: cleaned, typed, free of duplicates, with every raw row accounted for.

All the work is SQL that streams. The file is parsed twice instead of being staged: the first pass classifies each row and
keeps a 64-bit mark of it, the second writes. Rows stand in file order; mended rows and one row for each group of duplicates
follow. How a format spells its fields is `formats/`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.datasets.formats.json_lines import mend
from assets.datasets.formats.rows import MALFORMED, Fault, Located, RawFile, RawRows, ReviewRules, excerpt, readable
from assets.datasets.quarantine import QUARANTINE, Tally, check_compression, write_quarantine
from assets.tables import fetch_arrays, write_parquet
from models.progress import track

if TYPE_CHECKING:
    import duckdb

REVIEWS = "reviews.parquet"
MAX_TEXT_CHARACTERS = 32_768
"""Longer texts are cut here, and counted."""
_MARK = "hash(user_id, item_id, timestamp, text)"
_DOUBTFUL = "get_bit(getvariable('doubtful'), CAST(mark % getvariable('num_bits') AS INTEGER)) = 1"
_COLUMNS = "user_id, item_id, rating, text, timestamp"
_SUSPECT = "suspect"
"""Every field is NULL: no JSON for DuckDB, or none of our fields."""

_MACROS = f"""
CREATE OR REPLACE TEMP MACRO clean(value) AS
    nfc_normalize(CASE WHEN contains(value, chr(0)) THEN replace(value, chr(0), '') ELSE value END);
CREATE OR REPLACE TEMP MACRO text_of(value) AS CASE json_type(value)
    WHEN 'ARRAY' THEN nullif(array_to_string(json_extract_string(value, '$[*]'), ' '), '')
    ELSE json_extract_string(value, '$') END;
CREATE OR REPLACE TEMP MACRO list_of(value) AS CASE json_type(value)
    WHEN 'ARRAY' THEN CASE json_type(value, '$[0]')
        WHEN 'ARRAY' THEN json_extract_string(value, '$[*][*]') ELSE json_extract_string(value, '$[*]') END
    WHEN 'VARCHAR' THEN [json_extract_string(value, '$')] END;
CREATE OR REPLACE TEMP MACRO moment(seconds) AS CASE
    WHEN seconds BETWEEN 0 AND 4102444800 THEN make_timestamp(CAST(round(seconds * 1000000) AS BIGINT)) END;
CREATE OR REPLACE TEMP MACRO unit_of(number) AS CASE
    WHEN abs(number) < 1e11 THEN 1 WHEN abs(number) < 1e14 THEN 1e3 ELSE 1e6 END;
CREATE OR REPLACE TEMP MACRO is_blank(value) AS trim(value, ' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)) = '';
CREATE OR REPLACE TEMP MACRO cut(value) AS left(value, {MAX_TEXT_CHARACTERS});
"""


def install_macros(connection: duckdb.DuckDBPyConnection) -> None:
    """Define what the SQL of formats and cleaning refers to."""
    connection.execute(_MACROS)


def write_reviews(
    connection: duckdb.DuckDBPyConnection,
    reader: Callable[[RawFile], RawRows],
    rules: ReviewRules,
    raw: RawFile,
    folder: Path,
    quarantine_limit: float,
) -> Tally:
    """Write `reviews.parquet` and `quarantine.parquet` into `folder`.

    Raises:
        LmmrecError: the file cannot be read, or more than `quarantine_limit` of its rows are faulty.
    """
    install_macros(connection)
    check_compression(raw)
    with track(f"read {raw.name}", total=3, unit="pass") as progress:
        rows = reader(raw)
        with readable(raw):
            connection.execute(f"CREATE OR REPLACE TEMP TABLE marks AS {_marks(rows.sql, rules)}")
        refused = rows.faults(connection)
        tally = Tally(read=_scalar(connection, "SELECT count(*) FROM marks") + len(refused), faults=list(refused))
        progress.advance(note=f"{tally.read:,} rows")
        apart = _take_apart(connection, rows, rules, tally)
        tally.stop_above(quarantine_limit, raw)
        progress.advance()
        tally.kept = write_parquet(connection, _final(rows, rules, apart), folder / REVIEWS)
        progress.advance()
    tally.duplicates = tally.read - tally.kept - len(tally.faults)
    tally.texts_cut = _scalar(connection, "SELECT count(*) FILTER (long AND reason IS NULL) FROM marks")
    write_quarantine(connection, raw.name, tally.faults, folder / QUARANTINE)
    return tally


def cleaned(select: str, rules: ReviewRules) -> str:
    """SQL: raw text fields to typed columns, with `reason` (NULL where the row is good) and `long` (its text is cut)."""
    return f"""
        SELECT user_id, item_id, rating, CASE WHEN long THEN left(text, {MAX_TEXT_CHARACTERS}) ELSE text END AS text,
            timestamp, long, {_reason(rules)} AS reason
        FROM (
            SELECT *, coalesce(strlen(text) > {MAX_TEXT_CHARACTERS} AND length(text) > {MAX_TEXT_CHARACTERS}, false) AS long
            FROM (
                SELECT clean(user_id) AS user_id, clean(item_id) AS item_id, rating AS raw_rating,
                    TRY_CAST(rating AS DOUBLE) AS rating, nullif(clean(text), '') AS text,
                    timestamp AS raw_timestamp, {_timestamp(rules)} AS timestamp
                FROM ({select})
            )
        )"""


def _marks(select: str, rules: ReviewRules) -> str:
    """SQL: a 64-bit mark of each row, the reason against it, and whether its text is cut; in file order."""
    return f"SELECT {_MARK} AS mark, reason, long FROM ({cleaned(select, rules)})"


def _timestamp(rules: ReviewRules) -> str:
    number = "TRY_CAST(timestamp AS DOUBLE)"
    if rules.time == "seconds":
        return f"moment({number})"
    if rules.time == "milliseconds":
        return f"moment({number} / 1000)"
    return (
        f"coalesce(moment({number} / unit_of({number})), "
        "CAST(TRY_CAST(timestamp AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS TIMESTAMP))"
    )


def _reason(rules: ReviewRules) -> str:
    """SQL: what is wrong with a row. One quick test lets the good rows pass; only the others go through all cases."""
    cases = [
        (
            "user_id IS NULL AND item_id IS NULL AND raw_rating IS NULL AND text IS NULL AND raw_timestamp IS NULL",
            _SUSPECT,
        )
    ]
    for column in ("user_id", "item_id"):
        cases += [
            (f"{column} IS NULL", f"{column} is missing"),
            (f"is_blank({column})", f"{column} is empty"),
            (f"starts_with({column}, '{{') OR starts_with({column}, '[')", f"{column} is neither text nor number"),
        ]
    if rules.rating_required:
        cases.append(("raw_rating IS NULL", "rating is missing"))
    cases.append(("raw_rating IS NOT NULL AND rating IS NULL", "rating is not a number"))
    allowed = "isfinite(rating)"
    if rules.rating_low is not None:
        allowed = f"rating BETWEEN {rules.rating_low} AND {rules.rating_high}"
    cases.append((f"NOT ({allowed})", "rating is out of range"))
    if rules.time != "lenient":
        cases.append(("raw_timestamp IS NOT NULL AND timestamp IS NULL", "timestamp is no time"))
    plain_id = "({0} >= '!' AND NOT starts_with({0}, '{{') AND NOT starts_with({0}, '['))".format
    good = f"{plain_id('user_id')} AND {plain_id('item_id')} AND {allowed} AND timestamp IS NOT NULL"
    listed = " ".join(f"WHEN {condition} THEN '{reason}'" for condition, reason in cases)
    return f"CASE WHEN {good} THEN NULL {listed} END"


@dataclass(frozen=True)
class _Apart:
    """SQL of the rows that do not simply stream through; None where there are none."""

    mended: str | None
    doubtful: str | None
    """Rows that may be duplicates: `_DOUBTFUL` holds for them."""


def _take_apart(connection: duckdb.DuckDBPyConnection, rows: RawRows, rules: ReviewRules, tally: Tally) -> _Apart:
    """Go back to the lines of faulty and doubtful rows: book the faults, mend what can be mended, keep the doubtful."""
    # rows of `marks` are in file order, so that the n-th is the n-th record
    found = connection.execute("SELECT rowid + 1, reason FROM marks WHERE reason IS NOT NULL").fetchall()
    reasons: dict[int, str] = dict(found)
    doubtful = _doubtful_records(connection)
    mended: list[tuple[Located, str]] = []
    workspace = rows.raw.workspace
    with (workspace / "doubtful.json").open("w", encoding="utf-8") as output:
        for row in rows.locate([*reasons, *(doubtful if rows.rereadable else ())]):
            reason = reasons.get(row.record)
            whole = mend(row.json) if reason == _SUSPECT and row.json is not None else None
            if reason is None:
                output.write(f"{row.json}\n")
            elif whole is not None:
                mended.append((row, whole))
            else:
                tally.faults.append(Fault(row.line, MALFORMED if reason == _SUSPECT else reason, row.excerpt))
    if mended and _book_mended(connection, rows, rules, mended, tally):
        doubtful = _doubtful_records(connection)
        with (workspace / "doubtful.json").open("w", encoding="utf-8") as output:
            output.writelines(f"{row.json}\n" for row in rows.locate(doubtful))
    source = rows.select(workspace / "doubtful.json") if rows.rereadable else rows.sql
    return _Apart(rows.select(workspace / "mended.json") if mended else None, source if doubtful else None)


def _book_mended(
    connection: duckdb.DuckDBPyConnection,
    rows: RawRows,
    rules: ReviewRules,
    mended: list[tuple[Located, str]],
    tally: Tally,
) -> bool:
    """Judge the mended rows like all others; returns whether one of them repeats another row."""
    path = rows.raw.workspace / "mended.json"
    path.write_text("".join(f"{whole}\n" for _, whole in mended), encoding="utf-8")
    connection.execute(f"CREATE OR REPLACE TEMP TABLE mended AS {_marks(rows.select(path), rules)}")
    reasons = connection.execute("SELECT reason FROM mended ORDER BY rowid").fetchall()
    for (row, whole), (reason,) in zip(mended, reasons, strict=True):
        if reason is None:
            tally.mended += 1
        else:
            keys = ", ".join(sorted(json.loads(whole))[:8])
            named = f"none of the format's fields (has {excerpt(keys)})" if reason == _SUSPECT else reason
            tally.faults.append(Fault(row.line, named, row.excerpt))
    connection.execute("INSERT INTO marks SELECT * FROM mended WHERE reason IS NULL")
    repeats = (
        "SELECT count(*) FROM marks WHERE reason IS NULL AND mark IN (SELECT mark FROM mended WHERE reason IS NULL)"
    )
    return bool(_scalar(connection, repeats) > tally.mended)


def _doubtful_records(connection: duckdb.DuckDBPyConnection) -> list[int]:
    """The records whose mark may stand more than once; none where no mark does.

    They are told from the rest by one bit of a bitmap over the marks, which a stream can test in passing and in order, as
    no join does. Rows that fall on the same bit by chance are among them, and come out of the grouping unharmed.
    """
    repeated = "SELECT mark FROM marks WHERE reason IS NULL GROUP BY mark HAVING count(*) > 1"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE repeated AS {repeated}")
    count = _scalar(connection, "SELECT count(*) FROM repeated")
    if not count:
        return []
    bits = 1 << min(30, max(16, (64 * count).bit_length()))
    connection.execute(f"SET VARIABLE num_bits = {bits}")
    connection.execute(
        f"SET VARIABLE doubtful = (SELECT bitstring_agg(CAST(mark % {bits} AS INTEGER), 0, {bits - 1}) FROM repeated)"
    )
    found = fetch_arrays(connection, f"SELECT rowid + 1 AS record FROM marks WHERE reason IS NULL AND {_DOUBTFUL}")
    records: list[int] = found["record"].tolist()
    return records


def _final(rows: RawRows, rules: ReviewRules, apart: _Apart) -> str:
    """SQL of the whole table: rows in file order, mended ones, then one for each group of the doubtful."""

    def good(select: str) -> str:
        return f"SELECT *, {_MARK} AS mark FROM ({cleaned(select, rules)}) WHERE reason IS NULL"

    whole = [good(rows.sql), *([good(apart.mended)] if apart.mended is not None else [])]
    if apart.doubtful is None:
        return " UNION ALL ".join(f"SELECT {_COLUMNS} FROM ({arm})" for arm in whole)
    once = [f"SELECT {_COLUMNS} FROM ({arm}) WHERE NOT ({_DOUBTFUL})" for arm in whole]
    arms = (good(apart.doubtful), *whole[1:])
    doubtful = " UNION ALL ".join(f"SELECT * FROM ({arm}) WHERE {_DOUBTFUL}" for arm in arms)
    collapsed = (
        f"SELECT user_id, item_id, max(rating) AS rating, text, timestamp FROM ({doubtful}) "
        "GROUP BY user_id, item_id, text, timestamp ORDER BY user_id, item_id, timestamp, text"
    )
    return " UNION ALL ".join([*once, f"({collapsed})"])


def _scalar(connection: duckdb.DuckDBPyConnection, query: str) -> Any:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]
