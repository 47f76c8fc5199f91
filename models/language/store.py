"""`llm.sqlite`: answers that were paid for, what was given up, a ledger of every attempt, and the batches under way.

Answers are keyed by the hash of the whole request, so that the same question is never paid twice; only valid answers enter.
Attempts are appended, never changed. Nothing here holds a key or a header. One thread writes: it takes whatever is waiting
into one transaction, and a write counts as done when it is on disk.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from models.errors import LmmrecError

VERSION = 1
"""Of the tables; a newer file is refused, an older one would be brought up to date here."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    request_sha256 TEXT PRIMARY KEY, model TEXT NOT NULL, raw TEXT NOT NULL, created_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS given_up (
    request_sha256 TEXT PRIMARY KEY, model TEXT NOT NULL, reason TEXT NOT NULL, laws TEXT NOT NULL,
    created_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS attempts (
    number INTEGER PRIMARY KEY, at REAL NOT NULL, endpoint TEXT NOT NULL, model TEXT NOT NULL,
    request_sha256 TEXT NOT NULL, attempt INTEGER NOT NULL, status INTEGER, outcome TEXT NOT NULL,
    input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, estimated INTEGER NOT NULL,
    cost_usd REAL NOT NULL, latency_s REAL NOT NULL);
"""
_ATTEMPT_COLUMNS = (
    "at, endpoint, model, request_sha256, attempt, status, outcome, "
    "input_tokens, output_tokens, estimated, cost_usd, latency_s"
)
_AT_ONCE = 500
_PATIENCE_S = 60.0
"""For another process that writes."""


@dataclass(frozen=True)
class Attempt:
    """One HTTP attempt, or one request of a batch."""

    endpoint: str
    """`chat`, `embeddings` or `batch`."""
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


@dataclass(frozen=True)
class Answer:
    """A valid answer, raw."""

    request_sha256: str
    model: str
    raw: str


@dataclass(frozen=True)
class GivenUp:
    """A question that will not be asked again, and why."""

    request_sha256: str
    model: str
    reason: str
    laws: str
    """Version of the laws that its answers broke."""


Row = Attempt | Answer | GivenUp
_Done = Future[None] | asyncio.Future[None]
"""Somebody who waits for rows to be on disk, in a thread or in an event loop."""


class Store:
    """Answers and attempts of one home; open it as a context.

    Raises:
        LmmrecError: the file is no SQLite database, was made by a newer version, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: queue.SimpleQueue[tuple[Sequence[Row], _Done] | None] = queue.SimpleQueue()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = self._connect()
            self._connection.execute("BEGIN IMMEDIATE")
            found = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if found <= VERSION:
                for statement in _SCHEMA.split(";"):
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA user_version = {VERSION}")
            self._connection.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            raise LmmrecError(
                f"{path} cannot be used ({error}): mend or remove the file; paid answers are in it."
            ) from None
        if found > VERSION:
            self._connection.close()
            raise LmmrecError(
                f"{path} was made by a newer lmmrec (version {found}, known is {VERSION}): upgrade lmmrec."
            )
        self._writer = threading.Thread(target=self._write_groups, name="llm.sqlite writer", daemon=True)
        self._writer.start()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exception: object) -> None:
        self._waiting.put(None)
        self._writer.join()
        self._connection.close()

    def answers(self, names: Sequence[str]) -> dict[str, str]:
        """Request hash -> raw answer, for those that are there."""
        return self._find("SELECT request_sha256, raw FROM answers WHERE request_sha256 IN", names)

    def given_up(self, names: Sequence[str], laws: str) -> dict[str, str]:
        """Request hash -> reason, for those that were given up under these laws."""
        return self._find(
            "SELECT request_sha256, reason FROM given_up WHERE laws = ? AND request_sha256 IN", names, laws
        )

    def _find(self, query: str, names: Sequence[str], *first: str) -> dict[str, str]:
        found: dict[str, str] = {}
        try:
            for start in range(0, len(names), _AT_ONCE):
                some = names[start : start + _AT_ONCE]
                marks = ", ".join("?" * len(some))
                found.update(self._connection.execute(f"{query} ({marks})", [*first, *some]).fetchall())
        except sqlite3.Error as error:
            raise LmmrecError(f"{self._path} cannot be read ({error}): mend it with `sqlite3 … .recover`.") from None
        return found

    def spent_usd(self) -> float:
        """Dollars of all attempts ever made from this home."""
        with closing(self._connection.execute("SELECT coalesce(sum(cost_usd), 0) FROM attempts")) as cursor:
            return float(cursor.fetchone()[0])

    def submit(self, *rows: Row) -> Future[None]:
        """Write all of `rows` or none; the future is done when they are on disk.

        Its result raises LmmrecError where they could not be written.
        """
        written: Future[None] = Future()
        self._waiting.put((rows, written))
        return written

    def write(self, *rows: Row) -> None:
        """`submit`, and wait."""
        self.submit(*rows).result()

    async def written(self, *rows: Row) -> None:
        """`submit`, and wait without holding up the event loop."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.put((rows, written))
        await written

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=_PATIENCE_S, isolation_level=None)
        _switch_to_wal(connection)
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    def _write_groups(self) -> None:
        """The writer thread: what came while the disk was busy goes into the next transaction together."""
        with closing(self._connect()) as connection:
            last = False
            while not last:
                group = [self._waiting.get()]
                with suppress(queue.Empty):
                    while True:
                        group.append(self._waiting.get_nowait())
                last = None in group
                jobs = [job for job in group if job is not None]
                failure = _write_group(connection, [row for rows, _ in jobs for row in rows])
                _settle([done for _, done in jobs], None if failure is None else self._refusal(failure))

    def _refusal(self, error: sqlite3.Error) -> LmmrecError:
        return LmmrecError(
            f"{self._path} could not be written ({error}): free space or set LMMREC_HOME elsewhere; what was answered before "
            "is kept."
        )


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """SQLite does not wait for others here: two processes that make the file at the same moment would refuse each other."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _settle(waiting: Iterable[_Done], error: LmmrecError | None) -> None:
    """Tells everybody who waits; an event loop is woken once for all that wait in it."""
    of_loops: dict[asyncio.AbstractEventLoop, list[_Done]] = {}
    for done in waiting:
        if isinstance(done, Future):
            _tell([done], error)
        else:
            of_loops.setdefault(done.get_loop(), []).append(done)
    for loop, some in of_loops.items():
        with suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits any more
            loop.call_soon_threadsafe(_tell, some, error)


def _tell(waiting: Iterable[_Done], error: LmmrecError | None) -> None:
    for done in waiting:
        if done.done():
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)


def _write_group(connection: sqlite3.Connection, rows: Sequence[Row]) -> sqlite3.Error | None:
    if not rows:
        return None
    now = time.time()
    attempts = [(now, *vars(row).values()) for row in rows if isinstance(row, Attempt)]
    answers = [(*vars(row).values(), now) for row in rows if isinstance(row, Answer)]
    given_up = [(*vars(row).values(), now) for row in rows if isinstance(row, GivenUp)]
    try:
        connection.execute("BEGIN IMMEDIATE")
        _insert(connection, f"INSERT INTO attempts ({_ATTEMPT_COLUMNS}) VALUES", attempts)
        _insert(connection, "INSERT OR REPLACE INTO answers VALUES", answers)
        _insert(connection, "INSERT OR REPLACE INTO given_up VALUES", given_up)
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        return error
    return None


def _insert(connection: sqlite3.Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Many rows in one step of SQLite: after each step this thread has to wait for its turn among Python's threads."""
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        marks = f"({', '.join('?' * len(some[0]))})"
        connection.execute(f"{statement} {', '.join([marks] * len(some))}", list(chain.from_iterable(some)))
