"""Training one cell: from folders of inputs to a folder with a self-contained checkpoint.

Works in a REPL without Dagster. What the cell is stands in its plan (`plan.py`); how a model is fitted belongs to
`models.training`. Seconds, device and resumptions go into the figures, never into the files. The state of a training under
way lies beside the lake and goes when its checkpoint is published.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.lake import Address, Lake
from assets.settings import Settings
from assets.tables import read_column
from assets.training.curve import loss_terms
from assets.training.data import load_data
from assets.training.plan import CellPlan
from models.bases import base_spec
from models.errors import LmmrecError

if TYPE_CHECKING:
    from models.training.config import RunConfig
    from models.training.data import TrainingData
    from models.training.fitted import FittedModel
    from models.training.warm_start import WarmStart

STATES = "training"
"""Folder under LMMREC_HOME with the states of trainings under way."""
SHOWN_METRICS = ("recall_20", "ndcg_20")
"""Validation metrics of the best epoch that stand in the figures."""


def refuse_without_text(lake: Lake, dataset: str, method: str) -> None:
    """Say so where a method needs text vectors and there are none.

    Raises:
        LmmrecError: with both remedies, since only the reviews can tell whether text vectors can be made.
    """
    if lake.record(Address("text_embeddings", dataset)) is None:
        raise LmmrecError(
            f"method '{method}' needs text and {dataset} has no text vectors: make text_embeddings first, or, where its "
            "reviews carry no text, train with `--method base`."
        )


def state_folder(home: Path, address: Address, code_version: str) -> Path:
    """Where the training of a cell keeps its state; states of another code version are never gone on with."""
    return home / STATES / address.relative_path / f"code={code_version}"


def forget_states(home: Path, address: Address) -> None:
    """Remove what the training of a published cell kept, and folders that are empty then."""
    folder = home / STATES / address.relative_path
    shutil.rmtree(folder, ignore_errors=True)
    for parent in folder.relative_to(home).parents[:-1]:
        if (home / parent).is_dir() and not any((home / parent).iterdir()):
            (home / parent).rmdir()


def warm_start_of(
    lake: Lake, address: Address, plan: CellPlan, inputs: Mapping[str, Path]
) -> tuple[WarmStart | None, dict[str, Any]]:
    """The cell's previous checkpoint as a start, and figures that say which it was.

    None where there is none, where it is of another kind than the plan, or where no user and no item was added since:
    training then starts fresh, as it would without `warm_start`.
    """
    record = lake.record(address)
    if record is None or base_spec(plan.base.name).closed_form:  # a formula starts nowhere
        return None, {}
    from models.training.warm_start import warm_start_from

    try:
        start = warm_start_from(lake.path(address), *_ids(inputs))
        start.refuse_other_kind(plan.base, plan.enhancer)
    except LmmrecError as error:
        return None, {"warm_start_refused": str(error)}
    if not start.new_users and not start.new_items:
        return None, {}
    figures = {"warm_started_from": record.digest, "new_users": start.new_users, "new_items": start.new_items}
    return start, figures


def _ids(inputs: Mapping[str, Path]) -> tuple[list[str], list[str]]:
    """Original user and item ids in row order."""
    folder = inputs["interactions"]
    return read_column(folder / "users.parquet", "user_id"), read_column(folder / "items.parquet", "item_id")


def train_cell(
    plan: CellPlan,
    inputs: Mapping[str, Path],
    target: Path,
    settings: Settings,
    state: Path | None = None,
    start: WarmStart | None = None,
) -> dict[str, Any]:
    """Fit the model of `plan`, save it under `target` and return figures.

    Args:
        plan: what the cell is.
        inputs: folders of `split`, `interactions` (ids) and, for methods that read text, `text_embeddings`.
        target: an empty folder; gets model.safetensors, config.json, history.json and ids.json.
        settings: device and threads.
        state: folder that is replaced after every epoch, so that a killed training goes on there; None keeps nothing. A
            state of another plan or other inputs is said and thrown away.
        start: an earlier model to start from; None starts fresh.

    Raises:
        LmmrecError: vectors or ids do not fit the split, the device is not there, or training diverges.
    """
    from models.training.checkpoint import save
    from models.training.config import RunConfig

    data = load_data(inputs["split"], inputs.get("text_embeddings"), plan.text_control, plan.seed, plan.noise)
    users, items = _ids(inputs)
    if (len(users), len(items)) != data.train.shape:
        raise LmmrecError(
            f"{inputs['interactions']} names {len(users):,} users and {len(items):,} items, but the split has "
            f"{data.num_users:,} and {data.num_items:,}: make the split again."
        )
    device = resolve_device(settings.device)
    run = RunConfig(seed=plan.seed, device=device, threads=settings.threads)
    model, notes = _fit(plan, data, run, state, start)
    save(model, target, users, items)
    found = figures(model.history, model.best_epoch, model.seconds) | {"device": device}
    if model.resumed_at_epoch:
        found["resumed_at_epoch"] = model.resumed_at_epoch
    return found | ({"training_notes": "; ".join(notes)} if notes else {})


def _fit(
    plan: CellPlan, data: TrainingData, run: RunConfig, state: Path | None, start: WarmStart | None
) -> tuple[FittedModel, list[str]]:
    """The fitted model, and what a reader should know of how it came about."""
    from models.training.fit import fit
    from models.training.state import OtherRunError, discard

    notes = []
    try:
        model = fit(data, plan.base, plan.enhancer, plan.training, run, state_folder=state, warm_start=start)
    except OtherRunError as error:
        assert state is not None
        notes.append(f"a stored state was of another run, so training started over ({'; '.join(error.differences)})")
        warnings.warn(notes[0], stacklevel=2)
        discard(state)
        model = fit(data, plan.base, plan.enhancer, plan.training, run, state_folder=state, warm_start=start)
    return model, [*notes, *model.notes]


def resolve_device(kind: str) -> str:
    """`cpu` or `cuda`; `auto` takes CUDA where it is usable.

    Raises:
        LmmrecError: CUDA is asked for and not usable.
    """
    import torch

    usable = torch.cuda.is_available()
    if kind == "cuda" and not usable:
        raise LmmrecError("LMMREC_DEVICE=cuda, but torch sees no usable CUDA device: set it to cpu or auto.")
    return "cuda" if usable and kind != "cpu" else "cpu"


def figures(history: list[dict[str, Any]], best_epoch: int, seconds: float) -> dict[str, Any]:
    """What people look at: epochs, the best one and its validation metrics, the last losses, seconds."""
    best = next((row for row in history if row["epoch"] == best_epoch), {})
    found: dict[str, Any] = {
        "epochs": int(history[-1]["epoch"]) + 1 if history else 0,
        "best_epoch": int(best_epoch),
        "train_seconds": round(float(seconds), 3),
    }
    if history:
        found |= {f"final_{term}": float(history[-1].get(term, 0.0)) for term in loss_terms(history)}
    return found | {f"validation_{metric}": float(best[metric]) for metric in SHOWN_METRICS if metric in best}
