"""Further texts read as the dataset's own were: vectors in the space of the stored ones.

An encoder that is bound to its corpus reads all texts again with the new ones among them; its vectors are turned back onto
the stored ones by least squares, so that what was learned from those still holds.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from assets.embeddings.embed import encode_once, read_summaries
from assets.embeddings.vectors import STORE, text_sha256
from assets.lake import Address, Lake
from models.errors import LmmrecError

if TYPE_CHECKING:
    import numpy as np

    from models.language.encoders import TextEncoder


def read_beside(lake: Lake, dataset: str, texts: Sequence[str], encoder: TextEncoder) -> np.ndarray:
    """(n, d) float64, row k for text k, comparable with `users.npy` and `items.npy` of the dataset.

    Raises:
        LmmrecError: there are no vectors yet, or another encoder made them.
    """
    import numpy as np

    known = known_texts(lake, dataset, encoder)
    store = lake.home / STORE
    if not encoder.corpus_bound:
        return np.asarray(encode_once(texts, [text_sha256(each) for each in texts], encoder, store)[0], np.float64)
    together = [*known, *texts]
    vectors, _ = encode_once(together, [text_sha256(each) for each in together], encoder, store)
    folder = lake.path(Address("text_embeddings", dataset))
    stored = np.concatenate([np.load(folder / f"{entity}.npy", allow_pickle=False) for entity in ("users", "items")])
    turn = np.linalg.lstsq(vectors[: len(known)].astype(np.float64), stored.astype(np.float64), rcond=None)[0]
    return np.asarray(vectors[len(known) :] @ turn)


def known_texts(lake: Lake, dataset: str, encoder: TextEncoder) -> list[str]:
    """The texts of all users, then of all items, that the dataset's vectors were made from.

    Raises:
        LmmrecError: there are none, or another encoder made them.
    """
    vectors = Address("text_embeddings", dataset)
    if lake.record(vectors) is None:
        raise LmmrecError(
            f"{dataset} has no text vectors, so a text cannot be read: run `lmmrec run {dataset} --until embeddings` first."
        )
    made_by = json.loads((lake.path(vectors) / "encoder.json").read_bytes())
    if (made_by["encoder"], made_by["model"]) != (encoder.name, encoder.model):
        raise LmmrecError(
            f"the text vectors of {dataset} were made by encoder {made_by['encoder']} ({made_by['model']}), but the settings "
            f"name {encoder.name} ({encoder.model}): set LMMREC_ENCODER={made_by['encoder']}."
        )
    motivations = lake.read(Address("validated_motivations", dataset))
    return [*read_summaries(motivations, "user"), *read_summaries(motivations, "item")]
