"""What each base model is: frozen settings that decide its content. They import no torch, so that recipes can read them.

How a run runs (device, seed, threads) and how it is optimised belong to `models.training.config`.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel as Settings
from pydantic import ConfigDict, Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator


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

    name: str = "lightgcn"
    num_layers: NonNegativeInt = 3
    """K, propagation layers; RLMRec uses 3 (Amazon, Yelp) and 2 (Steam). 0 is plain matrix factorisation."""
    combine: Literal["sum", "mean", "last"] = "sum"
    """How x^(0) … x^(K) become x: `sum` in RLMRec's code, `mean` in the LightGCN paper."""
    keep_prob: float = Field(default=0.8, gt=0.0, le=1.0)
    """Share of directed adjacency entries kept in a training step; 0.8 in RLMRec's code, without rescaling."""


GAMMAS = (0.0, 0.5, 1.0)


class PolyCFSignalConfig(BaseConfig):
    """The signal form of PolyCF (Qin et al., arXiv 2401.12590, as we reconstruct it): a learned filter, no embeddings."""

    name: Literal["polycf-signal"] = "polycf-signal"
    dim: Literal[0] = 0
    """No ID embeddings: nothing that an enhancer could reach."""
    gammas: tuple[float, ...] = Field(default=GAMMAS, min_length=1)
    """Gamma, the powers of the user degree in R_gamma = D_U^-gamma R D_I^-(1-gamma); 0, 1/2 and 1 in a follower's code."""
    degree: PositiveInt = 3
    """K, highest power of the Gram filters."""
    ranks: tuple[PositiveInt, ...] = Field(default=(8, 16, 32, 64, 128), min_length=1)
    """r, how many singular vectors each of the nested ideal low passes keeps, ascending; beyond the data's own rank they
    coincide. Nested, so that the weights say how many the data want: 16 on the demo, 64 to 128 on Amazon-book."""
    theta: tuple[tuple[float, ...], ...] | None = None
    """Weights of the powers, one row per gamma with K entries; None learns them."""
    omega: tuple[float, ...] | None = None
    """Weights of the ideal low passes, one per rank, (0.3,) in GF-CF; None learns them."""
    held_out: float = Field(default=0.2, gt=0.0, lt=1.0)
    """rho, share of each user's train items that are targets while the weights are learned."""
    negatives: PositiveInt = 8
    """Uniform negatives per target."""
    recovery: NonNegativeFloat = 0.3
    """eta, weight of the squared recovery of held-out entries against ranking; chosen on validation of Amazon-book."""
    shrinkage: PositiveFloat = 1e-4
    """kappa, weight of ‖(theta, omega)‖²; above 0, so that the minimum is one point, nested though the low passes are."""
    fit_users: PositiveInt = 8192
    """Users at most whose targets are learned from: a dozen numbers need no more."""

    @model_validator(mode="after")
    def _theta_fits(self) -> Self:
        if self.theta is not None and [len(row) for row in self.theta] != [self.degree] * len(self.gammas):
            raise ValueError(f"theta needs {len(self.gammas)} rows (one per gamma) of {self.degree} (powers 1 … K)")
        if list(self.ranks) != sorted(set(self.ranks)):
            raise ValueError(f"ranks must ascend without repeats, not {self.ranks}")
        if self.omega is not None and len(self.omega) != len(self.ranks):
            raise ValueError(f"omega needs {len(self.ranks)} entries, one per rank")
        return self


class PolynomialConfig(BaseConfig):
    """The embedding side of PolyCF, our own: the same polynomial on the user-item graph, over ID embeddings."""

    gammas: tuple[float, ...] = Field(default=GAMMAS, min_length=1)
    """Gamma as in the signal form; 1/2 is the adjacency of LightGCN."""
    degree: PositiveInt = 3
    """K, propagation layers; 3 as in LightGCN."""
    rank: PositiveInt = 128
    """r, singular vectors of the ideal low pass."""
    theta: tuple[tuple[float, ...], ...] | None = None
    """Weights of the layers, one row per gamma with K + 1 entries; None is 1 / |Gamma| each."""
    omega: float = 0.3
    """Weight of the ideal low pass; 0 leaves it out."""
    learn_weights: bool = False
    """Whether theta and omega are learned with E by BPR, from these values. Off: learned, they raise the ID layer's share and
    overfit (demo, validation Recall@20: 0.272 learned, 0.298 fixed)."""
    keep_prob: float = Field(default=0.8, gt=0.0, le=1.0)
    """Share of directed adjacency entries kept in a training step, as in LightGCN."""

    @model_validator(mode="after")
    def _theta_fits(self) -> Self:
        if self.theta is not None and [len(row) for row in self.theta] != [self.degree + 1] * len(self.gammas):
            raise ValueError(f"theta needs {len(self.gammas)} rows (one per gamma) of {self.degree + 1} (layers 0 … K)")
        return self


class PolyCFEmbeddingConfig(PolynomialConfig):
    """The embedding form of PolyCF."""

    name: Literal["polycf-embedding"] = "polycf-embedding"


class PolyCFConfig(PolynomialConfig):
    """PolyCF as enhancers meet it: the signal form's score plus beta times that of embeddings, our own combination."""

    name: Literal["polycf"] = "polycf"
    signal: PolyCFSignalConfig = PolyCFSignalConfig()
    """The filter, learned first and then fixed."""
    beta: PositiveFloat = 0.2
    """Weight of the embeddings' score beside the filter's in units of its spread; where `guard` is one, its first value."""
    guard: Literal["apart", "folds", "self-loop"] = "apart"
    """`apart` trains the embeddings by their own BPR, beta fixed: nothing of the filter can leak. The others train them and
    beta on the whole score, a train pair's filter score made by a filter of the other four fifths of the pairs, or by the
    whole filter without the pair's own entry in the signal; they learn the filter's residue, and overfit (docs/polycf.md)."""


EASE_MAX_ITEMS = 30_000
"""EASE is a dense (items, items) float32 matrix: 3.6 GB at this size."""


class EaseConfig(BaseConfig):
    """EASE (Steck 2019) with EDLAE's noise (Steck 2020), user weighting and popularity power; None is chosen on validation."""

    name: Literal["ease"] = "ease"
    dim: Literal[0] = 0
    """No ID embeddings."""
    regularisation: PositiveFloat | None = None
    """lambda, in units of the mean squared entry of X."""
    dropout: NonNegativeFloat | None = None
    """rho, weight of diag(G) in the ridge: drop-out of a share rho / (1 + rho) of each history; 0 is EASE."""
    user_power: float | None = Field(default=None, ge=0.0, le=1.0)
    """a: histories are weighted by their length^-a; 0 is EASE, 1/2 lets every user count the same."""
    popularity_power: float | None = Field(default=None, ge=-1.0, le=1.0)
    """delta: scores are multiplied by n^-delta, n the item's train interactions; 0 is EASE."""


class GFCFConfig(BaseConfig):
    """GF-CF (Shen et al. 2021) with a popularity power; None is chosen on validation."""

    name: Literal["gfcf"] = "gfcf"
    dim: Literal[0] = 0
    """No ID embeddings."""
    rank: PositiveInt | None = None
    """r, singular vectors of the ideal low pass."""
    alpha: NonNegativeFloat | None = None
    """Weight of the ideal low pass; 0.3 in the paper."""
    popularity_power: float | None = Field(default=None, ge=-1.0, le=1.0)
    """delta, as in EASE; 0 is GF-CF."""


class BPRMFConfig(LightGCNConfig):
    """Matrix factorisation with BPR (Rendle et al. 2009): LightGCN without propagation."""

    name: str = "bprmf"
    num_layers: NonNegativeInt = 0
    """K; no propagation."""
    keep_prob: float = Field(default=1.0, gt=0.0, le=1.0)
    """There are no edges to drop."""


class WeightedGCLConfig(BaseConfig):
    """WeightedGCL (Xu et al., SIGIR 2025); what sparse data need beyond the published settings stands in docs/method.md."""

    name: str = "weightedgcl"
    l2: NonNegativeFloat = 1e-5
    """lambda_Theta over all parameters; 0 in the published code, whose own term (`ego_norm`) is too weak on small splits."""
    num_layers: PositiveInt = 3
    """K, propagation layers; 2 in the published code (grid 2, 3, 4)."""
    ids_in_mean: bool = True
    """Whether x^(0) belongs to x; the published code leaves it out, which small splits do not bear."""
    combine: Literal["mean", "sum"] = "sum"
    """How the layers become x; the mean in the published code."""
    keep_prob: float = Field(default=1.0, gt=0.0, le=1.0)
    """Share of directed adjacency entries kept in a step; the published code drops none."""
    noise_layers: Literal["last", "every"] = "last"
    """Where the perturbed passes get their noise: after the deepest layer (WeightedGCL) or after each (SimGCL)."""
    noise: NonNegativeFloat = 0.9
    """epsilon, Euclidean length of each node's noise; 0.1 in the published code, far below the length of trained rows."""
    excitation: bool = True
    """Weighs the features of each view by squeeze and excitation; SimGCL does not."""
    contrast_weight: NonNegativeFloat = 0.3
    """lambda_cl, weight of the contrast of users plus that of items, each averaged over distinct nodes of the batch.

    The published 1e-3 multiplies a sum over nodes: about 0.5 at batch 512 and 3 at batch 4,096.
    """
    contrast_temperature: float = Field(default=0.2, ge=0.02)
    """tau of the contrast; 0.2 in the published code (grid 0.2, 0.4, 0.6, 0.8)."""
    ego_norm: NonNegativeFloat = 1e-4
    """Weight of (‖E_u‖ + ‖E_i+‖ + ‖E_i-‖) / B over the batch's ID rows, norms not squared; 1e-4 in the published code."""


PUBLISHED_WEIGHTEDGCL = WeightedGCLConfig(
    l2=0.0, num_layers=2, ids_in_mean=False, combine="mean", noise=0.1, contrast_weight=0.5
)
"""The published settings, with the sum over nodes turned into a mean at batch 512."""


class SimGCLConfig(WeightedGCLConfig):
    """SimGCL (Yu et al., SIGIR 2022) as RLMRec trains it: noise of length 0.9 on every layer, no excitation, K = 3, summed."""

    name: str = "simgcl"
    noise_layers: Literal["last", "every"] = "every"
    """Noise after each layer."""
    excitation: bool = False
    """No squeeze and excitation."""
    contrast_weight: NonNegativeFloat = 0.1
    """lambda_cl; 0.1 in RLMRec's code, averaged over the rows of the batch."""
    ego_norm: NonNegativeFloat = 0.0
    """RLMRec regularises all parameters instead (`l2`, 1e-5)."""
