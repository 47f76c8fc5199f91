"""Where a gain sits: users by how much is known about them, items by how often they were chosen.

Users fall into buckets of training interactions; items into head, torso and tail and into those with few interactions.
For items the figure is a user's Recall@20 restricted to her test items of that slice, so that a pair of numbers is again one
user and users with many test items do not count more than once. Tests are paired and corrected over the slices of a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assets.evaluation.pairing import Subject, adjusted, common_seeds, figures, paired_tables, verdict

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

USER_SLICES = (
    ("up to 5", 0, 5),
    ("≤2", 0, 2),
    ("3–5", 3, 5),
    ("6–10", 6, 10),
    ("11–20", 11, 20),
    (">20", 21, None),
)
"""Name, least and most training interactions; the first one joins the next two: users with few interactions."""
FEW = 5
"""Items with at most so many training interactions have few."""
ITEM_SLICES = {
    f"up to {FEW}": f"num_train <= {FEW}",
    "head": "tier = 'head'",
    "torso": "tier = 'torso'",
    "tail": "tier = 'tail'",
}
"""Name -> condition on the table `entities`; head, torso and tail hold 50, 30 and 20 % of the training interactions."""


@dataclass(frozen=True)
class Slice:
    """One slice under one comparison."""

    name: str
    size: int
    """Users compared: those with a test item (of this slice)."""
    comparison: dict[str, Any] | None
    """As `pairing.figures` gives it with Holm-adjusted p-values; None where there are fewer than two users."""

    @property
    def verdict(self) -> str | None:
        return verdict(self.comparison) if self.comparison else None


def user_slices(
    connection: duckdb.DuckDBPyConnection, one: Subject, other: Subject, column: str = "recall_20"
) -> list[Slice]:
    """`one` against `other` on users by training interactions; empty where they share no seed."""
    left, right, seeds = paired_tables(connection, one, other)
    if not seeds or left.empty:
        return []
    degree = left["num_train"]
    members = {
        name: (degree >= least) & (True if most is None else degree <= most) for name, least, most in USER_SLICES
    }
    return _compared({name: (left.loc[inside, column], right.loc[inside, column]) for name, inside in members.items()})


def item_slices(connection: duckdb.DuckDBPyConnection, one: Subject, other: Subject) -> list[Slice]:
    """`one` against `other` on test items by popularity, as Recall@20 within the slice; empty where they share no seed."""
    seeds = common_seeds(connection, one, other)
    if not seeds:
        return []
    pairs = {}
    for name, condition in ITEM_SLICES.items():
        left, right = (_recall_within(connection, subject, seeds, condition) for subject in (one, other))
        shared = left.index.intersection(right.index)
        pairs[name] = (left.loc[shared], right.loc[shared])
    return _compared(pairs)


def _recall_within(
    connection: duckdb.DuckDBPyConnection, subject: Subject, seeds: list[int], condition: str
) -> pd.Series[float]:
    """Share of each user's test items of the slice among her top 20, averaged over seeds; index user_idx."""
    chosen = "true" if subject.is_anchor else "seed IN (SELECT unnest(?::BIGINT[]))"
    frame = connection.execute(
        f"""SELECT user_idx, avg((rank IS NOT NULL AND rank <= 20)::DOUBLE) AS recall FROM hits
        WHERE dataset = ? AND base_model = ? AND method = ? AND variant = ? AND protocol = ? AND {chosen}
            AND item_idx IN (SELECT entity_idx FROM entities WHERE dataset = ? AND entity = 'item' AND {condition})
        GROUP BY user_idx ORDER BY user_idx""",
        [*subject.values, *([] if subject.is_anchor else [seeds]), subject.dataset],
    ).df()
    return frame.set_index("user_idx")["recall"]


def _compared(pairs: dict[str, tuple[pd.Series[float], pd.Series[float]]]) -> list[Slice]:
    found = adjusted({name: figures(left.to_numpy(), right.to_numpy()) for name, (left, right) in pairs.items()})
    return [Slice(name, len(left), found.get(name)) for name, (left, _) in pairs.items()]
