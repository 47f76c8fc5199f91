"""How a model is optimised (`TrainingConfig`, decides content) and how this run runs (`RunConfig`, device and threads).

What a model is belongs to `models.bases.config` and `models.enhancers.config`. No torch in here: recipes read it.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel as Settings
from pydantic import ConfigDict, NonNegativeInt, PositiveFloat, PositiveInt


class TrainingConfig(Settings):
    """Optimisation and early stopping; the same for a base and for its enhanced versions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch_size: PositiveInt = 4096
    """Training pairs a step; 512 in the LMMRec paper, 4,096 in RLMRec."""
    learning_rate: PositiveFloat = 1e-3
    """Adam's rate; 0.003 in the LMMRec paper, 0.001 in RLMRec."""
    max_epochs: PositiveInt = 3000
    """Passes over the training pairs at most; 3,000 in RLMRec."""
    evaluate_every: NonNegativeInt = 3
    """Epochs between two looks at validation, the first after epoch 0; 0 never looks and keeps the last epoch."""
    patience: PositiveInt = 5
    """Evaluations without a new best before training stops; 5 in RLMRec."""
    monitor: Literal["recall_20", "ndcg_20"] = "recall_20"
    """The validation metric that chooses the epoch; Recall@20 in RLMRec."""


PRESETS: dict[str, TrainingConfig] = {
    "lmmrec": TrainingConfig(batch_size=512, learning_rate=3e-3),
    "rlmrec": TrainingConfig(batch_size=4096, learning_rate=1e-3),
    "budget": TrainingConfig(batch_size=8192, learning_rate=1.5e-2, max_epochs=45, patience=3),
}
"""`lmmrec`: batch and rate printed in the LMMRec paper; `rlmrec`: the reference code behind the comparison numbers; `budget`:
ours, for hundreds of trainings on a small machine, which end sooner and somewhat lower."""


class RunConfig(Settings):
    """How this run runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: NonNegativeInt = 2023
    """Seed of every random stream; same seed, same bytes on a CPU."""
    device: str = "cpu"
    """`cpu`, `cuda` or `cuda:N`; never guessed in here."""
    threads: PositiveInt | None = None
    """CPU threads of torch while training; None leaves what the process has."""
