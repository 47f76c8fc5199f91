"""Vectors kept by text: a text that was encoded once is not encoded again, in any dataset.

One SQLite file per home, keyed by encoder, model and the sha256 of the text. Losing it costs time and nothing else, so
what cannot be read is encoded anew. Encoders whose vectors depend on the other texts are never kept here.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STORE = "embeddings.sqlite"
_TABLE = """CREATE TABLE IF NOT EXISTS vectors (
    encoder TEXT NOT NULL, model TEXT NOT NULL, text_sha256 TEXT NOT NULL, dim INTEGER NOT NULL, vector BLOB NOT NULL,
    PRIMARY KEY (encoder, model, text_sha256)) WITHOUT ROWID"""
_AT_ONCE = 500


def text_sha256(text: str) -> str:
    """Names a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class VectorStore:
    """Vectors of one encoder and model."""

    def __init__(self, path: Path, encoder: str, model: str) -> None:
        self._path, self._encoder, self._model = path, encoder, model

    def find(self, hashes: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Hash -> (d,) float32, for those that are there and whole."""
        import numpy as np

        found = {}
        with closing(self._open()) as connection:
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

    def keep(self, hashes: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Store row k of `vectors` (n, d) under hash k."""
        rows = [
            (self._encoder, self._model, name, vectors.shape[1], row.astype("<f4").tobytes())
            for name, row in zip(hashes, vectors, strict=True)
        ]
        with closing(self._open()) as connection, connection:
            connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?, ?, ?)", rows)

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return self._connect()
        except sqlite3.DatabaseError:
            self._path.unlink()
            return self._connect()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=60)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(_TABLE)
        except BaseException:
            connection.close()
            raise
        return connection
