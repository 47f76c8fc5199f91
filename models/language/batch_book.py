"""Batches that are under way, on disk beside the answers: what was submitted is found again after any end of the process.

A chunk of lines is planned before anything is sent, submitted when the endpoint has named its batch, and over when each of its
lines is collected. Answers and ledger are `store.py`, in the same file; what a batch says is `batch_results.py`.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from models.errors import LmmrecError
from models.language.dialect import Form
from models.language.dialogue import Turn

_SCHEMA = """
CREATE TABLE IF NOT EXISTS batches (
    chunk TEXT PRIMARY KEY, endpoint TEXT NOT NULL, model TEXT NOT NULL, file_id TEXT, batch_id TEXT,
    state TEXT NOT NULL, planned_at REAL NOT NULL, submitted_at REAL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS batch_lines (
    chunk TEXT NOT NULL, request_sha256 TEXT NOT NULL, attempt INTEGER NOT NULL, turn TEXT NOT NULL,
    collected INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (chunk, request_sha256)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS batch_lines_of_request ON batch_lines (request_sha256);
"""
_AT_ONCE = 500


@dataclass(frozen=True)
class Line:
    """One request of a batch."""

    request_sha256: str
    """Its `custom_id`."""
    attempt: int
    turn: Turn


@dataclass(frozen=True)
class Chunk:
    """The lines of one batch, planned or submitted."""

    name: str
    """Made up for this chunk alone, so that no batch of another home is taken for it; the batch carries it as metadata."""
    planned_at: float
    batch_id: str | None
    """None until the endpoint has named it, as far as this file knows."""
    lines: tuple[Line, ...]
    """Those that are not collected yet."""
    submitted_at: float = 0.0


class BatchBook:
    """The batches of one endpoint and model; open it as a context. Every method raises LmmrecError where the file fails."""

    def __init__(self, path: Path, endpoint: str, model: str) -> None:
        self._path, self._endpoint, self._model = path, endpoint, model
        try:
            self._connection = sqlite3.connect(path, timeout=60, isolation_level=None)
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise self._refusal(error) from None

    def __enter__(self) -> BatchBook:
        return self

    def __exit__(self, *exception: object) -> None:
        self._connection.close()

    def open_chunks(self) -> list[Chunk]:
        """Planned or submitted, with lines that are not collected; oldest first."""
        rows = self._ask(
            "SELECT chunk, planned_at, batch_id, coalesce(submitted_at, 0) FROM batches WHERE endpoint = ? "
            "AND model = ? AND state IN ('planned', 'submitted') ORDER BY planned_at",
            (self._endpoint, self._model),
        )
        lines = "SELECT request_sha256, attempt, turn FROM batch_lines WHERE chunk = ? AND NOT collected"
        return [
            Chunk(name, planned, batch, tuple(_line(*row) for row in self._ask(lines, (name,))), submitted)
            for name, planned, batch, submitted in rows
        ]

    def last_attempts(self, names: Sequence[str]) -> dict[str, int]:
        """Request -> number of its last attempt in any batch."""
        found: dict[str, int] = {}
        for start in range(0, len(names), _AT_ONCE):
            some = names[start : start + _AT_ONCE]
            marks = ", ".join("?" * len(some))
            query = f"SELECT request_sha256, max(attempt) FROM batch_lines WHERE request_sha256 IN ({marks}) GROUP BY 1"
            found.update(self._ask(query, some))
        return found

    def plan(self, lines: Iterable[Line]) -> Chunk:
        """Write down what is about to be submitted."""
        lines = tuple(lines)
        name = secrets.token_hex(16)
        chunk = Chunk(name, time.time(), None, lines)
        row = (name, self._endpoint, self._model, None, None, "planned", chunk.planned_at, None)
        self._write(
            ("INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [row]),
            (
                "INSERT INTO batch_lines VALUES (?, ?, ?, ?, 0)",
                [(name, line.request_sha256, line.attempt, json.dumps(asdict(line.turn))) for line in lines],
            ),
        )
        return chunk

    def submitted(self, chunk: Chunk, batch_id: str, file_id: str) -> Chunk:
        """The endpoint has named the batch of `chunk`."""
        now = time.time()
        update = "UPDATE batches SET state = 'submitted', batch_id = ?, file_id = ?, submitted_at = ? WHERE chunk = ?"
        self._write((update, [(batch_id, file_id, now, chunk.name)]))
        return Chunk(chunk.name, chunk.planned_at, batch_id, chunk.lines, now)

    def never_sent(self, chunk: Chunk) -> None:
        """Forget a plan that no batch came of."""
        self._write(
            ("DELETE FROM batches WHERE chunk = ?", [(chunk.name,)]),
            ("DELETE FROM batch_lines WHERE chunk = ?", [(chunk.name,)]),
        )

    def recorded(self, chunk: Chunk) -> set[str]:
        """Requests of `chunk` whose attempt is in the ledger already: the process ended before it was marked here."""
        rows = self._ask(
            "SELECT l.request_sha256 FROM attempts a JOIN batch_lines l ON l.chunk = ? AND l.attempt = a.attempt "
            "AND l.request_sha256 = a.request_sha256 WHERE a.endpoint = 'batch'",
            (chunk.name,),
        )
        return {row[0] for row in rows}

    def collected(self, chunk: Chunk, names: Iterable[str]) -> None:
        """These lines are in the ledger, and their answers in the store; the chunk is over with its last line."""
        self._write(
            (
                "UPDATE batch_lines SET collected = 1 WHERE chunk = ? AND request_sha256 = ?",
                [(chunk.name, name) for name in names],
            ),
            (
                "UPDATE batches SET state = 'collected' WHERE chunk = ? AND NOT EXISTS (SELECT 1 FROM batch_lines l "
                "WHERE l.chunk = batches.chunk AND NOT l.collected)",
                [(chunk.name,)],
            ),
        )

    def refused(self, chunk: Chunk) -> None:
        """The endpoint would not work off the file of `chunk`: none of its lines was asked."""
        self._write(("UPDATE batches SET state = 'refused' WHERE chunk = ?", [(chunk.name,)]))

    def _ask(self, query: str, values: Sequence[Any]) -> list[Any]:
        try:
            with closing(self._connection.execute(query, values)) as cursor:
                return cursor.fetchall()
        except sqlite3.Error as error:
            raise self._refusal(error) from None

    def _write(self, *statements: tuple[str, list[Any]]) -> None:
        """All of them or none; on disk when this returns."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                for statement, rows in statements:
                    self._connection.executemany(statement, rows)
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise self._refusal(error) from None

    def _refusal(self, error: sqlite3.Error) -> LmmrecError:
        return LmmrecError(
            f"{self._path} could not be used for batches ({error}): free space or mend the file; batches that were submitted "
            "go on and are collected by the next run."
        )


def _line(name: str, attempt: int, turn: str) -> Line:
    stated = json.loads(turn)
    return Line(name, attempt, Turn(**(stated | {"form": Form(**stated["form"])})))
