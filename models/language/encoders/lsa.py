"""Latent semantic analysis (Deerwester et al. 1990): TF-IDF of one and two words, then a truncated SVD.

The light encoder: no weights, a second for thousands of texts. It is fitted on the very texts that it encodes, so its
vectors are comparable within one catalogue only and are never stored by text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from models.errors import LmmrecError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from models.language.encoders import EncoderConfig, Keeper

MAX_DIMENSION = 256
_MANY_TEXTS = 200
"""From so many texts on, a term must occur in two of them."""
_ITERATIONS = 5
_SEED = 2023


class LatentSemanticAnalysis:
    """TF-IDF (sublinear, 1-2 grams) and SVD of at most 256 dimensions."""

    name = "lsa"
    corpus_bound = True

    def __init__(self, config: EncoderConfig) -> None:
        if config.model is not None:
            raise LmmrecError(f"encoder lsa has no models, but LMMREC_ENCODER_MODEL is '{config.model}': unset it.")
        self.model = f"tfidf-svd-{MAX_DIMENSION}"

    def encode(self, texts: Sequence[str], keeper: Keeper | None = None) -> NDArray[np.float32]:
        """(len(texts), d) float32 of unit length, d = min(256, number of texts - 1, number of terms - 1), at least 1.

        Each component is signed so that its largest loading is positive, which makes signs reproducible. A text without a
        known term points along the first component.
        """
        import numpy as np
        from sklearn.decomposition import TruncatedSVD
        from sklearn.feature_extraction.text import TfidfVectorizer
        from threadpoolctl import threadpool_limits

        minimum = 2 if len(texts) >= _MANY_TEXTS else 1
        try:
            tfidf = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=minimum).fit_transform(texts)
        except ValueError:
            raise LmmrecError("encoder lsa found no words in the texts: set LMMREC_ENCODER=minilm.") from None
        dimension = max(1, min(MAX_DIMENSION, tfidf.shape[0] - 1, tfidf.shape[1] - 1))
        svd = TruncatedSVD(n_components=dimension, random_state=_SEED, algorithm="randomized", n_iter=_ITERATIONS)
        with threadpool_limits(limits=1):  # Sums must not depend on the number of cores.
            reduced = svd.fit_transform(tfidf)
        largest = np.abs(svd.components_).argmax(axis=1)
        reduced = reduced * np.sign(svd.components_[np.arange(dimension), largest])
        length = np.linalg.norm(reduced, axis=1, keepdims=True)
        unknown = length[:, 0] < 1e-12
        vectors: NDArray[np.float32] = (reduced / np.where(length < 1e-12, 1.0, length)).astype(np.float32)
        vectors[unknown] = np.eye(1, dimension, dtype=np.float32)
        return vectors
