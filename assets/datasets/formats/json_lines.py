"""JSON lines, plain or gzipped: DuckDB parses them in parallel; Python goes back only for the lines it stumbled over.

DuckDB gives a row of NULLs for a line that is no valid JSON and skips blank lines, so the n-th row is the n-th line that is
not blank. A line above `MAX_LINE_BYTES` ends the run: such a file is hardly JSON lines.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import IO

from assets.datasets.formats.rows import Located, RawFile, RawRows, excerpt
from assets.tables import identifier, literal

MAX_LINE_BYTES = 16 * 1024 * 1024
_GZIP_MAGIC = b"\x1f\x8b"


def is_gzipped(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(2) == _GZIP_MAGIC


def open_binary(file: Path) -> IO[bytes]:
    """The uncompressed bytes of a plain or gzipped file."""
    return gzip.open(file, "rb") if is_gzipped(file) else file.open("rb")  # type: ignore[return-value]


def json_lines(raw: RawFile, columns: Mapping[str, str], fields: Mapping[str, str]) -> RawRows:
    """Rows of a JSON lines file.

    Args:
        columns: the file's keys to read -> SQL type (`VARCHAR`, or `JSON` where the type varies).
        fields: our name -> SQL expression over those keys.
    """
    listed = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in columns.items())
    chosen = ", ".join(f"{expression} AS {identifier(name)}" for name, expression in fields.items())

    def select(path: Path) -> str:
        compression = "gzip" if is_gzipped(path) else "none"
        return (
            f"SELECT {chosen} FROM read_json({literal(path)}, format = 'newline_delimited', columns = {{{listed}}}, "
            f"ignore_errors = true, compression = '{compression}', maximum_object_size = {MAX_LINE_BYTES})"
        )

    def locate(records: Collection[int], suspects: Collection[int]) -> Iterator[Located]:
        return find_lines(raw.path, records, suspects)

    return RawRows(raw, raw.path, select, locate)


def find_lines(file: Path, records: Collection[int], suspects: Collection[int]) -> Iterator[Located]:
    """The lines of the given records (1 is the first that is not blank), those of `suspects` mended where possible."""
    record = 0
    last = max(records, default=0)
    with open_binary(file) as stream:
        for line, raw in enumerate(stream, start=1):
            if record >= last:
                return
            if not raw.strip():
                continue
            record += 1
            if record in records:
                text = raw.decode("utf-8", errors="replace").strip().removeprefix("\ufeff")
                yield Located(record, line, excerpt(text), mend(text) if record in suspects else None)


def mend(text: str) -> str | None:
    """`text` as a strictly valid JSON object on one line, or None where it is none.

    Python's parser is more patient than DuckDB's: it takes lone surrogates and raw control characters inside strings.
    """
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    return json.dumps(value, ensure_ascii=False).encode("utf-8", errors="replace").decode("utf-8")
