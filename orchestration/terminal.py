"""What the command line writes to a terminal: safe text, tables, progress.

Review text is written by strangers: `safe` takes out what could move a cursor, change colours or turn the writing
direction. Results go to stdout, progress and errors to stderr. What is said belongs to the commands.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from models.progress import LogLines, Reporter, Step

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_SPACES = {"\n", "\t", "\r"}


def safe(text: str, limit: int | None = None) -> str:
    """`text` on one line, without control, format (bidi, zero-width), private, unassigned and lone surrogate characters.

    Args:
        limit: longest result, in characters; what is cut off shows as an ellipsis.
    """
    kept = (
        " " if char in _SPACES else char for char in text if char in _SPACES or unicodedata.category(char)[0] != "C"
    )
    line = " ".join("".join(kept).split())
    return line if limit is None or len(line) <= limit else line[: limit - 1].rstrip() + "…"


def show_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], title: str | None = None) -> None:
    """Rows as a table on stdout; numbers to the right, floats with four digits."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(safe(title)) if title else None, title_justify="left", title_style="bold")
    for name in columns:
        numeric = any(isinstance(row.get(name), (int, float)) for row in rows)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(row.get(name))) for name in columns))
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else 160).print(table)


def show_json(content: Any) -> None:
    """One JSON document on stdout; not-a-number becomes null, what a terminal would obey is written as `\\u…`."""
    document = json.dumps(_plain(content), ensure_ascii=False, indent=1, allow_nan=False)
    sys.stdout.write("".join(map(_harmless, document)) + "\n")


def show_csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Rows as CSV on stdout, with a header line; nothing where a value is missing, no formula where a text is one."""
    import csv

    from assets.spreadsheet import cell_text

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        values = ["" if row.get(name) is None else row.get(name) for name in columns]
        writer.writerow([cell_text(safe(value)) if isinstance(value, str) else value for value in values])


@contextmanager
def progress_on(stream: TextIO) -> Iterator[Reporter]:
    """Bars with rate and time left where `stream` is a terminal, one line now and then where it is not."""
    if not stream.isatty():
        yield LogLines(lambda line: print(safe(line), file=stream, flush=True))
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[status]}", markup=False),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(file=stream), transient=False) as progress:
        yield Bars(progress)


class Bars:
    """A `Reporter` that draws one bar a step; several may run at once."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[int, TaskID] = {}

    def started(self, step: Step) -> None:
        self._tasks[id(step)] = self._progress.add_task(safe(step.name), total=step.total, status="")

    def changed(self, step: Step) -> None:
        self._progress.update(self._tasks[id(step)], completed=step.done, total=step.total, status=_status(step))

    def finished(self, step: Step) -> None:
        task = self._tasks.pop(id(step))
        self._progress.update(
            task, completed=step.done, total=step.done or 1, status=_status(step, ended=True), refresh=True
        )
        self._progress.stop_task(task)

    def said(self, line: str) -> None:
        self._progress.console.print(safe(line), markup=False, highlight=False)


def _status(step: Step, ended: bool = False) -> str:
    amount = f"{step.done:,.0f}" + (f"/{step.total:,.0f}" if step.total is not None else "")
    parts = [f"{amount} {step.unit}".strip(), f"{step.rate:,.1f}/s"]
    left = step.seconds_left
    if left is not None and step.total is not None and step.done < step.total and not ended:
        parts.append(f"{left:,.0f} s left")
    if step.note:
        parts.append(safe(step.note, 60))
    return ", ".join(parts)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4f}"
    return safe(str(value))


def _harmless(char: str) -> str:
    """A character of a JSON document, escaped where it could move a cursor or turn the writing direction."""
    return json.dumps(char)[1:-1] if char != "\n" and unicodedata.category(char)[0] == "C" else char


def _plain(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {str(key): _plain(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_plain(value) for value in content]
    if isinstance(content, float) and content != content:
        return None
    if isinstance(content, (str, int, float, bool)) or content is None:
        return content
    return content.isoformat() if hasattr(content, "isoformat") else str(content)
