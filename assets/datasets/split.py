"""Writes the asset `split`: three files of index pairs and their sizes. The rules are `splits.py`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.columns import PARTS
from assets.datasets.catalog import SplitRule
from assets.datasets.interactions import INTERACTIONS, ITEMS, PUBLISHED_PARTS, USERS
from assets.datasets.splits import leave_one_out_labels, ratio_labels, require_times, temporal_labels
from assets.tables import SIZES, fetch_arrays, literal, write_parquet
from models.errors import LmmrecError

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    from numpy.typing import NDArray


def write_split(
    connection: duckdb.DuckDBPyConnection, interactions: Path, rule: SplitRule, folder: Path
) -> dict[str, Any]:
    """Write the parts and `sizes.json` into `folder`.

    Args:
        interactions: folder of the asset `interactions`.

    Returns:
        Figures for people.

    Raises:
        LmmrecError: the rule needs times that are missing, or a part came out empty.
    """
    sizes = {"num_users": _rows(connection, interactions / USERS), "num_items": _rows(connection, interactions / ITEMS)}
    published = interactions / PUBLISHED_PARTS
    if published.exists():
        counts = {part: _write_published(connection, published, part, folder) for part in PARTS}
    else:
        counts = _write_labelled(connection, interactions / INTERACTIONS, rule, folder)
    for part in ("train", "test"):
        if counts[part] == 0:
            raise LmmrecError(
                f"split: the part '{part}' is empty ({sum(counts.values()):,} interactions): the dataset is too small; "
                "loosen the filters of the catalogue entry or change `split.parts`."
            )
    (folder / SIZES).write_text(json.dumps(sizes, sort_keys=True))
    total = sum(counts.values())
    return {
        "parts": [{"part": part, "interactions": count, "share": count / total} for part, count in counts.items()],
        **sizes,
    }


def _write_published(connection: duckdb.DuckDBPyConnection, published: Path, part: str, folder: Path) -> int:
    rows = f"SELECT user_idx, item_idx FROM read_parquet({literal(published)}) WHERE part = '{part}'"
    return write_parquet(connection, f"{rows} ORDER BY user_idx, item_idx", folder / f"{part}.parquet")


def _write_labelled(connection: duckdb.DuckDBPyConnection, path: Path, rule: SplitRule, folder: Path) -> dict[str, int]:
    columns = "user_idx, item_idx" + ("" if rule.kind == "ratio" else ", epoch_us(timestamp) AS time")
    found = fetch_arrays(connection, f"SELECT {columns} FROM read_parquet({literal(path)})")
    users, items = found["user_idx"], found["item_idx"]
    labels = _labels(users, items, found.get("time"), rule)
    counts = {}
    for label, part in enumerate(PARTS):
        chosen = labels == label
        connection.register("chosen", {"user_idx": users[chosen], "item_idx": items[chosen]})
        counts[part] = write_parquet(connection, "SELECT user_idx, item_idx FROM chosen", folder / f"{part}.parquet")
        connection.unregister("chosen")
    return counts


def _labels(
    users: NDArray[np.int64], items: NDArray[np.int64], times: NDArray[np.int64] | None, rule: SplitRule
) -> NDArray[np.int8]:
    import numpy as np

    if rule.kind == "ratio":
        return ratio_labels(users, items, rule.parts, rule.seed)
    assert times is not None
    require_times(int(np.ma.getmaskarray(times).sum()), users.size, rule.kind)
    known = np.asarray(np.ma.getdata(times), dtype=np.int64)
    return temporal_labels(known, rule.parts) if rule.kind == "temporal" else leave_one_out_labels(users, known)


def _rows(connection: duckdb.DuckDBPyConnection, path: Path) -> int:
    row = connection.execute(f"SELECT count(*) FROM read_parquet({literal(path)})").fetchone()
    assert row is not None
    return int(row[0])
