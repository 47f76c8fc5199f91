"""`llm.sqlite`: answers that were paid for, and a ledger of every attempt.

Answers are keyed by the hash of the whole request, so that the same question is never paid twice; only valid answers enter.
Attempts are appended, never changed. Neither holds a key or a header. One process writes at a time (SQLite waits for it),
and each answer is on disk before the next is asked for.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import LmmrecError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    request_sha256 TEXT PRIMARY KEY, model TEXT NOT NULL, raw TEXT NOT NULL, created_at REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS attempts (
    number INTEGER PRIMARY KEY, at REAL NOT NULL, endpoint TEXT NOT NULL, model TEXT NOT NULL,
    request_sha256 TEXT NOT NULL, attempt INTEGER NOT NULL, status INTEGER, outcome TEXT NOT NULL,
    input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, estimated INTEGER NOT NULL,
    cost_usd REAL NOT NULL, latency_s REAL NOT NULL);
"""
_AT_ONCE = 500


@dataclass(frozen=True)
class Attempt:
    """One HTTP attempt."""

    endpoint: str
    """`chat` or `embeddings`."""
    model: str
    request_sha256: str
    attempt: int
    """1 for the first."""
    status: int | None
    """HTTP status; None where no response came."""
    outcome: str
    """`ok`, `retry`, `reask`, `quarantine` or `abort`."""
    input_tokens: int = 0
    output_tokens: int = 0
    estimated: bool = False
    """True where the endpoint did not say how many tokens it took."""
    cost_usd: float = 0.0
    latency_s: float = 0.0


def request_sha256(request: Mapping[str, Any]) -> str:
    """Names a request by everything that decides its answer."""
    canonical = json.dumps(request, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


class Store:
    """Answers and attempts of one home; open it as a context.

    Raises:
        LmmrecError: the file is no SQLite database, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=60, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.executescript(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise LmmrecError(
                f"{path} cannot be used ({error}): mend or remove the file; paid answers are in it."
            ) from None

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exception: object) -> None:
        self._connection.close()

    def answers(self, names: Sequence[str]) -> dict[str, str]:
        """Request hash -> raw answer, for those that are there."""
        found: dict[str, str] = {}
        for start in range(0, len(names), _AT_ONCE):
            some = names[start : start + _AT_ONCE]
            marks = ", ".join("?" * len(some))
            query = f"SELECT request_sha256, raw FROM answers WHERE request_sha256 IN ({marks})"
            found.update(self._connection.execute(query, some).fetchall())
        return found

    def keep(self, name: str, model: str, raw: str) -> None:
        """Keep a valid answer; on disk when this returns."""
        self._write("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", (name, model, raw, time.time()))

    def record(self, attempt: Attempt) -> None:
        """Append one attempt."""
        row = (
            time.time(),
            attempt.endpoint,
            attempt.model,
            attempt.request_sha256,
            attempt.attempt,
            attempt.status,
            attempt.outcome,
            attempt.input_tokens,
            attempt.output_tokens,
            int(attempt.estimated),
            attempt.cost_usd,
            attempt.latency_s,
        )
        self._write(f"INSERT INTO attempts VALUES (NULL{', ?' * len(row)})", row)

    def spent_usd(self) -> float:
        """Dollars of all attempts ever made from this home."""
        with closing(self._connection.execute("SELECT coalesce(sum(cost_usd), 0) FROM attempts")) as cursor:
            return float(cursor.fetchone()[0])

    def _write(self, statement: str, row: Sequence[Any]) -> None:
        try:
            self._connection.execute(statement, row)
        except sqlite3.Error as error:
            raise LmmrecError(
                f"{self._path} could not be written ({error}): free space or set LMMREC_HOME elsewhere; what was answered "
                "before is kept."
            ) from None
