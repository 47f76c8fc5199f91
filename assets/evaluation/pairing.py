"""Two sets of numbers about the same users, side by side: what every paired test of the leaderboard and the slices reads.

A subject is one row of a table: dataset, base model, method, variant, protocol. Two subjects are compared over the users
and the seeds that both have, on per-user metrics averaged over those seeds (evaluation_protocol, section 5). The tests
themselves are `models.ranking.significance`, and `models.ranking.crossed` over seeds as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.errors import LmmrecError

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

METRICS = tuple((metric, k) for metric in ("recall", "ndcg") for k in (5, 10, 20))
"""The metrics that exist per user, in the order of the tables; one Holm family."""
SIGNIFICANT = 0.05
"""Holm-adjusted p below which a difference is called significant."""


@dataclass(frozen=True, order=True)
class Subject:
    """One row of a table of results."""

    dataset: str
    base_model: str
    method: str
    variant: str
    protocol: str

    @property
    def is_anchor(self) -> bool:
        return self.method == "anchor"

    @property
    def base(self) -> Subject:
        """The bare base model that this one is compared with."""
        return replace(self, method="base", variant="full")

    @property
    def values(self) -> list[str]:
        return [self.dataset, self.base_model, self.method, self.variant, self.protocol]


@contextmanager
def opened(warehouse: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A read-only connection to the warehouse.

    Raises:
        LmmrecError: the file is not there.
    """
    import duckdb

    if not warehouse.exists():
        raise LmmrecError(f"there is no warehouse at {warehouse}: make one with `lmmrec run demo`.")
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        yield connection


def subjects(connection: duckdb.DuckDBPyConnection) -> list[Subject]:
    """All there are, in a fixed order: per dataset, base model and protocol."""
    found = connection.execute(
        "SELECT DISTINCT dataset, base_model, method, variant, protocol FROM user_metrics ORDER BY ALL"
    ).fetchall()
    return [Subject(*map(str, row)) for row in found]


def seeds_of(connection: duckdb.DuckDBPyConnection, subject: Subject) -> list[int]:
    found = connection.execute(
        f"SELECT DISTINCT seed FROM user_metrics WHERE {_IS_SUBJECT} ORDER BY seed", subject.values
    ).fetchall()
    return [int(row[0]) for row in found]


def common_seeds(connection: duckdb.DuckDBPyConnection, one: Subject, other: Subject) -> list[int]:
    """Seeds that both have; an anchor has no seed of its own and goes with all of the other's."""
    first, second = seeds_of(connection, one), seeds_of(connection, other)
    if one.is_anchor or other.is_anchor:
        return second if one.is_anchor else first
    return sorted(set(first) & set(second))


def user_table(connection: duckdb.DuckDBPyConnection, subject: Subject, seeds: Sequence[int]) -> pd.DataFrame:
    """Per-user metrics averaged over `seeds`: index user_idx, columns num_train and `recall_5` … `ndcg_20`."""
    columns = ", ".join(f"avg({metric}_{k}) AS {metric}_{k}" for metric, k in METRICS)
    chosen = "true" if subject.is_anchor else "seed IN (SELECT unnest(?::BIGINT[]))"
    frame = connection.execute(
        f"SELECT user_idx, any_value(num_train) AS num_train, {columns} FROM user_metrics "
        f"WHERE {_IS_SUBJECT} AND {chosen} GROUP BY user_idx ORDER BY user_idx",
        subject.values + ([] if subject.is_anchor else [list(seeds)]),
    ).df()
    return frame.set_index("user_idx")


def paired_tables(
    connection: duckdb.DuckDBPyConnection, one: Subject, other: Subject
) -> tuple[pd.DataFrame, pd.DataFrame, list[int]]:
    """Both user tables over the same users, and the seeds that they average over; empty tables where they share none."""
    seeds = common_seeds(connection, one, other)
    left, right = user_table(connection, one, seeds), user_table(connection, other, seeds)
    shared = left.index.intersection(right.index)
    return left.loc[shared], right.loc[shared], seeds


def differences_by_seed(
    connection: duckdb.DuckDBPyConnection, one: Subject, other: Subject, seeds: Sequence[int]
) -> dict[str, NDArray[np.float64]]:
    """Per metric the (users, seeds) differences of `one` and `other`, over the users that both have."""
    import pandas as pd

    columns = [f"{metric}_{k}" for metric, k in METRICS]
    found = {}
    for seed in seeds:
        left, right = (user_table(connection, subject, [seed])[columns] for subject in (one, other))
        found[seed] = (left - right).dropna()
    joined = pd.concat(found, axis=1, join="inner")
    return {name: joined.xs(name, axis=1, level=1).to_numpy() for name in columns}


def compare_columns(
    left: pd.DataFrame,
    right: pd.DataFrame,
    columns: Sequence[str],
    by_seed: Mapping[str, NDArray[np.float64]] | None = None,
) -> dict[str, dict[str, Any]]:
    """Paired comparison of each column, p-values Holm-adjusted over the columns.

    Args:
        left: what is tested, one row a user.
        right: what it is tested against, the same rows.
        columns: names of metrics; one Holm family.
        by_seed: (users, seeds) differences of each column, two seeds or more; None where there are fewer.

    Returns:
        Column -> figures as `figures` gives them, and `seeds_p`, that of a test over users and seeds; empty where there are
        fewer than two users.
    """
    from models.ranking.crossed import over_users_and_seeds

    made = {column: figures(left[column].to_numpy(), right[column].to_numpy()) for column in columns}
    for column, found in made.items():
        if found is not None:
            found["seeds_p"] = None if by_seed is None else over_users_and_seeds(by_seed[column])
    return adjusted(made)


def figures(left: Any, right: Any) -> dict[str, Any] | None:
    """One comparison as plain numbers, None below two pairs.

    Positive differences mean that `left` is better. `low` and `high` are the 95 % bootstrap interval over users of the mean
    difference, `effect_size` Cohen's d of the paired differences; `t_p` and `wilcoxon_p` are two-sided.
    """
    from models.ranking.significance import compare

    if len(left) < 2:
        return None
    found = compare(left, right)
    return {
        "num_users": len(left),
        "mean": found.mean,
        "other_mean": found.reference_mean,
        "difference": found.mean_difference,
        "relative": found.relative if found.reference_mean else None,
        "low": found.low,
        "high": found.high,
        "effect_size": found.effect_size,
        "t_p": found.t_p,
        "wilcoxon_p": found.wilcoxon_p,
    }


def adjusted(family: dict[str, dict[str, Any] | None]) -> dict[str, dict[str, Any]]:
    """The comparisons of one family with each p Holm-adjusted beside it, as `…_holm`; what could not be made is left out."""
    from models.ranking.significance import holm

    made = {name: dict(found) for name, found in family.items() if found is not None}
    for p in ("t_p", "wilcoxon_p", "seeds_p"):
        told = [found for found in made.values() if found.get(p) is not None]
        for found, value in zip(told, holm([found[p] for found in told]), strict=True):
            found[f"{p}_holm"] = value
    return made


def verdict(comparison: dict[str, Any]) -> str:
    """`better`, `worse` or `not significant`, by the Holm-adjusted paired t-test."""
    if not comparison["t_p_holm"] < SIGNIFICANT:
        return "not significant"
    return "better" if comparison["difference"] > 0 else "worse"


def holds_for_other_seeds(comparison: dict[str, Any]) -> bool | None:
    """Whether the difference is also more than the chance of training; None where one seed cannot tell."""
    value = comparison.get("seeds_p_holm")
    return None if value is None else bool(value < SIGNIFICANT)


_IS_SUBJECT = "dataset = ? AND base_model = ? AND method = ? AND variant = ? AND protocol = ?"
