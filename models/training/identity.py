"""What decides the bytes of a training run, as plain JSON: settings, seed, data. Two runs with equal identities are one run.

What may change the last bits without changing the run (torch, threads, device) is told apart, in `circumstances`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from models.bases import BaseConfig
from models.enhancers import EnhancerConfig, enhancer_spec
from models.graph import binary_csr
from models.training.config import TrainingConfig
from models.training.data import TrainingData


def identity_of(
    data: TrainingData,
    base: BaseConfig,
    enhancer: EnhancerConfig | None,
    training: TrainingConfig,
    seed: int,
    warm_start: str | None = None,
) -> dict[str, Any]:
    """Settings by section, and one line per part of the data; text vectors only where the enhancer reads them.

    `warm_start` is the digest of the weights that training started from, None for fresh ones.
    """
    parts = {"train": _pairs(data.train), "validation": _pairs(data.validation)}
    if enhancer is not None and enhancer_spec(enhancer.name).needs_text:
        parts["texts"] = _vectors(data.texts())
    return {
        "base": base.model_dump(mode="json"),
        "enhancer": None if enhancer is None else enhancer.model_dump(mode="json"),
        "training": training.model_dump(mode="json"),
        "seed": seed,
        "data": parts,
        "warm_start": warm_start,
    }


def circumstances(device: torch.device) -> dict[str, Any]:
    """What this process runs on, as far as the last bits depend on it."""
    return {
        "torch": torch.__version__,
        "numpy": np.__version__,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
    }


def differences(stored: Mapping[str, Any], present: Mapping[str, Any]) -> list[str]:
    """One line `name: stored value -> present value` per difference; another base or enhancer is one line.

    >>> differences({"seed": 1, "training": {"patience": 5}}, {"seed": 2, "training": {"patience": 5}})
    ['seed: 1 -> 2']
    """
    found = []
    for name in dict.fromkeys([*stored, *present]):
        one, other = stored.get(name), present.get(name)
        if isinstance(one, Mapping) and isinstance(other, Mapping) and one.get("name") == other.get("name"):
            found += [f"{name}.{line}" for line in differences(one, other)]
        elif one != other:
            found.append(f"{name}: {_shown(one)} -> {_shown(other)}")
    return found


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return str(value.get("name", dict(value)))
    return "none" if value is None else str(value)


def _pairs(matrix: sp.csr_matrix) -> str:
    edges = binary_csr(matrix)
    digest = hashlib.sha256()
    for part in (edges.indptr, edges.indices):
        digest.update(np.ascontiguousarray(part, dtype=np.int64).data)
    return f"{edges.shape[0]:,} users x {edges.shape[1]:,} items, {edges.nnz:,} pairs, sha256 {digest.hexdigest()[:16]}"


def _vectors(vectors: np.ndarray) -> str:
    digest = hashlib.sha256(np.ascontiguousarray(vectors).data).hexdigest()
    return f"{vectors.shape[0]:,} vectors of width {vectors.shape[1]:,}, sha256 {digest[:16]}"
