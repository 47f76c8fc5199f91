"""Where the raw files of an entry lie: a local path, a download, a file fetched by hand, or the generated demo.

Also what stands for their content in the lake's records, so that a changed file makes `reviews` stale. Reading is
`formats/`, downloading `download.py`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from assets.datasets.catalog import DatasetEntry, Source
from assets.datasets.formats.rows import RawFile
from assets.tables import connect, plain_failures
from models.errors import LmmrecError

if TYPE_CHECKING:
    import duckdb

DOWNLOADS = "downloads"
"""Folder in the home for what was downloaded or must be brought."""
MEMORY_LIMIT = "2GB"
"""What DuckDB may hold before it spills; leaves room for the arrays of k-core and split in 4 GB."""

DEMO_VERSION = 1
"""Raised by hand when the generator of `demo` gives other rows."""

Kind = Literal["reviews", "items"]


@contextmanager
def workbench(folder: Path, threads: int | None = None) -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """A database that spills to disk, and a workspace for rewritten files; both are gone afterwards.

    Args:
        folder: the folder that is being written; the workspace lies beside it, on the same disk.
        threads: of DuckDB; None means all cores. At least two, since one thread alone cuts Parquet into other row groups
            than several do, and the bytes are not to depend on the machine.
    """
    import shutil

    workspace = folder.with_name(f"{folder.name}.work")
    workspace.mkdir()
    try:
        several = max(2, threads or os.cpu_count() or 2)
        with connect(several, MEMORY_LIMIT, workspace / "spill") as connection, plain_failures():
            yield connection, workspace
    finally:
        shutil.rmtree(workspace, ignore_errors=True)


def open_raw(entry: DatasetEntry, kind: Kind, home: Path, workspace: Path) -> RawFile | None:
    """The raw file of reviews or items at hand; None where the entry names none.

    Raises:
        LmmrecError: it is missing, unreadable, or cannot be downloaded.
    """
    if entry.format == "demo":
        from assets.datasets.formats.demo import write_demo

        write_demo(workspace)
        return RawFile(workspace / f"{kind}.parquet", f"generated {kind}", workspace, {})
    source = entry.reviews if kind == "reviews" else entry.items
    if source is None:
        return None
    path = place(source, home)
    return RawFile(path, path.name, workspace, source.columns)


def place(source: Source, home: Path) -> Path:
    """The local file of a source, downloaded if need be.

    Raises:
        LmmrecError: it is not there and cannot be fetched; says where to get it and where to put it.
    """
    if source.url:
        from assets.datasets.download import fetch, target_of

        return fetch(source.url, source.sha256, target_of(source.url, home / DOWNLOADS), source.homepage)
    path = _local(source, home)
    if path.is_dir():
        raise LmmrecError(f"{path} is a folder, not a file: name the file itself in the catalogue entry.")
    if not path.exists():
        if source.file is not None:
            raise LmmrecError(
                f"{source.file} must be fetched by hand{f' from {source.homepage}' if source.homepage else ''}: "
                f"put it at {path}, or declare your own entry with `path`."
            )
        raise LmmrecError(f"{path} does not exist: correct `path` in the catalogue entry, or put the file there.")
    try:
        with path.open("rb") as stream:
            stream.read(1)
    except OSError as error:
        raise LmmrecError(f"{path} cannot be read ({error.strerror}): give yourself read access to it.") from None
    if source.sha256 is not None:
        from assets.datasets.download import verify

        verify(path, source.sha256)
    return path


def fingerprint(entry: DatasetEntry, kind: Kind, home: Path) -> dict[str, Any]:
    """Plain JSON that changes when the raw data may have: size and time of local files, hash or address of downloads."""
    if entry.format == "demo":
        return {"generator": DEMO_VERSION}
    if entry.path is not None:
        folder = Path(entry.path)
        return {
            "folder": entry.path,
            "files": {file.name: _stamp(file) for file in sorted(folder.glob("*")) if file.is_file()},
        }
    source = entry.reviews if kind == "reviews" else entry.items
    if source is None:
        return {}
    columns = {"columns": dict(sorted(source.columns.items()))} if source.columns else {}
    if source.sha256 is not None:
        return {"sha256": source.sha256, **columns}
    if source.url:
        return {"url": source.url[0], **columns}
    path = _local(source, home)
    return {"path": str(path), "stamp": _stamp(path), **columns}


def provenance(raw: RawFile) -> dict[str, Any]:
    """Figures for people: which file was read, byte for byte."""
    from assets.datasets.download import digest

    return {"source": raw.name, "source_bytes": raw.path.stat().st_size, "source_sha256": digest(raw.path)}


def _local(source: Source, home: Path) -> Path:
    return Path(source.path) if source.path is not None else home / DOWNLOADS / str(source.file)


def _stamp(path: Path) -> list[int] | None:
    """[bytes, modification time in ns]; None where there is no file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]
