"""What each base model is: frozen settings that decide its content. They import no torch, so that recipes can read them.

How a run runs (device, seed, threads) and how it is optimised belong to `models.training.config`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel as Settings
from pydantic import ConfigDict, Field, NonNegativeFloat, NonNegativeInt, PositiveInt


class BaseConfig(Settings):
    """What all base models have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """The base model's name in the registry."""
    dim: PositiveInt = 32
    """d, width of the ID embeddings; 32 in the paper."""
    l2: NonNegativeFloat = 1e-6
    """lambda_Theta, weight of ‖Θ‖² over all parameters; 1e-6 in RLMRec's LightGCN. An enhancer may bring its own."""


class LightGCNConfig(BaseConfig):
    """LightGCN (He et al. 2020) as RLMRec trains it."""

    name: Literal["lightgcn"] = "lightgcn"
    num_layers: NonNegativeInt = 3
    """K, propagation layers; RLMRec uses 3 (Amazon, Yelp) and 2 (Steam). 0 is plain matrix factorisation."""
    combine: Literal["sum", "mean", "last"] = "sum"
    """How x^(0) … x^(K) become x: `sum` in RLMRec's code, `mean` in the LightGCN paper."""
    keep_prob: float = Field(default=0.8, gt=0.0, le=1.0)
    """Share of directed adjacency entries kept in a training step; 0.8 in RLMRec's code, without rescaling."""
