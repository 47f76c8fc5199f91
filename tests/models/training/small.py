"""One small training problem, for the tests that train it again and again, also from other processes."""

from __future__ import annotations

from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from models.bases import LightGCNConfig
from models.enhancers import EnhancerConfig, LMMRecConfig
from models.progress import Step, reporting_to
from models.training import checkpoint
from models.training.config import RunConfig, TrainingConfig
from models.training.data import TrainingData
from models.training.fit import fit
from models.training.fitted import FittedModel
from tests.models.strategies import random_interactions

USERS, ITEMS = 40, 30
IDS = [f"u{row}" for row in range(USERS)], [f"i{row}" for row in range(ITEMS)]
BASE, LMMREC = LightGCNConfig(dim=8), LMMRecConfig(num_prototypes=4, warmup_epochs=0.5)
TRAINING = TrainingConfig(batch_size=64, learning_rate=0.01, max_epochs=12, evaluate_every=2, patience=3)


def small_data(seed: int = 0) -> TrainingData:
    """A fifth of the pairs is held out; every entity has a text vector of width 12."""
    whole = random_interactions(USERS, ITEMS, 0.25, seed)
    held_out = np.random.default_rng(1).random(whole.nnz) < 0.2
    train, validation = whole.copy(), whole.copy()
    train.data = np.where(held_out, 0, 1).astype(np.float32)
    validation.data = np.where(held_out, 1, 0).astype(np.float32)
    train.eliminate_zeros()
    validation.eliminate_zeros()
    texts = np.random.default_rng(2).standard_normal((USERS + ITEMS, 12)).astype(np.float32)
    return TrainingData(train, validation, texts[:USERS], texts[USERS:])


def small_fit(
    enhancer: EnhancerConfig | None = None, training: TrainingConfig = TRAINING, folder: Path | None = None
) -> FittedModel:
    return fit(small_data(), BASE, enhancer, training, RunConfig(threads=1), state_folder=folder)


def stored_bytes(model: FittedModel, folder: Path) -> dict[str, bytes]:
    """The checkpoint of `model`, file by file."""
    checkpoint.save(model, folder, *IDS)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


class _Tally:
    """A reporter that writes every epoch that is told as done to a file, one line each."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def started(self, step: Step) -> None: ...

    def changed(self, step: Step) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{step.done:.0f}\n")

    def finished(self, step: Step) -> None: ...
    def said(self, line: str) -> None: ...


def train_in_a_process(
    begins: Connection, enhancer: EnhancerConfig | None, training: TrainingConfig, state: Path, target: Path
) -> None:
    """What a process that may be killed does: train, then leave the checkpoint in `target`, and epochs in `state`.told."""
    begins.send(True)
    with reporting_to(_Tally(state.with_suffix(".told"))):
        stored_bytes(small_fit(enhancer, training, state), target)
