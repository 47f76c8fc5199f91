"""Tables on disk, for every stage: one way to open DuckDB, and Parquet in and out through it.

DuckDB is the only Parquet reader and writer here (pandas has no engine of its own). Times are UTC. What a table means
belongs to its stage; nothing here knows an asset.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.columns import ITEM_IDX, USER_IDX
from models.errors import LmmrecError

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    from scipy.sparse import csr_matrix

_PARQUET = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1"
"""Level 1 writes texts almost twice as fast as the default level, for half as much space again."""
SIZES = "sizes.json"
"""Number of users and items, beside the parts of a split."""


def connect(
    threads: int | None = None, memory_limit: str | None = None, temp_directory: Path | None = None
) -> duckdb.DuckDBPyConnection:
    """A private in-memory database: UTC, quiet, no extension is ever fetched.

    Args:
        threads: worker threads; None means all cores.
        memory_limit: such as `2GB`; None means DuckDB's own (80 % of the machine).
        temp_directory: where what does not fit is spilled; None means nowhere.
    """
    import duckdb

    connection = duckdb.connect(":memory:")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    connection.execute("SET autoinstall_known_extensions = false")
    connection.execute(f"SET temp_directory = {literal(str(temp_directory) if temp_directory else '')}")
    if threads is not None:
        connection.execute(f"SET threads = {int(threads)}")
    if memory_limit is not None:
        connection.execute(f"SET memory_limit = {literal(memory_limit)}")
    return connection


def literal(value: str | Path) -> str:
    """`value` as an SQL string: for the places that take no parameter (`SET`, `COPY … TO`, options of readers)."""
    return "'" + str(value).replace("'", "''") + "'"


def identifier(name: str) -> str:
    """`name` as a quoted SQL name."""
    return '"' + name.replace('"', '""') + '"'


def write_parquet(
    connection: duckdb.DuckDBPyConnection,
    query: str | duckdb.DuckDBPyRelation,
    path: Path,
    *,
    row_group_rows: int = 122_880,
) -> int:
    """Write the rows of `query` in their order and return how many there were.

    The same rows in the same order give the same bytes, whatever the number of threads; end `query` with ORDER BY.

    Raises:
        OSError: the disk is full or the folder cannot be written.
    """
    sql = query if isinstance(query, str) else query.sql_query()
    with plain_failures():
        done = connection.execute(
            f"COPY ({sql}) TO {literal(path)} ({_PARQUET}, ROW_GROUP_SIZE {row_group_rows})"
        ).fetchone()
    assert done is not None
    return int(done[0])


def write_frame(frame: pd.DataFrame, path: Path, types: Mapping[str, str] | None = None) -> None:
    """Write a frame in its row order; `types` casts columns (name -> SQL type), the others keep what DuckDB sees."""
    types = types or {}
    columns = ", ".join(
        f"CAST({identifier(name)} AS {types[name]}) AS {identifier(name)}" if name in types else identifier(name)
        for name in map(str, frame.columns)
    )
    with connect() as connection:
        connection.register("frame", frame)
        write_parquet(connection, f"SELECT {columns} FROM frame", path)


def read_frame(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """The rows of one Parquet file in file order."""
    names = "*" if columns is None else ", ".join(map(identifier, columns))
    with connect() as connection:
        return connection.execute(f"SELECT {names} FROM read_parquet(?, hive_partitioning = false)", [str(path)]).df()


def read_column(path: Path, column: str) -> list[Any]:
    """One column of one Parquet file in file order, as Python values."""
    with connect() as connection:
        rows = connection.execute(f"SELECT {identifier(column)} FROM read_parquet(?)", [str(path)]).fetchall()
    return [row[0] for row in rows]


def count_rows(path: Path) -> int:
    """Rows of one Parquet file."""
    with connect() as connection:
        counted = connection.execute("SELECT count(*) FROM read_parquet(?)", [str(path)]).fetchone()
    assert counted is not None
    return int(counted[0])


def fetch_arrays(connection: duckdb.DuckDBPyConnection, query: str) -> dict[str, Any]:
    """The columns of `query` as NumPy arrays by name; a column with NULLs is a masked array."""
    return dict(connection.execute(query).fetchnumpy())


def read_sizes(split_folder: Path) -> tuple[int, int]:
    """(number of users, number of items) of a split."""
    sizes = json.loads((split_folder / SIZES).read_bytes())
    return int(sizes["num_users"]), int(sizes["num_items"])


def read_matrix(split_folder: Path, part: str) -> csr_matrix:
    """One part of a split as binary CSR float32 (users, items), sorted indices.

    Args:
        split_folder: folder of the asset `split`.
        part: `train`, `validation` or `test`.
    """
    import numpy as np
    from scipy.sparse import csr_matrix

    with connect() as connection:
        found = connection.execute(
            f"SELECT {USER_IDX}, {ITEM_IDX} FROM read_parquet(?)", [str(split_folder / f"{part}.parquet")]
        ).fetchnumpy()
    rows, columns = np.asarray(found[USER_IDX]), np.asarray(found[ITEM_IDX])
    matrix = csr_matrix((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=read_sizes(split_folder))
    matrix.sort_indices()
    return matrix


@contextmanager
def plain_failures() -> Iterator[None]:
    """DuckDB's own failures of disk and memory as what the rest of the house expects.

    Raises:
        OSError: reading or writing failed.
        LmmrecError: memory ran out and nothing could be spilled.
    """
    import duckdb

    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise LmmrecError(
            f"DuckDB ran out of memory ({_first_line(error)}): close other programs or free space for its spill files."
        ) from error
    except duckdb.IOException as error:
        full = "no space left" in str(error).lower()
        raise OSError(errno.ENOSPC if full else errno.EIO, "disk full" if full else _first_line(error)) from error


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
