"""Vectors kept by text: a text that was encoded once is not encoded again, in any dataset.

One SQLite file per home, keyed by encoder, model and the sha256 of the text. Vectors may have been paid for, so they are on
disk when `keep` returns, and only a file that is no sound database is set aside and begun anew. Encoders whose vectors depend
on the other texts are never kept here.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from models.errors import LmmrecError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Result = TypeVar("Result")

STORE = "embeddings.sqlite"
_TABLE = """CREATE TABLE IF NOT EXISTS vectors (
    encoder TEXT NOT NULL, model TEXT NOT NULL, text_sha256 TEXT NOT NULL, dim INTEGER NOT NULL, vector BLOB NOT NULL,
    PRIMARY KEY (encoder, model, text_sha256)) WITHOUT ROWID"""
_AT_ONCE = 500
_LOCK_WAIT_S = 60.0
"""How long another run may hold the file."""
_UNSOUND = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)


def text_sha256(text: str) -> str:
    """Names a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class VectorStore:
    """Vectors of one encoder and model. Every method raises LmmrecError where the file cannot be read or written."""

    def __init__(self, path: Path, encoder: str, model: str) -> None:
        self._path, self._encoder, self._model = path, encoder, model

    def find(self, hashes: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Hash -> (d,) float32, for those that are there and whole."""
        return self._with_connection(lambda connection: self._find(connection, hashes))

    def dimension(self) -> int | None:
        """Of the vectors that are there; None where there are none."""

        def ask(connection: sqlite3.Connection) -> int | None:
            query = "SELECT dim FROM vectors WHERE encoder = ? AND model = ? LIMIT 1"
            row = connection.execute(query, (self._encoder, self._model)).fetchone()
            return None if row is None else int(row[0])

        return self._with_connection(ask)

    def keep(self, hashes: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Store row k of `vectors` (n, d) under hash k.

        Raises:
            LmmrecError: vectors of another dimension are there.
        """
        kept, fresh = self.dimension(), int(vectors.shape[1])
        if kept not in (None, fresh):
            raise LmmrecError(
                f"{self._encoder} {self._model} now makes vectors of {fresh} dimensions, those in {self._path} have {kept}: "
                "give the other model its own LMMREC_ENCODER_MODEL, or delete the file."
            )
        rows = [
            (self._encoder, self._model, name, fresh, row.astype("<f4").tobytes())
            for name, row in zip(hashes, vectors, strict=True)
        ]

        def write(connection: sqlite3.Connection) -> None:
            with connection:
                connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?, ?, ?)", rows)

        self._with_connection(write)

    def _find(self, connection: sqlite3.Connection, hashes: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        import numpy as np

        found = {}
        for start in range(0, len(hashes), _AT_ONCE):
            some = hashes[start : start + _AT_ONCE]
            rows = connection.execute(
                "SELECT text_sha256, dim, vector FROM vectors WHERE encoder = ? AND model = ? AND text_sha256 IN "
                f"({', '.join('?' * len(some))})",
                (self._encoder, self._model, *some),
            )
            for name, dim, blob in rows:
                if len(blob) == 4 * dim:
                    found[name] = np.frombuffer(blob, dtype="<f4").astype(np.float32)
        return found

    def _with_connection(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """`work`, once more with an empty file where this one turns out to be no sound database."""
        for attempt in (1, 2):
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with closing(sqlite3.connect(self._path, timeout=_LOCK_WAIT_S)) as connection:
                    connection.execute("PRAGMA journal_mode = WAL")
                    connection.execute("PRAGMA synchronous = FULL")
                    connection.execute(_TABLE)
                    return work(connection)
            except (sqlite3.Error, OSError) as error:
                code = getattr(error, "sqlite_errorcode", None)
                if attempt == 1 and code is not None and code & 0xFF in _UNSOUND:
                    self._set_aside()
                    continue
                raise LmmrecError(
                    f"{self._path} could not be used ({error}): free space, end the run that holds it, or set LMMREC_HOME "
                    "elsewhere; vectors that were kept before stay."
                ) from None
        raise AssertionError("the second attempt returns or raises")

    def _set_aside(self) -> None:
        self._path.replace(self._path.with_name(f"{self._path.name}.damaged"))
        for suffix in ("-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
