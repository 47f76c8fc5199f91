"""Validated motivations to one vector for each user and item, in the order of their indices.

Only the summary is encoded. What comes out is finite, of one dimension and never zero, or nothing is written. Which
encoder runs is a setting; what is kept for the next time is `vectors.py`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.embeddings.vectors import VectorStore, text_sha256
from assets.settings import Settings
from assets.tables import connect, write_frame
from models.errors import LmmrecError
from models.language.encoders import EncoderConfig, PartlyKept, TextEncoder, load_encoder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def encoder_of(settings: Settings, home: Path) -> TextEncoder:
    """The encoder that the settings name, with the ledger of `home`."""
    return load_encoder(
        EncoderConfig(
            name=settings.encoder,
            model=settings.encoder_model,
            threads=settings.threads,
            base_url=settings.openai_base_url,
            concurrency=settings.chat_concurrency,
            budget_usd=settings.chat_budget_usd,
            store=home / "llm.sqlite",
        )
    )


def write_embeddings(motivations: Path, encoder: TextEncoder, store: Path, folder: Path) -> dict[str, Any]:
    """Write `users.npy`, `items.npy` (float32), `rows.parquet` and `encoder.json`; return counts.

    Args:
        motivations: folder of `validated_motivations`.
        encoder: who encodes.
        store: the SQLite file of vectors kept by text.
        folder: where the files go.

    Raises:
        LmmrecError: indices have gaps, or the encoder returned something that is no vector for each text.
    """
    import numpy as np
    import pandas as pd

    texts = {entity: read_summaries(motivations, entity) for entity in ("user", "item")}
    together = [*texts["user"], *texts["item"]]
    hashes = [text_sha256(text) for text in together]
    vectors, encoded = encode_once(together, hashes, encoder, store)
    _refuse_unusable(vectors, len(together), encoder)
    users = len(texts["user"])
    np.save(folder / "users.npy", vectors[:users], allow_pickle=False)
    np.save(folder / "items.npy", vectors[users:], allow_pickle=False)
    entities = ["user"] * users + ["item"] * len(texts["item"])
    indices = [*range(users), *range(len(texts["item"]))]
    rows = pd.DataFrame({"entity": entities, "entity_idx": indices, "text_sha256": hashes})
    write_frame(rows, folder / "rows.parquet", {"entity": "VARCHAR", "entity_idx": "BIGINT", "text_sha256": "VARCHAR"})
    about: dict[str, Any] = {"encoder": encoder.name, "model": encoder.model, "dim": int(vectors.shape[1])}
    if isinstance(encoder, PartlyKept):
        about["views"] = list(encoder.views(about["dim"]))
    (folder / "encoder.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return {
        **about,
        "users": users,
        "items": len(texts["item"]),
        "texts_encoded": encoded,
        "texts_reused": len(together) - encoded,
    }


def encode_once(
    texts: Sequence[str], hashes: Sequence[str], encoder: TextEncoder, store: Path
) -> tuple[NDArray[np.float32], int]:
    """((n, d) float32 in the order of `texts`, number of texts that had to be encoded); equal texts count once."""
    import numpy as np

    if isinstance(encoder, PartlyKept):
        part, encoded = encode_once(texts, hashes, encoder.kept, store)
        return encoder.completed(texts, part), encoded
    if encoder.corpus_bound:
        return encoder.encode(texts), len(texts)
    kept = VectorStore(store, encoder.name, encoder.model)
    known = kept.find(list(dict.fromkeys(hashes)))
    missing = {name: text for name, text in zip(hashes, texts, strict=True) if name not in known}
    if missing:
        arrivals = _Arrivals(encoder, kept, list(missing))
        computed = encoder.encode(list(missing.values()), arrivals)
        _refuse_unusable(computed, len(missing), encoder)
        late = [row for row in range(len(missing)) if row not in arrivals.rows]
        if late:
            arrivals.keep(late, computed[late])
        known.update(zip(missing, computed, strict=True))
    if len({row.shape for row in known.values()}) > 1:
        raise LmmrecError(f"kept vectors of {encoder.name} {encoder.model} differ in dimension: delete {store}.")
    return np.stack([known[name] for name in hashes]), len(missing)


class _Arrivals:
    """Keeps vectors by text while the encoder is still at work; see `Keeper`."""

    def __init__(self, encoder: TextEncoder, store: VectorStore, hashes: Sequence[str]) -> None:
        self._encoder, self._store, self._hashes = encoder, store, hashes
        self.dimension = store.dimension()
        self.rows: set[int] = set()

    def keep(self, rows: Sequence[int], vectors: NDArray[np.float32]) -> None:
        _refuse_unusable(vectors, len(rows), self._encoder)
        self._store.keep([self._hashes[row] for row in rows], vectors)
        self.dimension = int(vectors.shape[1])
        self.rows.update(rows)


def read_summaries(motivations: Path, entity: str) -> list[str]:
    """Summaries by index.

    Raises:
        LmmrecError: the indices are not 0, 1, 2, … without gaps.
    """
    path = motivations / f"{entity}s.parquet"
    with connect() as connection:
        rows = connection.execute(
            "SELECT entity_idx, summary FROM read_parquet(?) ORDER BY entity_idx", [str(path)]
        ).fetchall()
    if [index for index, _ in rows] != list(range(len(rows))):
        raise LmmrecError(f"{path} has gaps or repeats among its {len(rows):,} indices: materialize it again.")
    return [summary for _, summary in rows]


def _refuse_unusable(vectors: NDArray[np.float32], expected: int, encoder: TextEncoder) -> None:
    import numpy as np

    if vectors.ndim != 2 or len(vectors) != expected or vectors.shape[1] == 0:
        raise LmmrecError(f"encoder {encoder.name} returned an array of shape {vectors.shape} for {expected:,} texts.")
    bad = int((~np.isfinite(vectors).all(axis=1)).sum())
    zero = int((~vectors.any(axis=1)).sum())
    if bad or zero:
        raise LmmrecError(
            f"encoder {encoder.name} ({encoder.model}) returned {bad:,} vectors with NaN or infinity and {zero:,} zero "
            f"vectors for {expected:,} texts: check the model or set another LMMREC_ENCODER."
        )
