"""What each enhancer is: frozen settings that decide its content. They import no torch, so that recipes can read them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel as Settings
from pydantic import ConfigDict, Field, NonNegativeFloat, PositiveFloat, PositiveInt


class EnhancerConfig(Settings):
    """What all enhancers have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """The enhancer's name in the registry."""
    l2: NonNegativeFloat | None = None
    """lambda_Theta over all trainable parameters, the base's among them; None keeps the base's own weight."""


class LMMRecConfig(EnhancerConfig):
    """LMMRec (arXiv 2602.05474); open points are decided in docs/method.md"""

    name: Literal["lmmrec"] = "lmmrec"
    l2: NonNegativeFloat | None = 1e-7
    """lambda_Theta; 1e-7 in the sibling code, no value in the paper."""
    weight: NonNegativeFloat = 0.01
    """lambda, weight of the whole bracket L'_MCS + gamma·L_ICM; the paper hides it, 0.01 (Yelp), 0.02, 0.005 (Steam)."""
    icm_weight: NonNegativeFloat = 0.5
    """gamma, weight of L_ICM inside the bracket; 0 builds no teacher (the ablation w/o ICM)."""
    num_prototypes: PositiveInt = 128
    """I, motivation prototypes of each side; 128 in the sibling code."""
    prototype_temperature: PositiveFloat = 1.0
    """tau_p of eq. (6); the paper prints none, which is 1."""
    contrast_temperature: float = Field(default=0.2, ge=0.02)
    """psi of eq. (7); 0.2 in the sibling code. At least 0.02, so that exp(1 / psi) stays a float32."""
    correspondence_temperature: float = Field(default=0.2, ge=0.02)
    """tau of eq. (9); the paper prints none. At least 0.02 likewise."""
    symmetric: bool = False
    """Adds the text-to-interaction direction to eq. (7); the paper prints interaction to text alone."""
    momentum: float = Field(default=0.999, ge=0.0, lt=1.0)
    """m, the teacher's share of itself in one update, at most; 0.999 in the sibling code."""
    momentum_ramp: bool = True
    """Starts at m_t = min(m, (1 + t) / (10 + t)), so that the teacher does not stay at the initial weights."""
    warmup_epochs: NonNegativeFloat = 1.0
    """Epochs with L_ICM off, and then as many again in which its weight rises linearly to gamma; 0 starts at gamma."""
    score_fusion: Literal["none", "p", "p+h"] = "none"
    """Adds beta_p·p (and beta_h·h) to x before scoring, beta learned from 0; the paper prints no fusion."""
