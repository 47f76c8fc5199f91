"""What an embeddings endpoint sent back, read with suspicion: one finite vector for each text, or the reason why not.

Numbers come as JSON or as base64 of little-endian float32, whatever was asked for. Rows are joined by the index that the
endpoint states, never by position. What is done about an unusable reply is `openai_embeddings.py`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class UnusableVectorsError(ValueError):
    """A reply that cannot be used; its text says why."""


def read_vectors(reply: Any, count: int) -> NDArray[np.float32]:
    """(count, d) float32, row k for text k.

    Args:
        reply: the decoded body, whatever it is.
        count: texts that were asked for.

    Raises:
        UnusableVectorsError: a vector is missing, doubled, of another dimension, zero, not finite or no vector at all.
    """
    import numpy as np

    data = reply.get("data") if isinstance(reply, Mapping) else None
    entries = [entry for entry in data if isinstance(entry, Mapping)] if isinstance(data, list) else []
    rows = {entry["index"]: entry.get("embedding") for entry in entries if isinstance(entry.get("index"), int)}
    if len(entries) != count or set(rows) != set(range(count)):
        raise UnusableVectorsError(f"{len(entries)} vectors with {len(rows)} indices came for {count} texts")
    vectors = [_vector(rows[at]) for at in range(count)]
    widths = sorted({len(vector) for vector in vectors})
    if len(widths) > 1:
        raise UnusableVectorsError(f"vectors have different dimensions {widths}")
    together = np.stack(vectors)
    if together.shape[1] == 0 or not np.isfinite(together).all() or not together.any(axis=1).all():
        raise UnusableVectorsError("vectors are empty, zero or not finite")
    return together


def _vector(stated: Any) -> NDArray[np.float32]:
    """(d,) float32; what is too large for float32 becomes infinite."""
    import numpy as np

    if isinstance(stated, str):
        try:
            return np.frombuffer(base64.b64decode(stated, validate=True), dtype="<f4").astype(np.float32)
        except (binascii.Error, ValueError):
            raise UnusableVectorsError("a vector is no base64 of float32") from None
    try:
        numbers = np.asarray(stated)
    except ValueError:
        raise UnusableVectorsError("a vector is no list of numbers") from None
    if numbers.ndim != 1 or (numbers.size and numbers.dtype.kind not in "fiu"):
        raise UnusableVectorsError("a vector is no list of numbers")
    with np.errstate(over="ignore"):
        return numbers.astype(np.float32)
