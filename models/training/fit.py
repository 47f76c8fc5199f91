"""The one fit loop: epochs, a look at validation, early stopping, the best epoch's weights.

It is the same for every base model with and without an enhancer. One epoch is `trainer`, what is measured is
`models.ranking`, what survives a kill is `state`, where the result is stored is `checkpoint` and the pipeline.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.bases import BaseConfig, base_spec
from models.enhancers import EnhancerConfig
from models.errors import LmmrecError
from models.progress import Silence, reporting_to, track
from models.ranking.evaluate import evaluate
from models.training.config import RunConfig, TrainingConfig
from models.training.course import Course
from models.training.data import TrainingData
from models.training.diagnostics import diagnose
from models.training.divergence import DivergedError, refuse_non_finite
from models.training.fitted import FittedModel
from models.training.identity import circumstances, differences, identity_of
from models.training.search import fit_formula
from models.training.snapshot import put_back, take
from models.training.state import OtherRunError, StateFolder, opened
from models.training.trainer import Trainer
from models.training.warm_start import WarmStart

VALIDATION_K = 20
"""List length of the validation metrics, `recall_20` and `ndcg_20`."""


def fit(
    data: TrainingData,
    base: BaseConfig,
    enhancer: EnhancerConfig | None,
    training: TrainingConfig,
    run: RunConfig,
    *,
    state_folder: Path | None = None,
    warm_start: WarmStart | None = None,
) -> FittedModel:
    """Trains until `training.monitor` stops rising on validation and returns the weights of its best epoch.

    With `evaluate_every=0` it trains `max_epochs` epochs and keeps the last. A base model in closed form has no epochs: its
    settings are tried on validation instead (`search`), so that neither a state is kept nor an earlier model started from.
    Same arguments and threads, same bytes on a CPU; also where a `state_folder` is given and the process was killed and
    started again, at any moment.

    Args:
        state_folder: where the state is replaced after every epoch; what lies there of the same run is gone on with.
        warm_start: weights of an earlier model to start from; fresh ones where None.

    Raises:
        LmmrecError: validation is empty but needed, texts are missing, training diverges, or the warm start does not fit.
        OtherRunError: the state folder holds the state of other settings or data.
    """
    if base_spec(base.name).closed_form:
        with _threads(run.threads):
            return fit_formula(data, base, enhancer, training, run)
    if training.evaluate_every and data.validation.nnz == 0:
        raise LmmrecError(
            "the split has no validation interactions, so early stopping has nothing to watch; "
            "carve a validation part out of train, or set evaluate_every=0 and max_epochs to the epochs wanted"
        )
    started_s = time.perf_counter()
    with _threads(run.threads), ExitStack() as stack:
        folder = None
        if state_folder is not None:
            digest = None if warm_start is None else warm_start.digest
            identity = identity_of(data, base, enhancer, training, run.seed, digest)
            folder = stack.enter_context(opened(state_folder, identity))
        trainer = Trainer(data, base, enhancer, training, run)
        if warm_start is not None:
            trainer.start_from(warm_start.initial(trainer.weights(), base, enhancer))
        steps = training if trainer.base.learns_by_steps else training.model_copy(update={"max_epochs": 1})
        fitting = _Fitting(trainer, data, steps, folder)
        fitting.resume()
        resumed_at, before_s = fitting.course.epochs_done, fitting.course.seconds
        fitting.train(f"train {base.name}" if enhancer is None else f"train {enhancer.name} on {base.name}")
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
        history=fitting.course.history,
        best_epoch=fitting.course.chosen_epoch(training),
        seconds=before_s + time.perf_counter() - started_s,
        resumed_at_epoch=resumed_at,
        notes=tuple(fitting.notes),
    )


@dataclass
class _Fitting:
    """One run of the loop: its trainer, how far it is, its best weights, and where its state is kept."""

    trainer: Trainer
    data: TrainingData
    training: TrainingConfig
    folder: StateFolder | None
    course: Course = field(default_factory=Course)
    best_weights: dict[str, Tensor] | None = None
    notes: list[str] = field(default_factory=list)

    def resume(self) -> None:
        """Goes on with what lies in the state folder; says what a reader should know."""
        if self.folder is None:
            return
        found = self.folder.load()
        self.notes += self.folder.notes
        if found is None:
            return
        if changed := differences(found.snapshot.shapes(), take(self.trainer).shapes()):
            raise OtherRunError(self.folder.path, changed)
        put_back(self.trainer, found.snapshot)
        self.course, self.best_weights = found.course, found.best_weights
        self.trainer.first_losses = found.course.first_losses
        if changed := differences(found.circumstances, circumstances(self.trainer.device)):
            self.notes.append(
                f"resumed at epoch {self.course.epochs_done} under other circumstances ({'; '.join(changed)}): "
                "the last digits may differ from those of an undisturbed run"
            )

    def train(self, what: str) -> None:
        """Runs the epochs that are left, and leaves the best weights in the trainer."""
        for note in self.notes:
            warnings.warn(note, stacklevel=3)
        course, training = self.course, self.training
        total = epochs_without_gain(training, max(0, course.best_epoch))
        with track(what, total=total, unit="epochs") as step:
            if course.epochs_done:
                step.started_at_s -= course.seconds
                step.advance(course.epochs_done, "; ".join([f"resumed at epoch {course.epochs_done}", *self.notes]))
            started_s = time.perf_counter() - course.seconds
            while not course.is_over(training):
                told = self._epoch(course.epochs_done)
                course.seconds = time.perf_counter() - started_s
                self._keep()
                step.total = epochs_without_gain(training, max(0, course.best_epoch))
                step.advance(note=told)
        if training.evaluate_every and self.best_weights is not None:
            self.trainer.restore(self.best_weights)

    def _epoch(self, epoch: int) -> str | None:
        """Trains one epoch and looks at validation where it is due; what to tell, None where nothing is new."""
        course, training, note = self.course, self.training, None
        try:
            losses = self.trainer.run_epoch(epoch)
            refuse_non_finite(epoch, take(self.trainer).tensors.items(), losses)
        except DivergedError as error:
            if self.folder is None or epoch == 0:
                raise
            raise DivergedError(
                f"{error}; the good state after epoch {epoch - 1} is kept in {self.folder.path}"
            ) from error
        if training.evaluate_every and epoch % training.evaluate_every == 0:
            entry = {"epoch": epoch} | losses | diagnose(self.trainer, epoch + 1.0)
            entry |= validation_metrics(self.trainer, self.data)
            if course.record(entry, training.monitor):
                self.best_weights = self.trainer.weights()
            best = f"best {course.best_value:.4f} at epoch {course.best_epoch}"
            note = f"{training.monitor} {entry[training.monitor]:.4f} on validation, {best}"
        course.epochs_done, course.first_losses = epoch + 1, self.trainer.first_losses
        return note

    def _keep(self) -> None:
        if self.folder is not None:
            here = circumstances(self.trainer.device)
            self.folder.save(self.course, take(self.trainer), self.best_weights, here)


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
        return self.trainer.base.score_in_training(self.tensors, users)


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
