"""The rules on text vectors, as findings; pure functions of the files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.embeddings.embed import read_summaries
from assets.embeddings.vectors import text_sha256
from assets.expectations import Finding, validate, vocabulary
from assets.tables import read_frame

if TYPE_CHECKING:
    import pandas as pd


def embedding_findings(embeddings: Path, motivations: Path) -> list[Finding]:
    """Finite, of the stated dimension, none zero, one row an entity in order, and made from the texts that passed.

    Args:
        embeddings: folder of `text_embeddings`.
        motivations: folder of `validated_motivations`.
    """
    gxe = vocabulary()
    frame = _rows(embeddings, motivations)
    expected = sum(len(read_summaries(motivations, entity)) for entity in ("user", "item"))
    about = json.loads((embeddings / "encoder.json").read_bytes())
    return validate(
        frame,
        [
            gxe.ExpectTableRowCountToEqual(
                value=expected, meta={"rule": "one vector for each text that passed the gate"}
            ),
            gxe.ExpectColumnValuesToBeInSet(
                column="dimension",
                value_set=[about["dim"]],
                meta={"rule": f"every vector has {about['dim']} dimensions"},
            ),
            gxe.ExpectColumnValuesToBeInSet(column="finite", value_set=[True], meta={"rule": "no NaN, no infinity"}),
            gxe.ExpectColumnValuesToBeBetween(
                column="norm", min_value=0, strict_min=True, meta={"rule": "no zero vector"}
            ),
            gxe.ExpectColumnPairValuesToBeEqual(
                column_A="text_sha256", column_B="expected_sha256", meta={"rule": "row k is the vector of text k"}
            ),
        ],
    )


def _rows(embeddings: Path, motivations: Path) -> pd.DataFrame:
    """One row a vector; a row without a text beside it has no expected hash."""
    import numpy as np
    import pandas as pd

    listed = read_frame(embeddings / "rows.parquet")
    tables = []
    for entity in ("user", "item"):
        vectors = np.load(embeddings / f"{entity}s.npy", allow_pickle=False)
        hashes = listed.loc[listed["entity"] == entity].sort_values("entity_idx")["text_sha256"].tolist()
        wanted = [text_sha256(text) for text in read_summaries(motivations, entity)]
        columns: dict[str, Any] = {
            "dimension": [vectors.shape[1]] * len(vectors),
            "finite": np.isfinite(vectors).all(axis=1),
            "norm": np.nan_to_num(np.linalg.norm(vectors.astype(np.float64), axis=1), nan=1.0),
            "text_sha256": _padded(hashes, len(vectors)),
            "expected_sha256": _padded(wanted, len(vectors)),
        }
        tables.append(pd.DataFrame(columns))
    return pd.concat(tables, ignore_index=True)


def _padded(hashes: list[str], length: int) -> list[str]:
    return [*hashes[:length], *["missing"] * (length - len(hashes))]
