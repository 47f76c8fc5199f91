"""Embeddings from any OpenAI-compatible endpoint; the paper's encoder is text-embedding-3-large.

Texts go out in batches; vectors are handed on for keeping before the ledger says that they are paid. A batch that is rejected
is halved until the text to blame stands alone: it fails, the others do not. What counts as a vector is
`embedding_reply.py`; retries and money are `models/language/gateway.py`; keeping vectors by text is the caller's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, Literal

from models.errors import LmmrecError
from models.language.encoders.embedding_reply import UnusableVectorsError, read_vectors
from models.language.gateway import Called, Gateway
from models.language.request_name import request_sha256
from models.language.store import Store
from models.language.text import estimate_tokens
from models.language.verdict import Abort, Ok, Quarantine, Reask, Retry
from models.language.wire import Wire
from models.language.workers import run_in_order
from models.progress import Step, track

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from models.language.encoders import EncoderConfig, Keeper

DEFAULT_MODEL = "text-embedding-3-large"
TEXTS_AT_ONCE = 64
TOKENS_AT_ONCE = 60_000
"""Estimated; OpenAI takes 300,000, and text in other scripts than Latin has up to four times the estimate."""
MOST_CULPRITS = 32
"""So many texts without a vector stop the run: then the fault is not in the texts."""
_QUOTED = 16
"""Characters in common with a text from which on the endpoint's words count as a quotation of it."""


class OpenAIEmbeddings:
    """An encoder behind an endpoint; see `TextEncoder`."""

    name = "openai"
    corpus_bound = False

    def __init__(self, config: EncoderConfig) -> None:
        self._config = config
        self._remote = config.model or DEFAULT_MODEL
        self.model = f"{self._remote}@{config.base_url}" if config.base_url else self._remote

    def encode(self, texts: Sequence[str], keeper: Keeper | None = None) -> NDArray[np.float32]:
        """(len(texts), d) float32 with the endpoint's own d.

        Raises:
            LmmrecError: a text got no vector, dimensions differ, or no text can be encoded any more. What was encoded
                before was handed to `keeper`.
        """
        import numpy as np

        config = self._config
        with Store(config.store) as store, track("encode", total=len(texts), unit="texts") as step:
            gateway = Gateway("embeddings", self._remote, config.base_url, store, config.concurrency, config.budget_usd)
            run = _Run(self._remote, texts, gateway, keeper, step, dimension=keeper.dimension if keeper else None)
            for _ in run_in_order(gateway.wire, run.encode, run.batches(), config.concurrency):
                pass
        run.refuse_culprits()
        vectors = np.zeros((len(texts), run.dimension or 0), dtype=np.float32)
        for rows, some in run.found:
            vectors[list(rows)] = some
        return vectors


@dataclass
class _Run:
    """One call of `encode`, and what has been learned of the endpoint meanwhile."""

    model: str
    texts: Sequence[str]
    gateway: Gateway
    keeper: Keeper | None
    step: Step
    dimension: int | None
    """Of all vectors of this model; None until the first came."""
    found: list[tuple[Sequence[int], NDArray[np.float32]]] = field(default_factory=list)
    culprits: dict[int, str] = field(default_factory=dict)
    """Row -> why it has no vector."""
    texts_at_once: int = TEXTS_AT_ONCE
    encoding: Literal["base64", "float"] = "base64"
    """base64 takes a quarter of the bytes and of the time to read; some servers do not know it."""
    encoding_proven: bool = False
    cost_usd: float = 0.0

    def batches(self) -> Iterator[Sequence[int]]:
        """Rows that are asked for together, as many as the endpoint is known to take."""
        start = 0
        while start < len(self.texts):
            end, tokens = start, 0
            while end < min(len(self.texts), start + self.texts_at_once):
                tokens += estimate_tokens(self.texts[end])
                if tokens > TOKENS_AT_ONCE and end > start:
                    break
                end += 1
            yield range(start, end)
            start = end

    async def encode(self, wire: Wire, rows: Sequence[int], half: bool = False) -> bool:
        """Find the vectors of `rows`, or blame those that have none; True where all were found.

        Args:
            wire: of the run.
            rows: positions in `texts`.
            half: they stood in a batch that was rejected.

        Raises:
            LmmrecError: the endpoint does not answer, or its vectors have another dimension than those before.
        """
        encoding = self.encoding
        called = await self._ask(wire, rows, 1, encoding, last=half)
        if isinstance(called.verdict, Quarantine) and encoding == "base64" and self._may_want_floats:
            called = await self._ask(wire, rows, called.attempts + 1, "float", last=True)
        # Chance may spoil one reply; a half was spoilt before, so only what is blamed in the end is asked twice.
        elif isinstance(called.verdict, Reask) and (not half or len(rows) == 1):
            called = await self._ask(wire, rows, called.attempts + 1, self.encoding, last=True)
        verdict = called.verdict
        if isinstance(verdict, Ok):
            return True
        if isinstance(verdict, Retry):
            raise LmmrecError(
                f"{self.model} gave no vectors after {called.attempts} attempts ({verdict.reason}): run again when the "
                "endpoint answers; what was encoded before is kept."
            )
        reason = verdict.reason if isinstance(verdict, Quarantine) else verdict.complaint
        if len(rows) == 1:
            self._blame(rows[0], reason)
            return False
        middle = len(rows) // 2
        found = [await self.encode(wire, some, half=True) for some in (rows[:middle], rows[middle:])]
        if all(found) and isinstance(verdict, Quarantine):  # No text was to blame: the batch was too large.
            self.texts_at_once = min(self.texts_at_once, len(rows) - middle)
        return all(found)

    @property
    def _may_want_floats(self) -> bool:
        return not self.encoding_proven or self.encoding == "float"

    async def _ask(
        self, wire: Wire, rows: Sequence[int], first: int, encoding: Literal["base64", "float"], last: bool
    ) -> Called[int]:
        """Once, apart from what the gateway repeats; a wrong dimension at the `last` time stops the run."""
        texts = [self.texts[row].encode("utf-8", "replace").decode() for row in rows]  # JSON has no lone surrogates.
        body = {"model": self.model, "input": texts, "encoding_format": encoding}

        async def send() -> Any:
            return await wire.post("/embeddings", body)

        def read(reply: Any) -> Ok[int] | Reask | Abort:
            try:
                vectors = read_vectors(reply, len(rows))
            except UnusableVectorsError as error:
                return Reask(str(error))
            if self.dimension not in (None, vectors.shape[1]):
                said = f"vectors have {vectors.shape[1]} dimensions, those kept before have {self.dimension}"
                remedy = "another model answers under this name: set LMMREC_ENCODER_MODEL to a name of its own"
                return Abort(f"{said}; {remedy}") if last else Reask(said)
            self._take(rows, vectors, encoding)
            return Ok(len(rows))

        name = request_sha256({"model": self.model, "input": texts})
        called = await self.gateway.call(name, send, read, (estimate_tokens(*texts), 0), first)
        self.cost_usd += called.usage.cost_usd
        if isinstance(called.verdict, Ok):
            self.step.advance(len(rows), f"{self.cost_usd:.4f} USD" if self.cost_usd else None)
        return called

    def _take(self, rows: Sequence[int], vectors: NDArray[np.float32], encoding: Literal["base64", "float"]) -> None:
        self.dimension, self.encoding, self.encoding_proven = vectors.shape[1], encoding, True
        self.found.append((rows, vectors))
        if self.keeper is not None:
            self.keeper.keep(rows, vectors)

    def _blame(self, row: int, reason: str) -> None:
        text = self.texts[row]
        common = SequenceMatcher(None, reason, text, autojunk=False).find_longest_match()
        said = "the endpoint's words quote the text" if common.size >= min(_QUOTED, len(text)) else reason
        self.culprits[row] = said
        if len(self.culprits) >= MOST_CULPRITS:
            self.refuse_culprits()

    def refuse_culprits(self) -> None:
        """
        Raises:
            LmmrecError: some texts have no vector.
        """
        if not self.culprits:
            return
        row, reason = min(self.culprits.items())
        digest = hashlib.sha256(self.texts[row].encode("utf-8", "surrogatepass")).hexdigest()
        raise LmmrecError(
            f"{self.model} gave no usable vectors for {len(self.culprits):,} of {len(self.texts):,} texts, the first is "
            f"number {row:,} (sha256 {digest[:16]}, {len(self.texts[row]):,} characters): {reason}; all others that came are "
            "kept, mend or shorten the text, or set another LMMREC_ENCODER."
        )
