"""Files with one Python literal per line (`{u'user_id': u'…'}`): read with `ast.literal_eval`, never `eval`.

They are rewritten once as JSON lines in the workspace, a line at a time, and go the way of `json_lines` from there. A line
that is no literal may still be JSON: publishers mix the two.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from assets.datasets.formats.json_lines import find_lines, json_lines, mend, open_binary
from assets.datasets.formats.rows import MALFORMED, Fault, Located, RawFile, RawRows, excerpt
from models.progress import track

LINE = "__line__"
"""Key under which the rewritten file keeps the line of the original."""

Expand = Callable[[dict[str, Any]], Iterable[dict[str, Any]]]


def python_literals(
    raw: RawFile,
    columns: Mapping[str, str],
    fields: Mapping[str, str],
    expand: Expand = lambda row: (row,),
) -> RawRows:
    """Rows of a file of Python literals; arguments as in `json_lines`.

    Args:
        expand: makes the rows of one line, where a line holds several.
    """
    rewritten = raw.workspace / f"{raw.path.name}.json"
    faults: list[Fault] = []
    _rewrite(raw, rewritten, expand, faults)
    rows = json_lines(raw, columns, fields)

    def locate(records: Collection[int]) -> Iterator[Located]:
        for found in find_lines(rewritten, records):
            yield Located(found.record, json.loads(found.json or "{}")[LINE], found.json)

    return RawRows(raw, rewritten, rows.select, locate, lambda connection: faults, rereadable=True)


def parse_line(text: str) -> dict[str, Any] | None:
    """The dict that a line spells, as Python literal or as JSON; None where it is neither."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        mended = mend(text)
        value = None if mended is None else json.loads(mended)
    return value if isinstance(value, dict) else None


def _rewrite(raw: RawFile, target: Path, expand: Expand, faults: list[Fault]) -> None:
    with (
        open_binary(raw.path) as stream,
        target.open("w", encoding="utf-8", errors="replace") as output,
        track(f"read {raw.name}", unit="line") as step,
    ):
        for line, content in enumerate(stream, start=1):
            step.advance()
            text = content.decode("utf-8", errors="replace").strip().removeprefix("\ufeff")
            if not text:
                continue
            row = parse_line(text)
            if row is None:
                faults.append(Fault(line, MALFORMED, excerpt(text)))
                continue
            for part in expand(row):
                output.write(json.dumps({LINE: line, **part}, ensure_ascii=False, default=str) + "\n")
