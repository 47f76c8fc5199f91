"""What a cell is trained on: the split's matrices and, where the method reads them, the text vectors or a control of them.

The controls keep everything but the meaning: `shuffled-text` deals the users' vectors out anew among users and the items'
among items, `random-text` gives directions drawn at random with the lengths of the real ones. A gain that survives them
does not come from text.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from assets.tables import read_matrix, read_sizes
from assets.training.noise import with_noise
from models.errors import LmmrecError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from models.training.data import TrainingData

    Vectors = NDArray[np.float32]


def load_data(
    split: Path, vectors: Path | None = None, control: str | None = None, seed: int = 0, noise: float = 0.0
) -> TrainingData:
    """Matrices of the split and text vectors, ready to train on.

    Args:
        split: folder of the asset `split`.
        vectors: folder of `text_embeddings`; None where the method reads no text.
        control: None (the real vectors), or a name of `CONTROLS`.
        seed: seed of the control and of the noise.
        noise: pairs that never happened in train, as a share of its pairs.

    Raises:
        LmmrecError: the vectors do not fit the split or their encoder, or are not finite.
    """
    from models.training.data import TrainingData

    num_users, num_items = read_sizes(split)
    data = TrainingData(
        train=with_noise(split, noise, seed) if noise else read_matrix(split, "train"),
        validation=read_matrix(split, "validation"),
        user_texts=None if vectors is None else _read_vectors(vectors, "users", num_users),
        item_texts=None if vectors is None else _read_vectors(vectors, "items", num_items),
        views=() if vectors is None else read_views(vectors),
    )
    return data if control is None else CONTROLS[control](data, seed)


def read_views(vectors: Path) -> tuple[int, ...]:
    """How many columns each view of the vectors has; empty where one encoder made all."""
    return tuple(json.loads((vectors / "encoder.json").read_bytes()).get("views", ()))


def with_shuffled_texts(data: TrainingData, seed: int) -> TrainingData:
    """The same vectors, each side permuted among its own entities."""
    return data.with_shuffled_texts(seed)


def with_random_texts(data: TrainingData, seed: int) -> TrainingData:
    """Random directions with the lengths of the real vectors, each side from a stream of its own."""
    assert data.user_texts is not None
    assert data.item_texts is not None
    return replace(
        data,
        user_texts=_random_rows(data.user_texts, [seed, 0]),
        item_texts=_random_rows(data.item_texts, [seed, 1]),
    )


CONTROLS: dict[str, Callable[[TrainingData, int], TrainingData]] = {
    "shuffled-text": with_shuffled_texts,
    "random-text": with_random_texts,
}
"""Variants of a method that reads text, and how each makes its vectors from the real ones."""


def _random_rows(vectors: Vectors, seed: list[int]) -> Vectors:
    import numpy as np

    drawn = np.random.default_rng(seed).standard_normal(vectors.shape)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True) / np.linalg.norm(drawn, axis=1, keepdims=True)
    return np.asarray(drawn * lengths, dtype=np.float32)


def _read_vectors(folder: Path, entity: str, rows: int) -> Vectors:
    import numpy as np

    vectors = np.load(folder / f"{entity}.npy", allow_pickle=False)
    dimension = json.loads((folder / "encoder.json").read_bytes()).get("dim")
    remedy = "make text_embeddings again from this split"
    if vectors.ndim != 2 or len(vectors) != rows:
        raise LmmrecError(f"{folder} has vectors of shape {vectors.shape} for {rows} {entity} of the split: {remedy}.")
    if dimension is not None and vectors.shape[1] != dimension:
        raise LmmrecError(
            f"{folder} has {entity} vectors of {vectors.shape[1]} numbers, but its encoder gives {dimension}: {remedy}."
        )
    return np.asarray(vectors, dtype=np.float32)
