"""What each enhancer is: frozen settings that decide its content. They import no torch, so that recipes can read them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel as Settings
from pydantic import ConfigDict, Field, NonNegativeFloat, PositiveFloat, PositiveInt


class EnhancerConfig(Settings):
    """What all enhancers have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """The enhancer's name in the registry."""
    l2: NonNegativeFloat | None = None
    """lambda_Theta over all trainable parameters, the base's among them; None keeps the base's own weight."""

    def scored_dim(self, dim: int) -> int:
        """Width of the rows that are scored with, where those of the base alone have width `dim`."""
        return dim


class LMMRecConfig(EnhancerConfig):
    """LMMRec (arXiv 2602.05474); open points are decided in docs/method.md"""

    name: Literal["lmmrec"] = "lmmrec"
    l2: NonNegativeFloat | None = 1e-7
    """lambda_Theta; 1e-7 in the sibling code, no value in the paper."""
    weight: NonNegativeFloat = 0.01
    """lambda, weight of the whole bracket L'_MCS + gamma·L_ICM; the paper hides it, 0.01 (Yelp), 0.02, 0.005 (Steam)."""
    icm_weight: NonNegativeFloat = 0.5
    """gamma, weight of L_ICM inside the bracket; 0 builds no teacher (the ablation w/o ICM)."""
    interaction_from: Literal["layers", "ids"] = "layers"
    """What prototypes read: x^(0) … x^(K), or x^(0) alone (the ablation w/o GCN)."""
    text_from: Literal["texts", "ids"] = "texts"
    """What the text tower reads: text vectors, or the detached ID rows (the ablation w/o TM)."""
    similarity: Literal["cosine", "dot"] = "cosine"
    """v of eq. (7) and the product of eq. (9); the paper leaves v open, and a temperature of 0.2 needs the cosine."""
    negatives: Literal["batch", "all"] = "batch"
    """Denominator of eq. (7): the distinct ids of the role in the batch, or every entity of its side (much slower)."""
    mcs_weight: NonNegativeFloat = 1.0
    """Weight of L'_MCS inside the bracket, 1 in eq. (10); 0 is the ablation w/o MCS."""
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
    teacher_share: float = Field(default=1.0, ge=0.0, le=1.0)
    """alpha: L_ICM follows alpha·teacher + (1 - alpha)·identity; 1 is eq. (9), 0.4 in ALBEF."""
    teacher_graph_output: Literal["p", "x"] = "p"
    """What the teacher matches texts with: its prototypes' p', or its propagated x'."""
    momentum: float = Field(default=0.999, ge=0.0, lt=1.0)
    """m, the teacher's share of itself in one update, at most; 0.999 in the sibling code."""
    momentum_ramp: bool = True
    """Starts at m_t = min(m, (1 + t) / (10 + t)), so that the teacher does not stay at the initial weights."""
    warmup_epochs: NonNegativeFloat = 1.0
    """Epochs with L_ICM off, and then as many again in which its weight rises linearly to gamma; 0 starts at gamma."""
    perturbation: NonNegativeFloat = 0.0
    """sigma: above 0, L'_MCS is averaged with that of p·(1 + sigma·n) and h·(1 + sigma·n), n normal; no equation."""
    gradient_to_base: bool = True
    """Whether the losses reach the base's embeddings; without, only tower and prototypes learn from them."""
    score_fusion: Literal["none", "p", "p+h"] = "none"
    """Adds beta_p·p (and beta_h·h) to x before scoring, beta learned from 0; the paper prints no fusion."""


LMMREC_VARIANTS: dict[str, dict[str, Any]] = {
    "without-mcs": {"mcs_weight": 0.0},
    "without-icm": {"icm_weight": 0.0},
    "without-gcn": {"interaction_from": "ids"},
    "without-tm": {"text_from": "ids"},
    "perturbed": {"perturbation": 0.5},
}
"""Settings that turn LMMRec into an ablation of Table II, or into the perturbed form of its introduction."""


class TextPriorConfig(EnhancerConfig):
    """Item texts beside a base model in closed form (`models.closed_form`); form and weight are chosen on validation."""

    name: Literal["text-prior"] = "text-prior"
    form: Literal["chosen", "none", "kernel", "prior", "map", "cosine"] = "chosen"
    """`kernel`: texts as further rows under the interactions; `prior`: the ridge draws B toward F W F'; `map`: the learned
    (x F) W F' beside the base's score; `cosine`: the same with W = I; `none`: the base alone, to the bit."""
    weight: NonNegativeFloat = 0.0
    """w of `kernel`, c of the others; nothing where the form is `chosen` or `none`."""
    shrinkage: PositiveFloat = 0.1
    """mu of W, in units of the mean eigenvalue; read by `prior` and `map`."""
    popularity_shift: float = Field(default=0.0, ge=-1.0, le=1.0)
    """Added to the base's popularity power, since texts lift rare items, too; read by `kernel` and `prior`."""
    view_shares: tuple[NonNegativeFloat, ...] = ()
    """How much each view counts where an encoder gives several, as `both` does: one share a view, or none for equal ones."""
    significance: float = Field(default=0.01, gt=0.0, le=1.0)
    """Texts are taken, and one form of them in place of another, only where the gain on validation has a paired p below
    this: the best of two dozen settings is above the base by chance, too, and a shuffled text shall not."""
