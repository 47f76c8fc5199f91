"""Reviews to interactions: the filters in the order of `evaluation_protocol` §1, then dense indices.

Rating filter, uniform user sample, one pair a user and item (the newest), bipartite k-core to the fixpoint. Ids become
integers early, in the order of the ids, so that the heavy steps handle integers and the result does not depend on the order
of the raw rows.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.datasets.kcore import k_core
from assets.tables import fetch_arrays, literal, write_parquet
from models.errors import LmmrecError
from models.progress import track

if TYPE_CHECKING:
    import duckdb

INTERACTIONS = "interactions.parquet"
USERS = "users.parquet"
ITEMS = "items.parquet"
PUBLISHED_PARTS = "parts.parquet"
"""user_idx, item_idx, part: only where the publisher has already split."""
_NEVER = "TIMESTAMP '-infinity'"
_NONE = "DOUBLE '-infinity'"


@dataclass(frozen=True)
class Filters:
    """Which reviews become interactions; fields as in the catalogue entry."""

    min_rating: float | None = None
    user_fraction: float = 1.0
    core: int = 1
    seed: int = 2023


@dataclass(frozen=True)
class FilterStep:
    """What was left after one filter."""

    filter: str
    rows: int
    users: int
    items: int


def write_interactions(
    connection: duckdb.DuckDBPyConnection, reviews: Path, filters: Filters, folder: Path
) -> list[FilterStep]:
    """Write `interactions.parquet`, `users.parquet` and `items.parquet` into `folder`.

    Args:
        reviews: `reviews.parquet`.

    Returns:
        What was left at the start and after each filter.

    Raises:
        LmmrecError: nothing is left after a filter; names it with the counts before and after.
    """
    with track("filter reviews", total=4, unit="step") as progress:
        steps = [_encode_ids(connection, reviews)]
        progress.advance(note=f"{steps[-1].rows:,} rows")
        steps += _make_pairs(connection, filters)
        progress.advance(note=f"{steps[-1].rows:,} pairs")
        for before, after in pairwise(steps):
            _refuse_empty(before, after)
        steps.append(_keep_core(connection, filters.core))
        _refuse_empty(steps[-2], steps[-1])
        progress.advance(note=f"{steps[-1].rows:,} interactions")
        _write(connection, folder)
        progress.advance()
    return steps


def write_published_interactions(
    connection: duckdb.DuckDBPyConnection, reviews_folder: Path, folder: Path
) -> list[FilterStep]:
    """As `write_interactions` for a dataset that comes split: nothing is filtered, rows and columns keep their numbers.

    Args:
        reviews_folder: folder of the asset `reviews`, with the publisher's parts and index.
    """
    parts, users, items = (
        f"read_parquet({literal(reviews_folder / f'{name}.parquet')})" for name in ("parts", "users", "items_index")
    )
    write_parquet(connection, f"SELECT * FROM {users} ORDER BY user_idx", folder / USERS)
    write_parquet(connection, f"SELECT * FROM {items} ORDER BY item_idx", folder / ITEMS)
    write_parquet(connection, f"SELECT * FROM {parts} ORDER BY user_idx, item_idx", folder / PUBLISHED_PARTS)
    write_parquet(
        connection,
        f"""SELECT user_idx, item_idx, user_id, item_id, NULL::DOUBLE AS rating, NULL::TIMESTAMP AS timestamp
        FROM {parts} AS parts JOIN {users} AS users USING (user_idx) JOIN {items} AS items USING (item_idx)
        ORDER BY user_idx, item_idx""",
        folder / INTERACTIONS,
    )
    counts = f"SELECT (SELECT count(*) FROM {parts}), (SELECT count(*) FROM {users}), (SELECT count(*) FROM {items})"
    return [_step(connection, "published", counts)]


def steps_metadata(steps: list[FilterStep]) -> dict[str, Any]:
    """Figures for people: a table of what each filter left, and the final numbers."""
    last = steps[-1]
    return {
        "rows_after_each_filter": [asdict(step) for step in steps],
        "interactions": last.rows,
        "users": last.users,
        "items": last.items,
        "density": last.rows / (last.users * last.items) if last.rows else 0.0,
    }


def _encode_ids(connection: duckdb.DuckDBPyConnection, reviews: Path) -> FilterStep:
    """Tables `user_codes` and `item_codes`: each id and its code, numbered in the order of the ids."""
    connection.execute(f"CREATE OR REPLACE TEMP VIEW reviews AS SELECT * FROM read_parquet({literal(reviews)})")
    for kind in ("user", "item"):
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {kind}_codes AS "
            f"SELECT {kind}_id AS id, CAST(row_number() OVER (ORDER BY {kind}_id) - 1 AS INTEGER) AS code "
            f"FROM (SELECT DISTINCT {kind}_id FROM reviews)"
        )
    counts = "(SELECT count(*) FROM user_codes), (SELECT count(*) FROM item_codes)"
    return _step(connection, "reviews", f"SELECT (SELECT count(*) FROM reviews), {counts}")


def _make_pairs(connection: duckdb.DuckDBPyConnection, filters: Filters) -> list[FilterStep]:
    """Table `pairs`: the newest review of each user and item that passes the rating filter, of the sampled users."""
    bound = "true" if filters.min_rating is None else f"(rating IS NULL OR rating >= {filters.min_rating})"
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE coded AS
        SELECT users.code AS user_code, items.code AS item_code, rating, timestamp
        FROM reviews JOIN user_codes users ON user_id = users.id JOIN item_codes items ON item_id = items.id
        WHERE {bound}"""
    )
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE pairs AS
        SELECT user_code, item_code, count(*) AS reviews, max(timestamp) AS timestamp, max(rating) AS rating
        FROM coded GROUP BY ALL"""
    )
    # most pairs have one review, and a plain maximum is cheap; only for the others is the rating of the newest looked up
    connection.execute(
        f"""UPDATE pairs SET rating = newest.rating FROM (
            SELECT user_code, item_code, nullif(max({{'t': coalesce(timestamp, {_NEVER}), 'r': coalesce(rating, {_NONE})}}).r,
                {_NONE}) AS rating
            FROM coded SEMI JOIN (SELECT * FROM pairs WHERE reviews > 1) AS several USING (user_code, item_code)
            GROUP BY ALL
        ) AS newest
        WHERE pairs.user_code = newest.user_code AND pairs.item_code = newest.item_code"""
    )
    connection.execute("DROP TABLE coded")
    everyone = _count_pairs(connection, "")
    steps = []
    if filters.min_rating is not None:
        steps.append(replace(everyone, filter=f"rating >= {filters.min_rating:g}", rows=_num_reviews(connection)))
    if filters.user_fraction < 1:
        _sample_users(connection, filters)
        everyone = _count_pairs(connection, "")
        name = f"sample of {filters.user_fraction:.0%} of the users"
        steps.append(replace(everyone, filter=name, rows=_num_reviews(connection)))
    return [*steps, replace(everyone, filter="one per user and item, the newest")]


def _sample_users(connection: duckdb.DuckDBPyConnection, filters: Filters) -> None:
    """Keep a share of the users that are left, those with the smallest md5 of (seed, id).

    So the same users are drawn whatever the order of the rows or the number of threads.
    """
    connection.execute(
        f"""DELETE FROM pairs WHERE user_code NOT IN (
            SELECT code FROM user_codes SEMI JOIN pairs ON code = user_code ORDER BY md5('{filters.seed}:' || id), id
            LIMIT (SELECT CAST(ceil(count(DISTINCT user_code) * {filters.user_fraction}) AS BIGINT) FROM pairs))"""
    )


def _keep_core(connection: duckdb.DuckDBPyConnection, core: int) -> FilterStep:
    """Tables `kept_users` and `kept_items`: code -> dense index, in the order of the ids."""
    found = fetch_arrays(connection, "SELECT user_code, item_code FROM pairs")
    masks = k_core(found["user_code"], found["item_code"], core)
    for kind, mask in zip(("user", "item"), masks, strict=True):
        kept = {"code": mask.nonzero()[0]}
        connection.register("kept", kept)
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE kept_{kind}s AS "
            f"SELECT row_number() OVER (ORDER BY code) - 1 AS {kind}_idx, code, id AS {kind}_id "
            f"FROM kept JOIN {kind}_codes USING (code)"
        )
        connection.unregister("kept")
    kept_pairs = (
        "SELECT count(*) FROM pairs "
        "WHERE user_code IN (SELECT code FROM kept_users) AND item_code IN (SELECT code FROM kept_items)"
    )
    counts = f"SELECT ({kept_pairs}), (SELECT count(*) FROM kept_users), (SELECT count(*) FROM kept_items)"
    return _step(connection, f"{core}-core", counts)


def _write(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    write_parquet(connection, "SELECT user_idx, user_id FROM kept_users ORDER BY user_idx", folder / USERS)
    write_parquet(connection, "SELECT item_idx, item_id FROM kept_items ORDER BY item_idx", folder / ITEMS)
    write_parquet(
        connection,
        """SELECT user_idx, item_idx, user_id, item_id, rating, timestamp
        FROM pairs JOIN kept_users ON user_code = kept_users.code JOIN kept_items ON item_code = kept_items.code
        ORDER BY user_idx, item_idx""",
        folder / INTERACTIONS,
    )


def _count_pairs(connection: duckdb.DuckDBPyConnection, name: str) -> FilterStep:
    return _step(connection, name, "SELECT count(*), count(DISTINCT user_code), count(DISTINCT item_code) FROM pairs")


def _num_reviews(connection: duckdb.DuckDBPyConnection) -> int:
    """How many reviews the pairs stand for."""
    row = connection.execute("SELECT coalesce(sum(reviews), 0) FROM pairs").fetchone()
    assert row is not None
    return int(row[0])


def _step(connection: duckdb.DuckDBPyConnection, name: str, counts: str) -> FilterStep:
    row = connection.execute(counts).fetchone()
    assert row is not None
    return FilterStep(name, *map(int, row))


def _refuse_empty(before: FilterStep, after: FilterStep) -> None:
    if after.rows == 0:
        raise LmmrecError(
            f"nothing is left after the filter '{after.filter}': before it there were {before.rows:,} rows of "
            f"{before.users:,} users and {before.items:,} items; loosen that filter in the catalogue entry."
        )
