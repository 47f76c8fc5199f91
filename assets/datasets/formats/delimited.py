"""Delimited text (CSV and its kin), plain or gzipped, through DuckDB's parallel reader.

Every field is read as text; what it means is decided afterwards. Records that the parser refuses (wrong number of fields,
an open quote, bytes that are no UTF-8) are kept by DuckDB in a table of rejects and become faults.
"""

from __future__ import annotations

import bisect
import csv
import io
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assets.datasets.formats.json_lines import is_gzipped, open_binary
from assets.datasets.formats.rows import MALFORMED, Fault, Located, RawFile, RawRows, excerpt
from assets.tables import identifier, literal
from models.errors import LmmrecError

if TYPE_CHECKING:
    import duckdb


_HEADER_BYTES = 64 * 1024


@dataclass(frozen=True)
class Dialect:
    delimiter: str = ","
    quote: str = '"'
    header: bool = True
    encoding: str = "utf-8"


def header_of(raw: RawFile, dialect: Dialect) -> list[str]:
    """Names in the first record.

    Raises:
        LmmrecError: the file is empty, or names a column twice.
    """
    with open_binary(raw.path) as stream:
        start = stream.read(_HEADER_BYTES).decode(dialect.encoding, errors="replace")
    names = next(csv.reader(io.StringIO(start, newline=""), delimiter=dialect.delimiter), [])
    names = [name.removeprefix("\ufeff") for name in names]
    if not names:
        raise LmmrecError(f"{raw.name} is empty: it needs a header line and rows.")
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise LmmrecError(f"{raw.name} names the column '{min(twice)}' twice in its header: rename one.")
    return names


def delimited(raw: RawFile, names: Sequence[str], fields: Mapping[str, str], dialect: Dialect) -> RawRows:
    """Rows of a delimited file.

    Args:
        names: all columns in file order.
        fields: our name -> SQL expression over those columns (all text).
    """
    rejects = f"rejects_{uuid.uuid4().hex}"
    refused_lines: list[int] = []
    listed = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
    chosen = ", ".join(f"{expression} AS {identifier(name)}" for name, expression in fields.items())

    def select(path: Path) -> str:
        compression = "gzip" if is_gzipped(path) else "none"
        return (
            f"SELECT {chosen} FROM read_csv({literal(path)}, columns = {{{listed}}}, auto_detect = false, "
            f"delim = {literal(dialect.delimiter)}, quote = {literal(dialect.quote)}, escape = {literal(dialect.quote)}, "
            f"header = {str(dialect.header).lower()}, encoding = {literal(dialect.encoding)}, "
            f"compression = '{compression}', store_rejects = true, rejects_table = '{rejects}', "
            f"rejects_scan = '{rejects}_scans')"
        )

    def faults(connection: duckdb.DuckDBPyConnection) -> list[Fault]:
        found = connection.execute(
            f"SELECT line, min(csv_line) FROM {rejects} WHERE scan_id = (SELECT min(scan_id) FROM {rejects}) "
            "GROUP BY line ORDER BY line"
        ).fetchall()
        refused_lines[:] = [line for line, _ in found]
        return [Fault(line, MALFORMED, excerpt((text or "").strip())) for line, text in found]

    def locate(records: Collection[int]) -> Iterator[Located]:
        for record in sorted(records):
            yield Located(record, _line_of(record, refused_lines, dialect.header))

    return RawRows(raw, raw.path, select, locate, faults)


def _line_of(record: int, refused_lines: Sequence[int], header: bool) -> int:
    """The line of the n-th accepted record, given the sorted lines of those that were not."""
    line = record + int(header)
    while (shifted := record + int(header) + bisect.bisect_right(refused_lines, line)) != line:
        line = shifted
    return line
