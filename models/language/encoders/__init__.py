"""Text encoders: texts in, one float32 row each out, in the same order.

`load_encoder` names what there is; a further encoder is one module and one branch there. Which texts are encoded, and
keeping vectors for the next time, belongs to `assets/embeddings`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EncoderName = Literal["minilm", "lsa", "openai", "both"]


@dataclass(frozen=True)
class EncoderConfig:
    """Which encoder, and how it may run."""

    name: EncoderName = "minilm"
    model: str | None = None
    """None means the encoder's own default."""
    threads: int | None = None
    """CPU workers; None means all cores."""
    base_url: str | None = None
    """Endpoint of `openai`; None means the SDK's own default."""
    concurrency: int = 16
    """Requests of `openai` in flight at once."""
    budget_usd: float | None = None
    """Stop before the ledger of this home holds more than this."""
    store: Path = Path("llm.sqlite")
    """Ledger of paid calls."""


class Keeper(Protocol):
    """Takes vectors while others are still being made, so that an interruption costs only what is under way."""

    dimension: int | None
    """Of the vectors of this encoder and model that were kept before; None where there are none."""

    def keep(self, rows: Sequence[int], vectors: NDArray[np.float32]) -> None:
        """Row k of `vectors` (len(rows), dim) belongs to text `rows[k]`; kept when this returns.

        Raises:
            LmmrecError: they are unusable, or cannot be written.
        """
        ...


class TextEncoder(Protocol):
    """Turns texts into vectors."""

    name: str
    """As in the settings."""
    model: str
    """What exactly computes: a name with its version or hash. Together with `name` it is the key of stored vectors."""
    corpus_bound: bool
    """True where a vector depends on the other texts, too, so that it must not be stored by text."""

    def encode(self, texts: Sequence[str], keeper: Keeper | None = None) -> NDArray[np.float32]:
        """(len(texts), dim) float32, row k for text k.

        Args:
            texts: any number, equal ones included.
            keeper: takes vectors as they come; an encoder that makes all at once may leave it aside.

        Raises:
            LmmrecError: the encoder cannot run (package, key or endpoint missing).
        """
        ...


@runtime_checkable
class PartlyKept(Protocol):
    """A corpus-bound encoder of which a part depends on each text alone."""

    kept: TextEncoder
    """That part; its vectors are kept by text."""

    def completed(self, texts: Sequence[str], vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """What `encode` gives, from the vectors of `kept` for the same texts."""
        ...

    def views(self, dim: int) -> tuple[int, ...]:
        """How many of the `dim` columns each of its encoders makes, in their order."""
        ...


def load_encoder(config: EncoderConfig) -> TextEncoder:
    """The encoder of `config`; weights are loaded with the first call of `encode`."""
    if config.name == "minilm":
        from models.language.encoders.minilm import MiniLM

        return MiniLM(config)
    if config.name == "lsa":
        from models.language.encoders.lsa import LatentSemanticAnalysis

        return LatentSemanticAnalysis(config)
    if config.name == "both":
        from models.language.encoders.both import Both

        return Both(config)
    from models.language.encoders.openai_embeddings import OpenAIEmbeddings

    return OpenAIEmbeddings(config)
