"""What the published methods are that LMMRec is compared with: frozen settings, like those in `config`, without torch.

None of them was published as a plug-in for a base model with ID embeddings: what is ours about each is in docs/rivals.md.
`weight` 0 with `l2` None leaves the base's training as it is, to the bit.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, NonNegativeFloat, PositiveInt

from models.enhancers.config import EnhancerConfig


class RLMRecConConfig(EnhancerConfig):
    """RLMRec-Con (Ren et al., WWW 2024, arXiv 2310.15950): what the graph learns contrasts with mapped texts."""

    name: Literal["rlmrec-con"] = "rlmrec-con"
    l2: NonNegativeFloat | None = 1e-7
    """lambda_Theta; 1e-7 in the authors' code, 1e-8 on Steam."""
    weight: NonNegativeFloat = 1e-2
    """w of the contrast; 1e-2 in the authors' code, 1e-3 on Steam."""
    temperature: float = Field(default=0.2, ge=0.02)
    """tau; 0.2 in the authors' code, 0.1 on Steam. At least 0.02, so that exp(1 / tau) stays a float32."""
    user_negatives: Literal["all", "batch"] = "all"
    """What a user's text is told apart from: every user's, as in the authors' code, or the batch's, which maps fewer texts."""


class RLMRecGenConfig(EnhancerConfig):
    """RLMRec-Gen (the same paper): texts of nodes whose ID rows are masked shall be told from what the graph knows of them."""

    name: Literal["rlmrec-gen"] = "rlmrec-gen"
    l2: NonNegativeFloat | None = 1e-7
    """lambda_Theta, as with RLMRec-Con."""
    weight: NonNegativeFloat = 0.1
    """w of the reconstruction; 0.1 in the authors' code, 0.01 on Yelp."""
    temperature: float = Field(default=0.5, ge=0.02)
    """tau; 0.5 in the authors' code, 0.1 on Yelp. At least 0.02, so that exp(1 / tau) stays a float32."""
    masked_share: float = Field(default=0.15, gt=0.0, le=1.0)
    """Share of all nodes whose ID rows are masked in a step; 0.15 in the authors' code, 0.05 on Yelp."""


class UISTConfig(EnhancerConfig):
    """UIST (Liu et al., WWW 2024 companion, arXiv 2403.08206): texts as tokens, and a mixture of scores over their levels."""

    name: Literal["uist"] = "uist"
    l2: NonNegativeFloat | None = 1e-6
    """lambda_Theta, over token rows, too."""
    weight: float = Field(default=0.1, ge=0.0, lt=1.0)
    """Share of the score in which tokens take part, where training starts; it is learned from there. 0 makes no tokens."""
    levels: PositiveInt = 3
    """L, tokens of one text; 3 in an export of the authors' code."""
    codes: PositiveInt = 64
    """Tokens of one level and side to choose from; 64 there."""
    score: Literal["mixture", "last"] = "mixture"
    """`mixture`: every level of a user with every level of an item; `last`: the finest levels alone, at a quarter the cost."""

    def scored_dim(self, dim: int) -> int:
        return (self.levels + 1) * dim if self.weight > 0.0 and self.score == "mixture" else dim


class AutoGraphConfig(EnhancerConfig):
    """AutoGraph (Shan et al., KDD 2025, arXiv 2412.18241): rows gathered over latent factors of the texts are added to x."""

    name: Literal["autograph"] = "autograph"
    weight: NonNegativeFloat = 1.0
    """Of what is added; the method has 1. 0 makes no factors."""
    aggregator: Literal["mean", "gat"] = "mean"
    """Equal shares, or attention as in the authors' code, which costs several times as much on a CPU."""
    levels: PositiveInt = 3
    """Levels of the residual quantiser; 3 in the authors' code."""
    codes: PositiveInt = 256
    """Latent factors of one level and side; 300 (users) and 256 (items) in the authors' notes on books."""
    max_neighbours: PositiveInt = 15
    """Train neighbours that a row is gathered from, at most; 15 in the authors' code."""
    heads: PositiveInt = 2
    """Of the attention; 2 in the authors' code."""
    dropout: float = Field(default=0.1, ge=0.0, lt=1.0)
    """Of what is added; 0.1 in the authors' code."""


class ONCEConfig(EnhancerConfig):
    """ONCE (Liu et al., WSDM 2024, arXiv 2305.06566): texts enter the ID rows, and cold users get an edge from their text."""

    name: Literal["once"] = "once"
    weight: NonNegativeFloat = 1.0
    """Of what the adapter adds to the ID rows. 0 leaves out all of ONCE, its edges, too."""
    adapter_width: PositiveInt = 64
    """Hidden width of the adapter of each side; ours, it stands for fine-tuning the encoder."""
    edges: bool = True
    """Whether cold users get an edge to an item that their text describes."""
    cold_items: PositiveInt = 5
    """Train items up to which a user is cold; 5 in the authors' code."""
    least_cosine: float = Field(default=0.5, ge=-1.0, le=1.0)
    """Of an item's text to the user's, below which no edge is made; ours."""
    edge_weight: float = Field(default=0.5, gt=0.0, le=1.0)
    """Of such an edge, where a train pair has 1; ours."""
