"""Tuning before an experiment: the same number of trials on validation for the base and for every method on top of it.

A trial trains once with the first seed and is judged by Recall@20 on validation; nothing here reads the test part. The first
trial is the method as it is without tuning, Optuna's seeded sampler proposes the others, and every trial is kept. Controls,
ablations and noisy cells take over what was chosen for their method. How a trial is trained belongs to `models.training`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from assets.lake import Address
from assets.tables import read_frame
from assets.training.plan import CellPlan, plan_cell
from models.bases import base_spec
from models.errors import LmmrecError
from models.training.config import TrainingConfig

ASSET = "tuning"
TRIALS, CHOSEN = "trials.parquet", "chosen.json"
SEED = 2023
"""Of every trial and of the sampler."""
SPACE: dict[str, tuple[float, ...]] = {
    "learning_rate": (1 / 3, 1.0, 3.0),
    "l2": (1e-7, 1e-6, 1e-5, 1e-4),
    "weight": (0.3, 1.0, 3.0, 9.0),
}
"""What is tried: rate and weight as multiples of their defaults, l2 as it is; a method without a weight has none to try."""
_COLUMNS = {
    "trial": "INTEGER",
    "learning_rate": "DOUBLE",
    "l2": "DOUBLE",
    "weight": "DOUBLE",
    "recall_20": "DOUBLE",
    "ndcg_20": "DOUBLE",
    "best_epoch": "INTEGER",
    "chosen": "BOOLEAN",
}


def can_be_tuned(base_model: str) -> bool:
    """False for closed forms, which try their settings on validation by themselves."""
    return not base_spec(base_model).closed_form


def settings_of(plan: CellPlan) -> dict[str, float]:
    """What of `plan` is tuned, as it is now."""
    l2 = plan.base.l2 if plan.enhancer is None or plan.enhancer.l2 is None else plan.enhancer.l2
    found = {"learning_rate": plan.training.learning_rate, "l2": float(l2)}
    weight = getattr(plan.enhancer, "weight", None)
    return found if weight is None else {**found, "weight": float(weight)}


def with_settings(plan: CellPlan, settings: Mapping[str, float]) -> CellPlan:
    """`plan` with other values of what is tuned; an ablation stays one."""
    training = plan.training.model_copy(update={"learning_rate": settings["learning_rate"]})
    if plan.enhancer is None:
        return replace(plan, base=plan.base.model_copy(update={"l2": settings["l2"]}), training=training)
    changed = {"l2": settings["l2"], **({"weight": settings["weight"]} if "weight" in settings else {})}
    return replace(plan, enhancer=plan.enhancer.model_copy(update=changed), training=training)


def tuned(plan: CellPlan, folder: Path) -> CellPlan:
    """`plan` with the settings that the partition at `folder` chose."""
    return with_settings(plan, json.loads((folder / CHOSEN).read_bytes()))


def tune(
    address: Address,
    method: str,
    training: TrainingConfig,
    trials: int,
    inputs: Mapping[str, Path],
    target: Path,
    threads: int | None = None,
    device: str = "cpu",
) -> dict[str, Any]:
    """Try `trials` settings of `method`, write them all and the best under `target`, and return figures.

    Of equals the earliest wins, so that one trial chooses the method as it is.

    Raises:
        LmmrecError: no trial is asked for.
    """
    if trials < 1:
        raise LmmrecError("nothing to try: set LMMREC_TRIALS, or give `lmmrec experiment` --trials, to at least 1.")
    import optuna
    import pandas as pd

    from assets.tables import write_frame
    from assets.training.data import load_data
    from models.progress import track
    from models.training.config import RunConfig
    from models.training.fit import fit

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    plan = replace(plan_cell(replace(address, method=None, variant="full", seed=SEED), method), training=training)
    data, default = load_data(inputs["split"], inputs.get("text_embeddings")), settings_of(plan)
    choices = {name: _choices(name, default[name]) for name in default}
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=SEED))
    study.enqueue_trial(default)
    rows: list[dict[str, Any]] = []

    def objective(trial: optuna.Trial) -> float:
        settings = {name: float(trial.suggest_categorical(name, values)) for name, values in choices.items()}
        for row in rows:  # a proposal that was tried already costs nothing, and counts
            if all(row[name] == value for name, value in settings.items()):
                rows.append({**row, "trial": trial.number})
                return float(row["recall_20"])
        one = with_settings(plan, settings)
        model = fit(data, one.base, one.enhancer, one.training, RunConfig(seed=SEED, threads=threads, device=device))
        best = next(entry for entry in model.history if entry["epoch"] == model.best_epoch)
        shown = {name: float(best[name]) for name in ("recall_20", "ndcg_20")}
        rows.append({"trial": trial.number, **settings, **shown, "best_epoch": model.best_epoch})
        return shown["recall_20"]

    with track(f"tune {method} on {address.base_model}", total=trials, unit="trials") as step:
        study.optimize(objective, n_trials=trials, callbacks=[lambda *_: step.advance()])
    best = max(rows, key=lambda row: (row["recall_20"], -row["trial"]))
    frame = pd.DataFrame([{**row, "chosen": row is best} for row in rows], columns=list(_COLUMNS))
    write_frame(frame, target / TRIALS, _COLUMNS)
    chosen = {name: best[name] for name in default}
    (target / CHOSEN).write_text(json.dumps(chosen, indent=1, sort_keys=True))
    return {
        "trials": len(rows),
        "chosen_trial": int(best["trial"]),
        **{f"chosen_{name}": value for name, value in chosen.items()},
        "recall_20": best["recall_20"],
        "recall_20_untuned": rows[0]["recall_20"],
    }


def read_trials(folder: Path) -> list[dict[str, Any]]:
    """All trials of one partition, in their order."""
    return [{str(name): value for name, value in row.items()} for row in read_frame(folder / TRIALS).to_dict("records")]


def _choices(name: str, default: float) -> list[float]:
    """The values to choose from, the default among them."""
    found = {default} | {(value if name == "l2" else value * default) for value in SPACE[name]}
    if name == "weight" and default < 1.0:
        found = {min(value, 0.9) for value in found}  # of a share of the score; others start below as well
    return sorted(found)
