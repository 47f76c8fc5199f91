"""The anchors' numbers: references without gradient training that stand in every table, measured as every model is.

What an anchor computes, and how its settings are chosen on validation, belongs to `models.anchors`. Anchors are fitted on
train alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.evaluation.metrics import Label, Tables, evaluate_scorer, figures, tables_of, validation_of
from assets.evaluation.recipe import ANCHORS
from assets.tables import read_matrix, write_frame
from models.errors import LmmrecError
from models.progress import Step, track

if TYPE_CHECKING:
    from models.anchors.choice import Choice
    from models.anchors.contract import Settings

METHOD, VARIANT, SEED = "anchor", "full", 2023
"""How the rows of anchors are named; what little is random in them has a seed of its own, and this one only fills its
column."""
TRIALS = "trials.parquet"
"""One row for each setting that was tried, beside the tables of `metrics`."""
_TRIAL_TYPES = {
    "base_model": "VARCHAR",
    "settings": "VARCHAR",
    "validation_recall_20": "DOUBLE",
    "chosen": "BOOLEAN",
}


def evaluate_anchors(split: Path, dataset: str, target: Path, names: tuple[str, ...] = ANCHORS) -> dict[str, Any]:
    """Choose settings, fit and evaluate each anchor, write the tables (all but means led by `base_model`) and the
    trials, and return figures. An anchor that is too large for this data is left out and named in the figures.

    Args:
        split: folder of the asset `split`.
        dataset: its name, for the rows.
        target: folder to write to.
        names: anchors to measure.

    Raises:
        LmmrecError: none of the anchors could be fitted.
    """
    import pandas as pd

    from models.anchors.contract import TooLargeError

    found: list[_Measured] = []
    left_out: list[dict[str, str]] = []
    with track("anchors", total=len(names), unit="anchors") as step:
        for place, name in enumerate(names):
            try:
                found.append(_measure(name, split, dataset, partial(_tried, step, place, name)))
            except TooLargeError as error:
                left_out.append({"anchor": name, "reason": str(error)})
            step.advance(place + 1 - step.done, note=name)
    if not found:
        raise LmmrecError(f"no anchor could be fitted on {dataset}: {left_out[0]['reason']}")
    joined = Tables(
        per_user=pd.concat([_named(one.name, one.tables.per_user) for one in found], ignore_index=True),
        hits=pd.concat([_named(one.name, one.tables.hits) for one in found], ignore_index=True),
        means=pd.concat([one.tables.means for one in found], ignore_index=True),
        validation=pd.concat([_named(one.name, one.tables.validation) for one in found], ignore_index=True),
    )
    joined.write(target)
    trials = [row for one in found for row in _trial_rows(one)]
    write_frame(pd.DataFrame(trials), target / TRIALS, _TRIAL_TYPES)
    numbers = figures(joined.means)
    return {
        "users_evaluated": numbers["users_evaluated"],
        "means_md": numbers["means_md"],
        "settings": [
            {
                "anchor": one.name,
                "settings": _plain(one.choice.settings),
                "trials": len(one.choice.trials),
                "choice_seconds": round(one.choice_s, 3),
                "fit_seconds": round(one.fit_s, 3),
            }
            for one in found
        ],
        "trials": trials,
        **({"left_out": left_out} if left_out else {}),
    }


@dataclass(frozen=True)
class _Measured:
    """One anchor with its settings chosen, fitted and evaluated on test; seconds are of the wall clock."""

    name: str
    choice: Choice
    tables: Tables
    choice_s: float
    fit_s: float


def _tried(step: Step, place: int, name: str, done: int, total: int) -> None:
    """Shows trials as parts of an anchor; its last fit and its ranking are the part that is left."""
    step.advance(place + done / (total + 1) - step.done, note=f"{name}, setting {done} of {total}")


def _measure(name: str, split: Path, dataset: str, tried: Callable[[int, int], None]) -> _Measured:
    from models.anchors import ANCHORS as REGISTRY
    from models.anchors.choice import choose_settings

    train, validation = (read_matrix(split, part) for part in ("train", "validation"))
    started = time.monotonic()
    choice = choose_settings(REGISTRY[name], train, validation, tried)
    chosen = time.monotonic()
    fitted = REGISTRY[name].with_settings(choice.settings).fit(train)
    fit_s = time.monotonic() - chosen
    label = Label(dataset, name, METHOD, VARIANT, SEED, None)
    tables = tables_of(evaluate_scorer(fitted, split), validation_of(fitted, split), label)
    return _Measured(name, choice, tables, chosen - started, fit_s)


def _trial_rows(one: _Measured) -> list[dict[str, Any]]:
    return [
        {
            "base_model": one.name,
            "settings": _plain(trial.settings),
            "validation_recall_20": trial.recall_20,
            "chosen": trial.settings == one.choice.settings,
        }
        for trial in one.choice.trials
    ]


def _plain(settings: Settings) -> str:
    return json.dumps(dict(settings), sort_keys=True)


def _named(name: str, frame: Any) -> Any:
    return frame.assign(base_model=name)[["base_model", *frame.columns]]
