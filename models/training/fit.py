"""The one fit loop: epochs, a look at validation, early stopping, the best epoch's weights.

It is the same for every base model with and without an enhancer. One epoch is `trainer`, what is measured is
`models.ranking`, where the result is stored is `checkpoint` and the pipeline.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.bases import BaseConfig
from models.enhancers import EnhancerConfig
from models.errors import LmmrecError
from models.progress import Silence, reporting_to, track
from models.ranking.evaluate import evaluate
from models.training.config import RunConfig, TrainingConfig
from models.training.data import TrainingData
from models.training.fitted import FittedModel
from models.training.trainer import Trainer

VALIDATION_K = 20
"""List length of the validation metrics, `recall_20` and `ndcg_20`."""


def fit(
    data: TrainingData,
    base: BaseConfig,
    enhancer: EnhancerConfig | None,
    training: TrainingConfig,
    run: RunConfig,
) -> FittedModel:
    """Trains until `training.monitor` stops rising on validation and returns the weights of its best epoch.

    With `evaluate_every=0` it trains `max_epochs` epochs and keeps the last. Same arguments and threads, same bytes on a
    CPU. Raises `LmmrecError` where validation is empty but needed, texts are missing, or training turns non-finite.
    """
    if training.evaluate_every and data.validation.nnz == 0:
        raise LmmrecError(
            "the split has no validation interactions, so early stopping has nothing to watch; "
            "carve a validation part out of train, or set evaluate_every=0 and max_epochs to the epochs wanted"
        )
    started_s = time.perf_counter()
    with _threads(run.threads):
        trainer = Trainer(data, base, enhancer, training, run)
        what = f"train {base.name}" if enhancer is None else f"train {enhancer.name} on {base.name}"
        history, best_epoch = _train(trainer, data, training, what)
        final = trainer.final_tensors()
    return FittedModel(
        base=base,
        enhancer=enhancer,
        training=training,
        seed=run.seed,
        num_users=data.num_users,
        num_items=data.num_items,
        final=final,
        parameters=trainer.weights(),
        history=history,
        best_epoch=best_epoch,
        seconds=time.perf_counter() - started_s,
    )


def _train(
    trainer: Trainer, data: TrainingData, training: TrainingConfig, what: str
) -> tuple[list[dict[str, float]], int]:
    """Runs the epochs, leaves the best weights in `trainer`; the history and the best epoch."""
    history: list[dict[str, float]] = []
    best, best_epoch, best_weights, without_gain = -1.0, training.max_epochs - 1, trainer.weights(), 0
    with track(what, total=epochs_without_gain(training, best_epoch=0), unit="epochs") as step:
        for epoch in range(training.max_epochs):
            losses = trainer.run_epoch(epoch)
            if not training.evaluate_every or epoch % training.evaluate_every:
                step.advance()
                continue
            entry = {"epoch": epoch} | losses | validation_metrics(trainer, data)
            history.append(entry)
            value = entry[training.monitor]
            without_gain += 1
            if value > best:
                best, best_epoch, best_weights, without_gain = value, epoch, trainer.weights(), 0
                step.total = epochs_without_gain(training, best_epoch)
            step.advance(note=f"{training.monitor} {value:.4f} on validation, best {best:.4f} at epoch {best_epoch}")
            if without_gain >= training.patience:
                break
    if training.evaluate_every:
        trainer.restore(best_weights)
    return history, best_epoch


def epochs_without_gain(training: TrainingConfig, best_epoch: int) -> int:
    """Epochs there will have been when training ends, if none is better than `best_epoch`: the end that can be foreseen.

    >>> epochs_without_gain(TrainingConfig(evaluate_every=3, patience=5), best_epoch=12)
    28
    """
    if not training.evaluate_every:
        return training.max_epochs
    return min(training.max_epochs, best_epoch + training.evaluate_every * training.patience + 1)


def validation_metrics(trainer: Trainer, data: TrainingData) -> dict[str, float]:
    """Recall@20 and NDCG@20 on the validation part, train items hidden; the mean over users that have some."""
    scorer = _Snapshot(trainer, trainer.final_tensors())
    with reporting_to(Silence()):
        evaluation = evaluate(scorer, data.train, data.validation, data.validation, ("rlmrec",), (VALIDATION_K,))
    return {name: float(values.mean()) for name, values in evaluation.per_user["rlmrec"].items()}


@dataclass(frozen=True)
class _Snapshot:
    """The model as it is now, as a scorer."""

    trainer: Trainer
    tensors: Mapping[str, Tensor]

    def score(self, user_idx: np.ndarray) -> Tensor:
        users = torch.as_tensor(user_idx, dtype=torch.int64, device=self.trainer.device)
        return self.trainer.base.score(self.tensors, users)


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """Sets torch's CPU threads for the time inside; None leaves them alone."""
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
