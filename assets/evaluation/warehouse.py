"""The warehouse: every number of the lake in one DuckDB file for people and scripts to query.

It is derived, never edited: built whole in a temporary file beside its place and put there by rename, so a reader that holds
the old one open keeps it. Everybody else opens it read-only, and briefly. Which tables the report draws from these rows
belongs to `leaderboard.py` and `report.py`.

    metrics        one row a number, with protocol, run and time of training
    user_metrics   one row a user, cell and protocol
    hits           one row a test pair, cell and protocol: its rank, or null below the top 20
    entities       users and items with original id, training interactions and bucket
    runs           one row a partition of the lake: which run made it, when, and how long it took
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.evaluation.recipe import METRIC_ASSETS
from assets.graph import recipes
from assets.lake import Address, Lake
from assets.tables import literal, plain_failures, write_frame
from assets.training.methods import checkpoint_of
from models.errors import LmmrecError

if TYPE_CHECKING:
    import duckdb

WAREHOUSE = "warehouse.duckdb"
_CELL = "dataset VARCHAR, base_model VARCHAR, method VARCHAR, variant VARCHAR, seed BIGINT"
_VALUES = ", ".join(f"{metric}_{k} DOUBLE" for metric in ("recall", "ndcg") for k in (5, 10, 20))
_SCHEMA = f"""
CREATE TABLE metrics ({_CELL}, protocol VARCHAR, metric VARCHAR, k INTEGER, value DOUBLE, num_users BIGINT, epoch BIGINT,
    train_seconds DOUBLE, run_id VARCHAR, created_at TIMESTAMP);
CREATE TABLE user_metrics ({_CELL}, protocol VARCHAR, user_idx BIGINT, num_train BIGINT, num_test BIGINT, {_VALUES});
CREATE TABLE hits ({_CELL}, protocol VARCHAR, user_idx BIGINT, item_idx BIGINT, rank INTEGER);
CREATE TABLE entities (dataset VARCHAR, entity VARCHAR, entity_idx BIGINT, entity_id VARCHAR, num_train BIGINT,
    bucket VARCHAR, tier VARCHAR);
CREATE TABLE runs (asset VARCHAR, address VARCHAR, run_id VARCHAR, created_at TIMESTAMP, duration_s DOUBLE);
"""
BUCKETS = ((2, "≤2"), (5, "3–5"), (10, "6–10"), (20, "11–20"))
"""Upper ends of the buckets of training interactions (evaluation_protocol, section 4); above the last: >20."""
TIERS = ((0.5, "head"), (0.8, "torso"))
"""Items by falling popularity: those up to this share of all training interactions; the rest is `tail`."""
FILTERS = ("dataset", "base_model", "method")


def warehouse_path(home: Path) -> Path:
    return home / WAREHOUSE


def rebuild(lake: Lake, target: Path | None = None, dataset: str | None = None) -> dict[str, int]:
    """Build the warehouse from the lake and put it in place whole.

    Args:
        dataset: of the lake this one alone, for a file of one's own.

    Returns:
        Rows of each table.

    Raises:
        LmmrecError: the disk is full or not writable; the file that was there is untouched.
    """
    import duckdb

    target = target or warehouse_path(lake.home)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        with plain_failures(), duckdb.connect(str(temporary)) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("SET enable_progress_bar = false")
            connection.execute(_SCHEMA)
            counts = _fill(connection, lake, {} if dataset is None else {"dataset": dataset})
        temporary.replace(target)
    except OSError as error:
        raise LmmrecError(
            f"{target} could not be written ({error.strerror or error}): free space or set LMMREC_HOME elsewhere."
        ) from error
    finally:
        for leftover in (temporary, temporary.with_name(temporary.name + ".wal")):
            leftover.unlink(missing_ok=True)
    return counts


@contextmanager
def open_warehouse(home: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A read-only connection; a warehouse that is missing beside a lake with metrics is rebuilt first.

    Raises:
        LmmrecError: there are no metrics yet.
    """
    import duckdb

    path, lake = warehouse_path(home), Lake(home)
    if not path.exists():
        if not any(lake.cells(asset) for asset in METRIC_ASSETS):
            raise LmmrecError(f"there are no metrics in {home} yet: make some with `lmmrec run demo`.")
        rebuild(lake)
    with duckdb.connect(str(path), read_only=True) as connection:
        yield connection


def metrics_rows(
    home: Path, dataset: str | None = None, base_model: str | None = None, method: str | None = None
) -> list[dict[str, Any]]:
    """Rows of the table `metrics`, narrowed to what is given, in a fixed order.

    Raises:
        LmmrecError: there are no metrics, or none with that dataset, base model or method; the text names those there are.
    """
    given = {
        name: value for name, value in zip(FILTERS, (dataset, base_model, method), strict=True) if value is not None
    }
    with open_warehouse(home) as connection:
        for name, value in given.items():
            _refuse_unknown(connection, name, value)
        where = " AND ".join(f"{name} = ?" for name in given) or "true"
        found = connection.execute(
            f"SELECT * FROM metrics WHERE {where} ORDER BY dataset, base_model, method, variant, seed, protocol, metric, k",
            list(given.values()),
        )
        columns = [column[0] for column in found.description or ()]
        rows = [dict(zip(columns, row, strict=True)) for row in found.fetchall()]
    if not rows:
        raise LmmrecError(
            f"there are no metrics with {', '.join(f'{name} {value}' for name, value in given.items())} together: "
            "leave one out to see what there is."
        )
    return rows


def _refuse_unknown(connection: duckdb.DuckDBPyConnection, name: str, value: str) -> None:
    known = [row[0] for row in connection.execute(f"SELECT DISTINCT {name} FROM metrics ORDER BY 1").fetchall()]
    if value not in known:
        raise LmmrecError(
            f"there are no metrics of {name.replace('_', ' ')} '{value}': there are those of {', '.join(known)}."
        )


def _fill(connection: duckdb.DuckDBPyConnection, lake: Lake, only: Mapping[str, str]) -> dict[str, int]:
    cells = [cell for asset in METRIC_ASSETS for cell in lake.cells(asset, **only)]
    for cell in cells:
        _add_cell(connection, lake, cell)
    for dataset in sorted({cell.dataset for cell in cells if cell.dataset}):
        _add_entities(connection, lake, dataset)
    for asset in recipes():
        for address in lake.cells(asset, **only):
            record = lake.record(address)
            assert record is not None
            row = [asset, str(address), record.run_id, record.created_at.replace(tzinfo=None), record.duration_s]
            connection.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?)", row)
    counts = {}
    for table in ("metrics", "user_metrics", "hits", "entities", "runs"):
        counted = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        assert counted is not None
        counts[table] = int(counted[0])
    return counts


def _add_cell(connection: duckdb.DuckDBPyConnection, lake: Lake, cell: Address) -> None:
    folder, record = lake.read(cell), lake.record(cell)
    assert record is not None
    seconds = _train_seconds(lake, cell, record.metadata)
    connection.execute(
        f"""INSERT INTO metrics BY NAME
        SELECT *, ?::DOUBLE AS train_seconds, ?::VARCHAR AS run_id, ?::TIMESTAMP AS created_at
        FROM read_parquet({literal(folder / "means.parquet")}, hive_partitioning = false)""",
        [seconds, record.run_id, record.created_at.replace(tzinfo=None)],
    )
    method = recipes()[cell.asset].method
    names = {"dataset": cell.dataset, "method": method or "anchor", "variant": cell.variant or "full"}
    if method is not None:
        names["base_model"] = cell.base_model
    values = ", ".join(f"{literal(str(value))} AS {name}" for name, value in names.items())
    seed = f"{2023 if cell.seed is None else cell.seed}::BIGINT AS seed"
    for table, file in (("user_metrics", "per_user.parquet"), ("hits", "hits.parquet")):
        source = f"read_parquet({literal(folder / file)}, hive_partitioning = false)"
        connection.execute(f"INSERT INTO {table} BY NAME SELECT {values}, {seed}, * FROM {source}")


def _train_seconds(lake: Lake, cell: Address, metadata: Mapping[str, Any]) -> float | None:
    """Seconds of the training behind a cell; an anchor's own record has none for the asset as a whole."""
    method = recipes()[cell.asset].method
    if method is None:
        return None
    checkpoint = lake.record(
        Address(checkpoint_of(method), cell.dataset, cell.base_model, variant=cell.variant, seed=cell.seed)
    )
    found = checkpoint.metadata.get("train_seconds") if checkpoint else metadata.get("train_seconds")
    return None if found is None else float(found)


def _add_entities(connection: duckdb.DuckDBPyConnection, lake: Lake, dataset: str) -> None:
    split, interactions = Address("split", dataset), Address("interactions", dataset)
    if lake.record(split) is None or lake.record(interactions) is None:
        return
    train = literal(lake.path(split) / "train.parquet")
    buckets = " ".join(f"WHEN num_train <= {top} THEN '{name}'" for top, name in BUCKETS)
    tiers = " ".join(f"WHEN mass <= {top} THEN '{name}'" for top, name in TIERS)
    for entity in ("user", "item"):
        ids = literal(lake.path(interactions) / f"{entity}s.parquet")
        connection.execute(
            f"""INSERT INTO entities
            WITH counted AS (
                SELECT {entity}_idx AS idx, {entity}_id AS id, count(pair.{entity}_idx) AS num_train
                FROM read_parquet({ids}) LEFT JOIN read_parquet({train}) pair USING ({entity}_idx) GROUP BY ALL),
            ranked AS (
                SELECT *, (sum(num_train) OVER (ORDER BY num_train DESC, idx) - num_train)
                    / greatest(sum(num_train) OVER (), 1) AS mass
                FROM counted)
            SELECT ?, ?, idx, id, num_train, CASE {buckets} ELSE '>20' END,
                CASE WHEN ? = 'user' THEN NULL {tiers} ELSE 'tail' END
            FROM ranked ORDER BY idx""",
            [dataset, entity, entity],
        )


def read_table(home: Path, sql: str) -> list[dict[str, Any]]:
    """Rows of one query over the warehouse as plain dicts."""
    with open_warehouse(home) as connection:
        found = connection.execute(sql)
        columns = [column[0] for column in found.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]


def write_rows(rows: Sequence[Mapping[str, Any]], path: Path, types: Mapping[str, str]) -> None:
    """Flat rows as a Parquet file, in their order, with the columns of `types` (name -> SQL type)."""
    import pandas as pd

    write_frame(pd.DataFrame(list(rows), columns=list(types)), path, types)
