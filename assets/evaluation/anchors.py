"""The anchors' numbers: training-free references that stand in every table, measured as every model is.

What an anchor computes belongs to `models.anchors`. Anchors see train alone: validation neither trains nor tunes them.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from assets.evaluation.metrics import Label, Tables, evaluate_scorer, figures, tables_of
from assets.evaluation.recipe import ANCHORS
from assets.tables import read_matrix
from models.progress import track

METHOD, VARIANT, SEED = "anchor", "full", 2023
"""How the rows of anchors are named; nothing in them is random, and the seed only fills its column."""


def evaluate_anchors(split: Path, dataset: str, target: Path, names: tuple[str, ...] = ANCHORS) -> dict[str, Any]:
    """Fit and evaluate each anchor, write the tables (per_user and hits led by `base_model`) and return figures.

    Args:
        split: folder of the asset `split`.
        dataset: its name, for the rows.
        target: folder to write to.
        names: anchors to measure.
    """
    import pandas as pd

    from models.anchors import ANCHORS as REGISTRY

    train, found, seconds = read_matrix(split, "train"), [], {}
    with track("anchors", total=len(names), unit="anchors") as step:
        for name in names:
            started = time.monotonic()
            fitted = REGISTRY[name]().fit(train)
            seconds[name] = round(time.monotonic() - started, 3)
            label = Label(dataset, name, METHOD, VARIANT, SEED, None)
            found.append((name, tables_of(evaluate_scorer(fitted, split), label)))
            step.advance(note=name)
    joined = Tables(
        per_user=pd.concat([_named(name, tables.per_user) for name, tables in found], ignore_index=True),
        hits=pd.concat([_named(name, tables.hits) for name, tables in found], ignore_index=True),
        means=pd.concat([tables.means for _, tables in found], ignore_index=True),
    )
    joined.write(target)
    shown = figures(joined.means)
    return {
        "users_evaluated": shown["users_evaluated"],
        "means_md": shown["means_md"],
        "fit_seconds": [{"anchor": name, "seconds": spent} for name, spent in seconds.items()],
    }


def _named(name: str, frame: Any) -> Any:
    return frame.assign(base_model=name)[["base_model", *frame.columns]]
