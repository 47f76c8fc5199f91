"""Embeddings from any OpenAI-compatible endpoint; the paper's encoder is text-embedding-3-large.

Rows are joined by the index that the endpoint states, and whatever is no finite vector of one dimension for each text is
refused. Retries and money are `models/language/gateway.py`; keeping vectors by text is the caller's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from models.errors import LmmrecError
from models.language.gateway import Gateway, GivenUpError
from models.language.store import Store, request_sha256
from models.language.text import estimate_tokens
from models.language.workers import run_bounded
from models.progress import track

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from openai import AsyncOpenAI

    from models.language.encoders import EncoderConfig

DEFAULT_MODEL = "text-embedding-3-large"
_TEXTS_AT_ONCE = 64
_REPEATS = 2
"""A response that cannot be used is asked for again so many times."""


class OpenAIEmbeddings:
    """An encoder behind an endpoint; see `TextEncoder`."""

    name = "openai"
    corpus_bound = False

    def __init__(self, config: EncoderConfig) -> None:
        self._config = config
        self._remote = config.model or DEFAULT_MODEL
        self.model = f"{self._remote}@{config.base_url}" if config.base_url else self._remote

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(len(texts), d) float32 with the endpoint's own d.

        Raises:
            LmmrecError: a batch could not be encoded, or dimensions differ between batches.
        """
        import numpy as np

        starts = range(0, len(texts), _TEXTS_AT_ONCE)
        found: dict[int, NDArray[np.float32]] = {}
        with Store(self._config.store) as store, track("encode", total=len(texts), unit="texts") as step:
            gateway = Gateway("embeddings", self._remote, self._config.base_url, self._config.budget_usd, store)

            async def encode(client: AsyncOpenAI, start: int) -> tuple[int, NDArray[np.float32]]:
                return start, await self._encode(client, gateway, list(texts[start : start + _TEXTS_AT_ONCE]))

            for start, vectors in run_bounded(gateway.client, encode, starts, self._config.concurrency):
                found[start] = vectors
                step.advance(len(vectors))
        widths = {vectors.shape[1] for vectors in found.values()}
        if len(widths) > 1:
            raise LmmrecError(
                f"{self._remote} returned vectors of different dimensions {sorted(widths)}: check the endpoint."
            )
        if not found:
            return np.zeros((0, 0), dtype=np.float32)
        return np.concatenate([found[start] for start in starts])

    async def _encode(self, client: AsyncOpenAI, gateway: Gateway, texts: list[str]) -> NDArray[np.float32]:
        name = request_sha256({"model": self._remote, "input": texts})
        expected = estimate_tokens(*texts), 0
        number, problem = 0, ""
        try:
            for _ in range(1 + _REPEATS):
                response, _, number = await gateway.call(
                    name,
                    lambda: client.embeddings.create(model=self._remote, input=texts, encoding_format="float"),
                    expected,
                    number + 1,
                )
                vectors, problem = _in_order(response, len(texts))
                if vectors is not None:
                    return vectors
        except GivenUpError as error:
            problem = error.reason
        raise LmmrecError(f"{self._remote} gave no usable vectors for {len(texts)} texts: {problem}.")


def _in_order(response: Any, count: int) -> tuple[NDArray[np.float32] | None, str]:
    """((count, d) float32 in the order of the texts, or None; what is wrong)."""
    import numpy as np

    rows = {entry.index: entry.embedding for entry in getattr(response, "data", None) or []}
    if sorted(rows) != list(range(count)):
        return None, f"{len(rows)} vectors came, or their indices are wrong"
    if len({len(row) for row in rows.values()}) != 1:
        return None, "vectors of different dimensions"
    try:
        vectors = np.asarray([rows[at] for at in range(count)], dtype=np.float32)
    except (TypeError, ValueError):
        return None, "vectors hold something that is no number"
    if vectors.shape[1] == 0 or not np.isfinite(vectors).all() or not vectors.any(axis=1).all():
        return None, "vectors are empty, zero or not finite"
    return vectors, ""
