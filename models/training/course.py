"""How far one training run is: epochs done, history, the best epoch, and whether it ends here.

Plain numbers that go through JSON unchanged; weights and generators belong to `snapshot`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from models.training.config import TrainingConfig


@dataclass
class Course:
    """Changes once an epoch."""

    epochs_done: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    """One entry per evaluation: epoch, loss terms of that epoch, validation metrics."""
    best_epoch: int = -1
    """Epoch of the best evaluation so far; -1 before the first."""
    best_value: float = -1.0
    """Its value of the monitored metric."""
    without_gain: int = 0
    """Evaluations since the best one."""
    first_losses: dict[str, float] = field(default_factory=dict)
    """Each loss term in the step in which it first appeared."""
    seconds: float = 0.0
    """Wall seconds of the epochs done, over all processes that did them."""

    def is_over(self, training: TrainingConfig) -> bool:
        """True when the epochs or the patience are used up."""
        impatient = training.evaluate_every > 0 and self.without_gain >= training.patience
        return impatient or self.epochs_done >= training.max_epochs

    def record(self, entry: dict[str, float], monitor: str) -> bool:
        """Takes one evaluation in; True where it is the best so far."""
        self.history.append(entry)
        self.without_gain += 1
        if entry[monitor] <= self.best_value:
            return False
        self.best_epoch, self.best_value, self.without_gain = int(entry["epoch"]), entry[monitor], 0
        return True

    def chosen_epoch(self, training: TrainingConfig) -> int:
        """The epoch whose weights are kept: the best, or the last where validation is never looked at."""
        return self.best_epoch if training.evaluate_every else self.epochs_done - 1
