"""JSON lines, plain or gzipped: DuckDB parses them in parallel; Python goes back only for the lines it stumbled over.

DuckDB gives a row of NULLs for a line that is no valid JSON and skips blank lines, so the n-th row is the n-th line that is
not blank. A line above `MAX_LINE_BYTES` ends the run: such a file is hardly JSON lines.
"""

from __future__ import annotations

import bisect
import gzip
import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING

from assets.datasets.formats.rows import Located, RawFile, RawRows
from assets.tables import identifier, literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_LINE_BYTES = 16 * 1024 * 1024
_BLOCK_BYTES = 4 * 1024 * 1024
_WHITE_SPACE = tuple(b" \t\r\v\f")
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

    return RawRows(raw, raw.path, select, lambda records: find_lines(raw.path, records), rereadable=True)


def find_lines(file: Path, records: Collection[int]) -> Iterator[Located]:
    """The lines of the given records, where 1 is the first line that is not blank.

    Line breaks are found block by block in NumPy and lines are cut out only where they are wanted, so that a few lines of a
    huge file are found at about the speed of the disk.
    """
    wanted = sorted(records)
    record, line, at = 0, 0, 0
    for block in _blocks(file):
        if at == len(wanted):
            return
        starts, ends, numbers, num_lines = _content_lines(block)
        upto = bisect.bisect_right(wanted, record + len(starts), lo=at)
        for number in wanted[at:upto]:
            position = number - record - 1
            raw = bytes(block[starts[position] : ends[position]])
            text = raw.decode("utf-8", errors="replace").strip().removeprefix("\ufeff")
            yield Located(number, line + int(numbers[position]), text)
        record, line, at = record + len(starts), line + num_lines, upto


def _blocks(file: Path) -> Iterator[memoryview]:
    """The content in pieces that end with a line; a piece is valid until the next one is asked for."""
    buffer = bytearray(2 * _BLOCK_BYTES)
    filled = 0
    with open_binary(file) as stream:
        while True:
            if len(buffer) - filled < _BLOCK_BYTES:
                buffer.extend(bytes(len(buffer)))
            with memoryview(buffer) as whole:
                read = stream.readinto(whole[filled : filled + _BLOCK_BYTES])  # type: ignore[attr-defined]
                end = buffer.rfind(b"\n", filled, filled + read) + 1 if read else filled
                filled += read
                if end:
                    yield whole[:end]
            if not read:
                return
            buffer[: filled - end] = buffer[end:filled]
            filled -= end


def _content_lines(block: memoryview) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], int]:
    """Of the lines that are not blank: start, end, and number within the block from 1; and how many lines there are."""
    import numpy as np

    characters = np.frombuffer(block, dtype=np.uint8)
    ends = np.flatnonzero(characters == ord("\n"))
    if block[-1] != ord("\n"):
        ends = np.append(ends, len(block))
    starts = np.append(0, ends[:-1] + 1)
    # only a line that is empty or ends in white space can be blank
    doubtful = np.flatnonzero((ends == starts) | np.isin(characters[np.maximum(ends - 1, 0)], _WHITE_SPACE))
    blank = [k for k in doubtful if not bytes(block[starts[k] : ends[k]]).strip()]
    numbers = np.arange(1, len(ends) + 1)
    if not blank:
        return starts, ends, numbers, len(ends)
    return np.delete(starts, blank), np.delete(ends, blank), np.delete(numbers, blank), len(ends)


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
