"""Rows that cannot be taken over: counted by reason, kept with their line, and a stop when they are too many.

Every raw row ends as kept, as a collapsed duplicate or here; `Tally` holds the books. Which rows are faulty is decided in
`reviews.py` and `items.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.datasets.formats.json_lines import is_gzipped, open_binary
from assets.datasets.formats.rows import Fault, RawFile
from assets.tables import write_parquet
from models.errors import LmmrecError
from models.progress import track

if TYPE_CHECKING:
    import duckdb

QUARANTINE = "quarantine.parquet"
_BLOCK = 4 * 1024 * 1024


@dataclass
class Tally:
    """The books of one raw file: `read == kept + duplicates + len(faults)`."""

    read: int = 0
    kept: int = 0
    duplicates: int = 0
    mended: int = 0
    """Rows with lone surrogates, foreign bytes or a byte order mark that were repaired; among `kept` or `duplicates`."""
    texts_cut: int = 0
    faults: list[Fault] = field(default_factory=list)

    @property
    def reasons(self) -> Counter[str]:
        return Counter(fault.reason for fault in self.faults)

    def metadata(self) -> dict[str, Any]:
        """Figures for people, with a table of the quarantined rows by reason where there are any."""
        figures: dict[str, Any] = {
            "rows_read": self.read,
            "rows_kept": self.kept,
            "rows_duplicate": self.duplicates,
            "rows_quarantined": len(self.faults),
            "rows_mended": self.mended,
            "texts_cut": self.texts_cut,
        }
        if self.faults:
            first = {fault.reason: fault.line for fault in sorted(self.faults, key=lambda fault: -fault.line)}
            ordered = sorted(self.reasons.items(), key=lambda entry: (-entry[1], first[entry[0]]))
            figures["quarantine"] = [
                {"reason": reason, "rows": count, "first_line": first[reason]} for reason, count in ordered
            ]
        return figures

    def stop_above(self, limit: float, raw: RawFile) -> None:
        """Raise where the share of faulty rows is above `limit`, or nothing could be read at all.

        Raises:
            LmmrecError: naming the counts, the most frequent reason with its first line, and the remedy.
        """
        if self.read == 0:
            raise LmmrecError(f"{raw.name} has no rows: check that it is the right file and complete.")
        if len(self.faults) <= limit * self.read:
            return
        reason, count = self.reasons.most_common(1)[0]
        line = min(fault.line for fault in self.faults if fault.reason == reason)
        raise LmmrecError(
            f"{raw.name}: {len(self.faults):,} of {self.read:,} rows are faulty ({len(self.faults) / self.read:.1%}; "
            f"{limit:.1%} are tolerated), most often '{reason}' ({count:,} rows, first in line {line:,}): mend the file, "
            "check its format, or raise `quarantine_limit` of the catalogue entry."
        )


def write_quarantine(connection: duckdb.DuckDBPyConnection, name: str, faults: Sequence[Fault], path: Path) -> None:
    """`quarantine.parquet` (source, line, reason, excerpt), ordered by line."""
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE quarantine (source VARCHAR, line BIGINT, reason VARCHAR, excerpt VARCHAR)"
    )
    if faults:
        connection.executemany(
            "INSERT INTO quarantine VALUES (?, ?, ?, ?)", [(name, f.line, f.reason, f.excerpt) for f in faults]
        )
    write_parquet(connection, "SELECT * FROM quarantine ORDER BY line, reason, excerpt", path)


def check_compression(raw: RawFile) -> None:
    """Read a gzipped file to its end once, since DuckDB stops without a word where the stream is corrupt.

    Raises:
        LmmrecError: the file is truncated or corrupt.
    """
    if not is_gzipped(raw.path):
        if raw.path.suffix == ".gz" and raw.path.stat().st_size:
            raise LmmrecError(f"{raw.name} ends in .gz but is not gzipped: rename it, or fetch it again.")
        return
    with broken_stream(raw), open_binary(raw.path) as stream, track(f"verify {raw.name}", unit="MB") as step:
        while block := stream.read(_BLOCK):
            step.advance(len(block) / 1e6)


@contextmanager
def broken_stream(raw: RawFile) -> Iterator[None]:
    """What gzip says about a broken file, as one clear sentence."""
    import zlib

    try:
        yield
    except EOFError:
        raise LmmrecError(f"{raw.name} is truncated (its gzip stream ends early): copy or download it again.") from None
    except (zlib.error, OSError) as error:
        raise LmmrecError(f"{raw.name} cannot be read ({error}): copy or download it again.") from None
