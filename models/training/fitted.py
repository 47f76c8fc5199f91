"""A trained model as tensors and settings: what `fit` returns, a checkpoint stores and the evaluator ranks with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.bases import BaseConfig, base_spec
from models.enhancers import EnhancerConfig
from models.errors import LmmrecError
from models.training.config import TrainingConfig


@dataclass(frozen=True)
class FittedModel:
    """Scores without graph, text or training code."""

    base: BaseConfig
    enhancer: EnhancerConfig | None
    training: TrainingConfig
    seed: int
    num_users: int
    num_items: int
    final: Mapping[str, Tensor]
    """The tensors that the base model's `score` reads; their names and shapes are its `final_shapes`."""
    parameters: Mapping[str, Tensor]
    """The trained weights of the chosen epoch, by name."""
    history: list[dict[str, Any]]
    """One entry per evaluation: epoch, loss terms of that epoch, validation metrics."""
    best_epoch: int
    """The epoch whose weights these are, counted from 0."""
    seconds: float = 0.0
    """Wall seconds of training, over all processes that took part; 0 where the model was loaded."""
    resumed_at_epoch: int = 0
    """Epochs that an earlier process had done; 0 where training started in this one."""
    notes: tuple[str, ...] = ()
    """What was said about resuming; empty where there was nothing to say."""

    @torch.no_grad()
    def score(self, user_idx: np.ndarray) -> Tensor:
        """(batch,) user indices -> (batch, items) float32 scores of all items, on the device of the model."""
        users = torch.as_tensor(user_idx, dtype=torch.int64, device=next(iter(self.final.values())).device)
        if len(users) and (int(users.min()) < 0 or int(users.max()) >= self.num_users):
            raise LmmrecError(
                f"user indices must lie in 0 … {self.num_users - 1}, got {int(users.min())} … {int(users.max())}"
            )
        return self._scorer(users)

    @cached_property
    def _scorer(self) -> Callable[[Tensor], Tensor]:
        return base_spec(self.base.name).scored().scorer(self.final)
