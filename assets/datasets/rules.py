"""What must hold for the tables of this stage, and what people should hear about.

DuckDB counts the violations over all rows; Great Expectations judges the one row of counts. So a check costs the same
memory for a thousand rows and for a hundred million. Dagster's side is `checks.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from assets.columns import PARTS
from assets.datasets.interactions import INTERACTIONS, ITEMS, USERS
from assets.datasets.items import ITEMS as ITEM_TABLE
from assets.datasets.quarantine import QUARANTINE
from assets.datasets.reviews import REVIEWS
from assets.tables import connect, literal, read_sizes

if TYPE_CHECKING:
    import pandas as pd

    from assets.expectations import Finding, Severity

READY_TEXTS = "texts.parquet"
"""In the folder of `reviews` where a published split brings texts of users or items."""
MAX_SHARE_WITHOUT_TEXT = 0.5
"""Above, motivations rest on little, and a warning says so."""
MAX_SHARE_WITHOUT_TITLE = 0.5


def look_at_reviews(folder: Path) -> list[Finding]:
    """Every review has both ids and no absurd rating (errors)."""
    counts = _counts(
        f"""SELECT count(*) AS reviews,
            count(*) FILTER (user_id IS NULL OR trim(user_id) = '') AS user_ids_missing,
            count(*) FILTER (item_id IS NULL OR trim(item_id) = '') AS item_ids_missing,
            count(*) FILTER (NOT isfinite(rating)) AS ratings_not_finite
        FROM {_table(folder / REVIEWS)}"""
    )
    return _judge(
        counts,
        at_least={"reviews": (1, "there are reviews")},
        none=(
            ("user_ids_missing", "every review has a user_id"),
            ("item_ids_missing", "every review has an item_id"),
            ("ratings_not_finite", "every rating is a finite number"),
        ),
    )


def look_at_texts(folder: Path) -> list[Finding]:
    """The share of reviews without text, where there are no ready texts, and the faulty raw rows (warnings)."""
    quarantined = folder / QUARANTINE
    faulty = f"(SELECT count(*) FROM {_table(quarantined)})" if quarantined.exists() else "0"
    bare = "0.0" if (folder / READY_TEXTS).exists() else "coalesce(avg(CAST(text IS NULL AS DOUBLE)), 0)"
    counts = _counts(
        f"""SELECT {bare} AS share_without_text, {faulty} AS rows_quarantined
        FROM {_table(folder / REVIEWS)}"""
    )
    return _judge(
        counts,
        at_most={"share_without_text": (MAX_SHARE_WITHOUT_TEXT, "most reviews have a text")},
        none=(("rows_quarantined", "no raw row was quarantined"),),
        severity="warning",
    )


def look_at_items(folder: Path) -> list[Finding]:
    """Item ids are there and unique (errors); most items have a title (warning)."""
    counts = _counts(
        f"""SELECT count(*) FILTER (item_id IS NULL OR trim(item_id) = '') AS item_ids_missing,
            count(item_id) - count(DISTINCT item_id) AS item_ids_repeated,
            coalesce(avg(CAST(title IS NULL AS DOUBLE)), 0) AS share_without_title
        FROM {_table(folder / ITEM_TABLE)}"""
    )
    errors = _judge(
        counts,
        none=(("item_ids_missing", "every item has an item_id"), ("item_ids_repeated", "every item stands once")),
    )
    titles = {"share_without_title": (MAX_SHARE_WITHOUT_TITLE, "most items have a title")}
    return errors + _judge(counts, at_most=titles, severity="warning")


def look_at_interactions(folder: Path) -> list[Finding]:
    """Indices are dense from 0 and agree with the ids, ids are unique, and a pair stands once (errors)."""
    pairs = _table(folder / INTERACTIONS)
    queries = [f"(SELECT count(*) - count(DISTINCT (user_idx, item_idx)) FROM {pairs}) AS pairs_repeated"]
    none = [("pairs_repeated", "every pair of user and item stands once")]
    for kind, file in (("user", USERS), ("item", ITEMS)):
        index = _table(folder / file)
        queries += [
            f"(SELECT count(*) FROM (SELECT {kind}_idx, row_number() OVER (ORDER BY {kind}_idx) - 1 AS place FROM {index}) "
            f"WHERE {kind}_idx IS DISTINCT FROM place) AS {kind}_idx_not_dense",
            f"(SELECT count(*) - count(DISTINCT {kind}_id) FROM {index}) AS {kind}_ids_repeated",
            f"(SELECT count(*) FROM {pairs} AS pairs LEFT JOIN {index} AS known USING ({kind}_idx) "
            f"WHERE known.{kind}_id IS DISTINCT FROM pairs.{kind}_id) AS {kind}s_unknown",
        ]
        none += [
            (f"{kind}_idx_not_dense", f"{kind} indices are dense from 0"),
            (f"{kind}_ids_repeated", f"every {kind} has one index"),
            (f"{kind}s_unknown", f"the {kind} of every pair is the one of its index"),
        ]
    return _judge(_counts(f"SELECT {', '.join(queries)}"), none=tuple(none))


def look_at_split(folder: Path, *, train_edge_required: bool) -> list[Finding]:
    """Parts are disjoint and within the sizes (errors), and every user and item has a train pair.

    Args:
        train_edge_required: whether a user or item without a train pair is an error (split by ratio) or a warning (by
            time, leave-one-out, published).
    """
    num_users, num_items = read_sizes(folder)
    union = " UNION ALL ".join(
        f"SELECT *, '{part}' AS part FROM {_table(folder / f'{part}.parquet')}" for part in PARTS
    )
    train = _table(folder / "train.parquet")
    counts = _counts(
        f"""WITH pairs AS ({union}), places AS (
            SELECT count(*) AS times, count(DISTINCT part) AS parts FROM pairs GROUP BY user_idx, item_idx)
        SELECT (SELECT count(*) FROM places WHERE parts > 1) AS pairs_in_two_parts,
            (SELECT count(*) FROM places WHERE times > parts) AS pairs_repeated,
            (SELECT count(*) FROM pairs WHERE user_idx IS NULL OR item_idx IS NULL OR NOT (
                user_idx BETWEEN 0 AND {num_users - 1} AND item_idx BETWEEN 0 AND {num_items - 1})) AS pairs_out_of_range,
            {num_users} - (SELECT count(DISTINCT user_idx) FROM {train}) AS users_without_train,
            {num_items} - (SELECT count(DISTINCT item_idx) FROM {train}) AS items_without_train"""
    )
    errors = _judge(
        counts,
        none=(
            ("pairs_in_two_parts", "train, validation and test are disjoint"),
            ("pairs_repeated", "a pair stands once in its part"),
            ("pairs_out_of_range", "indices are within sizes.json"),
        ),
    )
    edges = (
        ("users_without_train", "every user has a train pair"),
        ("items_without_train", "every item has a train pair"),
    )
    return errors + _judge(counts, none=edges, severity="error" if train_edge_required else "warning")


def _table(path: Path) -> str:
    return f"read_parquet({literal(path)})"


def _counts(query: str) -> pd.DataFrame:
    with connect() as connection:
        return connection.execute(query).df()


def _judge(
    counts: pd.DataFrame,
    *,
    none: tuple[tuple[str, str], ...] = (),
    at_least: dict[str, tuple[float, str]] | None = None,
    at_most: dict[str, tuple[float, str]] | None = None,
    severity: Severity = "error",
) -> list[Finding]:
    """One finding for each rule (count -> what is asked, in words); the count itself is what was observed."""
    from great_expectations.expectations.core.expect_column_max_to_be_between import ExpectColumnMaxToBeBetween
    from great_expectations.expectations.metadata_types import FailureSeverity

    from assets.expectations import validate

    bounds: list[tuple[str, float | None, float | None, str]] = [
        *((name, low, None, rule) for name, (low, rule) in (at_least or {}).items()),
        *((name, None, high, rule) for name, (high, rule) in (at_most or {}).items()),
        *((name, 0, 0, rule) for name, rule in none),
    ]
    level = FailureSeverity.CRITICAL if severity == "error" else FailureSeverity.WARNING
    rules = [
        ExpectColumnMaxToBeBetween(column=name, min_value=low, max_value=high, severity=level, meta={"rule": rule})
        for name, low, high, rule in bounds
    ]
    return validate(counts, rules)
