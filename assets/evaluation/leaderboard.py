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

from assets.evaluation.pairing import METRICS, Subject, compare_columns, opened, paired_tables, subjects, verdict

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
)


def build_leaderboard(warehouse: Path) -> list[dict[str, Any]]:
    """Rows of the leaderboard in a fixed order.

    Each row has dataset, base_model, method, variant, protocol, metric, k, and

    * `mean`, `std` (sample), `ci_low`, `ci_high` (95 % t interval), all over seeds; the last three are None for one seed;
    * `num_seeds`, `num_users`, `train_seconds` (mean over seeds);
    * against the bare base model, None where there is nothing to compare: `base_mean`, `difference`, `relative`, `low` and
      `high` (95 % bootstrap interval of the difference, over users), `effect_size` (Cohen's d of the paired differences),
      `t_p`, `wilcoxon_p`, both again with `_holm`, `verdict` (`better`, `worse`, `no difference`) and `compared_seeds`.

    Raises:
        LmmrecError: there is no warehouse.
    """
    with opened(warehouse) as connection:
        rows = _summaries(connection)
        against_base = {
            subject: against(connection, subject, subject.base)
            for subject in subjects(connection)
            if not subject.is_anchor and subject != subject.base
        }
    for row in rows:
        subject = Subject(*(str(row[name]) for name in ("dataset", "base_model", "method", "variant", "protocol")))
        found = against_base.get(subject, {}).get(f"{row['metric']}_{row['k']}")
        row["base_mean"] = found["other_mean"] if found else None
        row.update({name: found[name] if found else None for name in _COMPARISON})
        row["verdict"] = verdict(found) if found else None
        row["compared_seeds"] = found["num_seeds"] if found else None
    return rows


def against(connection: duckdb.DuckDBPyConnection, one: Subject, other: Subject) -> dict[str, dict[str, Any]]:
    """`recall_5` … `ndcg_20` -> the paired comparison of `one` with `other`; empty where they share no seed or user."""
    left, right, seeds = paired_tables(connection, one, other)
    if not seeds or left.empty:
        return {}
    compared = compare_columns(left, right, [f"{metric}_{k}" for metric, k in METRICS])
    return {name: {**found, "num_seeds": len(seeds)} for name, found in compared.items()}


def _summaries(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
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
