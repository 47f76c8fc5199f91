"""MiniLM and latent semantics side by side: what a text means, and the very words it says it with.

On long item texts the two together were as good as the better of both, and which one that is differs from catalogue to
catalogue. The words' half and the centring depend on all texts, so that only MiniLM's half is kept by text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from models.errors import LmmrecError
from models.language.encoders.lsa import LatentSemanticAnalysis
from models.language.encoders.minilm import DIMENSION, MiniLM

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from models.language.encoders import EncoderConfig, Keeper


class Both:
    """Each view at length 1, concatenated, centred on the mean of all texts, at length 1."""

    name = "both"
    corpus_bound = True

    def __init__(self, config: EncoderConfig) -> None:
        if config.model is not None:
            raise LmmrecError(f"encoder both has no models, but LMMREC_ENCODER_MODEL is '{config.model}': unset it.")
        self.kept = MiniLM(replace(config, name="minilm"))
        self._words = LatentSemanticAnalysis(replace(config, name="lsa"))
        self.model = f"{self.kept.model}+{self._words.model}"

    def encode(self, texts: Sequence[str], keeper: Keeper | None = None) -> NDArray[np.float32]:
        """(len(texts), 384 + d) float32 of unit length, d that of encoder lsa."""
        return self.completed(texts, self.kept.encode(texts, keeper))

    def views(self, dim: int) -> tuple[int, ...]:
        return DIMENSION, dim - DIMENSION

    def completed(self, texts: Sequence[str], vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """The same, where MiniLM's `vectors` (len(texts), 384) are there already.

        A text that lies on the mean, as the only one does, has nothing but its uncentred vector.
        """
        import numpy as np

        from models.closed_form.text_part import centred, unit_rows

        words = self._words.encode(texts)
        found = centred(vectors, words)
        silent = ~found.any(axis=1)
        joined = np.concatenate([unit_rows(vectors), unit_rows(words)], axis=1)
        found[silent] = unit_rows(joined)[silent].astype(np.float32)
        return found
