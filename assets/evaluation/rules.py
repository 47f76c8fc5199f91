"""What must hold of numbers and recommendations before anybody sees them.

Reads the files of one partition and gives findings; how Dagster shows them is `checks.py`. Whether a method wins is no rule.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.evaluation.anchors import METHOD as ANCHOR
from assets.evaluation.metrics import CATALOGUE_METRICS, MEANS, METRICS, PER_USER
from assets.evaluation.recipe import PROTOCOLS
from assets.evaluation.selection import CANDIDATES, CHOICE
from assets.expectations import Finding, validate, vocabulary
from assets.lake import Address
from assets.tables import connect, read_frame

if TYPE_CHECKING:
    import pandas as pd

_SHARES = tuple(name for name in (*METRICS, *CATALOGUE_METRICS) if name != "popularity")


def metric_findings(metrics: Path, split: Path) -> list[Finding]:
    """Shares within [0, 1], both protocols there, every mean that of its users, and as many users as the split says."""
    gxe = vocabulary()

    means, users = read_frame(metrics / MEANS), _test_users(split)
    shares = means[means["metric"].isin(_SHARES)]
    return [
        *validate(
            shares,
            [
                gxe.ExpectColumnValuesToNotBeNull(column="value", meta={"rule": "every number is there"}),
                gxe.ExpectColumnValuesToBeBetween(
                    column="value", min_value=-1e-12, max_value=1 + 1e-12, meta={"rule": "shares are within 0 and 1"}
                ),
                gxe.ExpectColumnDistinctValuesToEqualSet(
                    column="protocol", value_set=list(PROTOCOLS), meta={"rule": "both protocols are there"}
                ),
                gxe.ExpectColumnValuesToBeInSet(
                    column="num_users", value_set=[users], meta={"rule": "all users with test items are evaluated"}
                ),
            ],
        ),
        *validate(
            _compared(means, read_frame(metrics / PER_USER)),
            [
                gxe.ExpectColumnValuesToBeBetween(
                    column="difference", min_value=-1e-9, max_value=1e-9, meta={"rule": "means are those of the users"}
                )
            ],
        ),
    ]


def recommendation_findings(recommendations: Path, interactions: Path) -> list[Finding]:
    """Nothing that a user already has, ranks 1, 2, 3 … without gaps, no item twice, scores falling."""
    gxe = vocabulary()

    with connect() as connection:
        counts = connection.execute(
            """
            WITH lists AS (SELECT * FROM read_parquet($lists)),
            steps AS (
                SELECT rank - row_number() OVER (PARTITION BY user_idx ORDER BY rank) AS gap,
                    score - lag(score) OVER (PARTITION BY user_idx ORDER BY rank) AS rise
                FROM lists)
            SELECT
                (SELECT count(*) FROM lists SEMI JOIN read_parquet($owned) USING (user_idx, item_idx)) AS owned_already,
                (SELECT count(*) FROM steps WHERE gap <> 0) AS rank_gaps,
                (SELECT count(*) FROM steps WHERE rise > 0) AS scores_that_rise,
                (SELECT count(*) - count(DISTINCT (user_idx, item_idx)) FROM lists) AS items_twice,
                (SELECT count(*) FROM lists WHERE score IS NULL OR NOT isfinite(score)) AS scores_not_finite
            """,
            {
                "lists": str(recommendations / "recommendations.parquet"),
                "owned": str(interactions / "interactions.parquet"),
            },
        ).df()
    rules = {
        "owned_already": "nothing that the user already has is recommended",
        "rank_gaps": "ranks are 1, 2, 3 … for every user",
        "scores_that_rise": "scores fall with the rank",
        "items_twice": "no item stands twice in a list",
        "scores_not_finite": "scores are finite",
    }
    return validate(
        counts,
        [
            gxe.ExpectColumnValuesToBeBetween(column=column, min_value=0, max_value=0, meta={"rule": rule})
            for column, rule in rules.items()
        ],
    )


def selection_findings(selection: Path) -> list[Finding]:
    """Warns where an anchor is published, which no motivation stands behind, or a model that nothing was compared with."""
    choice = json.loads((selection / CHOICE).read_bytes())
    users = int(read_frame(selection / CANDIDATES)["num_users"].max())
    return [
        Finding(rule=rule, column="", passed=passed, observed=choice["why"].rstrip("."), severity="warning")
        for rule, passed in (
            ("the published model was compared with others on validation", users > 0),
            ("the published model is no anchor", choice["method"] != ANCHOR),
        )
    ]


def completeness_findings(cells: Iterable[tuple[str, Address]], with_controls: Iterable[str]) -> list[Finding]:
    """Warns where a comparison lacks a side: anchors, a base for an enhancer, the same seeds, the shuffled control.

    Args:
        cells: (method, address) of every metric cell in the lake; method `anchor` for anchors.
        with_controls: methods that read text.
    """
    by_owner: dict[tuple[Any, ...], set[int | None]] = {}
    for method, cell in cells:
        key = (cell.dataset, None if method == "anchor" else cell.base_model, method, cell.variant or "full")
        by_owner.setdefault(key, set()).add(cell.seed)
    missing = []
    for (dataset, base_model, method, variant), seeds in sorted(by_owner.items(), key=str):
        if method == "anchor" or variant != "full":
            continue
        wanted = {f"anchors of {dataset}": (dataset, None, "anchor", "full")}
        if method != "base":
            wanted[f"base on {base_model} of {dataset}"] = (dataset, base_model, "base", "full")
        if method in with_controls:
            wanted[f"{method} with shuffled text on {base_model} of {dataset}"] = (
                dataset,
                base_model,
                method,
                "shuffled-text",
            )
        for name, key in wanted.items():
            there = by_owner.get(key, set())
            if not there or (key[2] != "anchor" and not seeds <= there):
                missing.append(name)
    missing = list(dict.fromkeys(missing))
    return [
        Finding(
            rule="every comparison has all its sides",
            column="",
            passed=not missing,
            observed=f"missing: {', '.join(missing)}" if missing else "nothing is missing",
            severity="warning",
        )
    ]


def _test_users(split: Path) -> int:
    with connect() as connection:
        found = connection.execute(
            "SELECT count(DISTINCT user_idx) FROM read_parquet(?)", [str(split / "test.parquet")]
        ).fetchone()
    assert found is not None
    return int(found[0])


def _compared(means: pd.DataFrame, per_user: pd.DataFrame) -> pd.DataFrame:
    """Difference between each stored mean and the mean of its users."""
    import pandas as pd

    keys = [name for name in ("base_model", "protocol") if name in per_user.columns]
    values = [name for name in per_user.columns if name.startswith(METRICS)]
    computed = per_user.groupby(keys)[values].mean().reset_index()
    computed = computed.melt(keys, values, var_name="name", value_name="computed")
    rows = means[means["metric"].isin(METRICS)].copy()
    rows["name"] = rows["metric"] + "_" + rows["k"].astype(str)
    joined = rows.merge(computed, on=[*keys, "name"], how="left")
    return pd.DataFrame({"difference": joined["value"] - joined["computed"].fillna(float("inf"))})
