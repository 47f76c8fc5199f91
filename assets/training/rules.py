"""What must hold of a checkpoint before anything is measured or served with it.

Reads the files of one cell and gives findings; how Dagster shows them is `checks.py`. Whether a model is *good* is no rule:
losing to popularity only warns.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from assets.expectations import Finding, validate, vocabulary
from assets.tables import read_column, read_matrix

HISTORY, IDS, WEIGHTS = "history.json", "ids.json", "model.safetensors"


def checkpoint_findings(checkpoint: Path, interactions: Path) -> list[Finding]:
    """Finite history, finite weights, and the ids of `interactions` in their order."""
    return [
        *_history_findings(json.loads((checkpoint / HISTORY).read_bytes())),
        *_weight_findings(checkpoint / WEIGHTS),
        *_id_findings(json.loads((checkpoint / IDS).read_bytes()), interactions),
    ]


def popularity_finding(checkpoint: Path, split: Path) -> list[Finding]:
    """Warns where the best validation Recall@20 is no better than that of recommending what is popular.

    A split without validation pairs has nothing to compare, and gives no finding.
    """
    from models.anchors import ANCHORS
    from models.ranking.evaluate import evaluate

    train, validation = read_matrix(split, "train"), read_matrix(split, "validation")
    if not validation.nnz:
        return []
    popular = evaluate(ANCHORS["popularity"]().fit(train), train, validation, validation, ("rlmrec",), (20,))
    floor = float(popular.means("rlmrec")["recall_20"])
    best = max((float(row["recall_20"]) for row in json.loads((checkpoint / HISTORY).read_bytes())), default=0.0)
    return [
        Finding(
            rule="validation Recall@20 is above that of popularity",
            column="recall_20",
            passed=best > floor,
            observed=f"{best:.4f} against {floor:.4f}",
            severity="warning",
        )
    ]


def _history_findings(history: list[dict[str, Any]]) -> list[Finding]:
    import numpy as np
    import pandas as pd

    gxe = vocabulary()
    # a term may be off in the first epochs, so what counts is every value that is there
    values = [(name, value) for row in history for name, value in row.items()]
    figures = pd.DataFrame(values, columns=["name", "value"]).astype({"value": float})
    return [
        *validate(
            pd.DataFrame({"epoch": [row.get("epoch") for row in history]}),
            [
                gxe.ExpectTableRowCountToBeBetween(min_value=1, meta={"rule": "there is a training history"}),
                gxe.ExpectColumnValuesToBeIncreasing(column="epoch", strictly=True, meta={"rule": "epochs rise"}),
            ],
        ),
        *validate(
            figures.replace([np.inf, -np.inf], np.nan),
            [gxe.ExpectColumnValuesToNotBeNull(column="value", meta={"rule": "the history is finite"})],
        ),
    ]


def _weight_findings(path: Path) -> list[Finding]:
    import numpy as np
    import pandas as pd
    from safetensors import safe_open

    gxe = vocabulary()
    rows = []
    with safe_open(str(path), framework="numpy") as file:
        for name in sorted(file.keys()):
            tensor = file.get_tensor(name)
            rows.append({"tensor": name, "not_finite": int((~np.isfinite(tensor)).sum())})
    return validate(
        pd.DataFrame(rows, columns=["tensor", "not_finite"]),
        [
            gxe.ExpectTableRowCountToBeBetween(min_value=1, meta={"rule": "there are weights"}),
            gxe.ExpectColumnValuesToBeBetween(
                column="not_finite", min_value=0, max_value=0, meta={"rule": "weights are finite"}
            ),
        ],
    )


def _id_findings(ids: dict[str, list[str]], interactions: Path) -> list[Finding]:
    import pandas as pd

    gxe = vocabulary()
    rows = []
    for entity in ("user", "item"):
        expected = read_column(interactions / f"{entity}s.parquet", f"{entity}_id")
        found = ids[f"{entity}s"]
        length = max(len(expected), len(found))
        rows.append(
            pd.DataFrame(
                {
                    "expected": pd.Series(expected, index=range(len(expected)), dtype=object).reindex(range(length)),
                    "found": pd.Series(found, index=range(len(found)), dtype=object).reindex(range(length)),
                }
            )
        )
    return validate(
        pd.concat(rows, ignore_index=True).fillna("(none)"),
        [
            gxe.ExpectColumnPairValuesToBeEqual(
                column_A="expected", column_B="found", meta={"rule": "ids are those of interactions, in their order"}
            )
        ],
    )
