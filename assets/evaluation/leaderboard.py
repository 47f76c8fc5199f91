"""The leaderboard: one row per dataset, base model, method, variant, protocol, metric and cut-off.

Means, spread and interval are over seeds; the comparison with the bare base model is paired over users and corrected
within the row of six metrics. Anchors stand beside the others and are never left out. Pairing is `pairing.py`, slices of
users and items are `slices.py`, what is said about the numbers is `statements.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.evaluation.pairing import (
    METRICS,
    Subject,
    compare_columns,
    differences_by_seed,
    opened,
    paired_tables,
    verdict,
)

if TYPE_CHECKING:
    import duckdb

_COMPARISON = (
    "difference",
    "relative",
    "low",
    "high",
    "effect_size",
    "t_p",
    "wilcoxon_p",
    "t_p_holm",
    "wilcoxon_p_holm",
    "seeds_p",
    "seeds_p_holm",
)


def build_leaderboard(warehouse: Path) -> list[dict[str, Any]]:
    """Rows of the leaderboard in a fixed order.

    Each row has dataset, base_model, method, variant, protocol, metric, k, and

    * `mean`, `std` (sample), `ci_low`, `ci_high` (95 % t interval), all over seeds; the last three are None for one seed;
    * `num_seeds`, `num_users`, `train_seconds` (mean over seeds);
    * against the bare base model, None where there is nothing to compare: `base_mean`, `difference`, `relative`, `low` and
      `high` (95 % bootstrap interval of the difference, over users), `effect_size` (Cohen's d of the paired differences),
      `t_p`, `wilcoxon_p`, and `seeds_p` of a test over users and seeds (None for one seed), each again with `_holm`, `verdict`
      (`better`, `worse`, `not significant`) and `compared_seeds`.

    Raises:
        LmmrecError: there is no warehouse.
    """
    with opened(warehouse) as connection:
        return leaderboard_rows(Comparer(connection))


class Comparer:
    """Paired comparisons of one warehouse, each made once."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self._made: dict[tuple[Subject, Subject], dict[str, dict[str, Any]]] = {}

    def against(self, one: Subject, other: Subject) -> dict[str, dict[str, Any]]:
        """`recall_5` … `ndcg_20` -> comparison of `one` with `other`; empty where they share no seed or user."""
        if (one, other) not in self._made:
            left, right, seeds = paired_tables(self.connection, one, other)
            names = [f"{metric}_{k}" for metric, k in METRICS] if seeds and not left.empty else []
            by_seed = differences_by_seed(self.connection, one, other, seeds) if len(seeds) > 1 and names else None
            compared = compare_columns(left, right, names, by_seed)
            self._made[one, other] = {name: {**found, "num_seeds": len(seeds)} for name, found in compared.items()}
        return self._made[one, other]


def leaderboard_rows(comparer: Comparer) -> list[dict[str, Any]]:
    """As `build_leaderboard`, over an open warehouse."""
    rows = summaries(comparer.connection)
    for row in rows:
        subject = Subject(*(str(row[name]) for name in ("dataset", "base_model", "method", "variant", "protocol")))
        stands_alone = subject.is_anchor or subject == subject.base
        compared = {} if stands_alone else comparer.against(subject, subject.base)
        found = compared.get(f"{row['metric']}_{row['k']}")
        row["base_mean"] = found["other_mean"] if found else None
        row.update({name: found.get(name) if found else None for name in _COMPARISON})
        row["verdict"] = verdict(found) if found else None
        row["compared_seeds"] = found["num_seeds"] if found else None
    return rows


def summaries(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Rows of the leaderboard without the comparisons, which take most of the time."""
    found = connection.execute(
        """SELECT * FROM (
            SELECT dataset, base_model, method, variant, protocol, metric, k, list(value ORDER BY seed) AS found,
                max(num_users) AS num_users, avg(train_seconds) AS train_seconds
            FROM metrics WHERE value IS NOT NULL GROUP BY ALL)
        ORDER BY dataset, protocol, method <> 'anchor', base_model, method, variant, metric DESC, k NULLS LAST"""
    )
    columns = [column[0] for column in found.description or ()]
    rows = [dict(zip(columns, row, strict=True)) for row in found.fetchall()]
    for row in rows:
        row.update(summary(row.pop("found")))
    return rows


def summary(values: Sequence[float]) -> dict[str, Any]:
    """Mean, sample standard deviation and 95 % t interval over seeds; one seed has no spread.

    >>> found = summary([1.0, 2.0, 3.0])
    >>> found["mean"], found["std"], round(found["ci_high"] - found["mean"], 3)
    (2.0, 1.0, 2.484)
    """
    from scipy.stats import t

    count = len(values)
    mean = math.fsum(values) / count
    found: dict[str, Any] = {"mean": mean, "std": None, "ci_low": None, "ci_high": None, "num_seeds": count}
    if count > 1:
        std = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (count - 1))
        half = float(t.ppf(0.975, count - 1)) * std / math.sqrt(count)
        found.update(std=std, ci_low=mean - half, ci_high=mean + half)
    return found
