"""The split that all implementations of one run read: `trn_mat.npz` and `val_mat.npz` of a folder."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

DIM, LAYERS, LEARNING_RATE, L2, SEED = 32, 3, 1e-3, 1e-6, 2023
"""What every LightGCN here has in common."""
KS = (5, 10, 20)


class Split(NamedTuple):
    """Binary (users, items) CSR matrices, float32."""

    train: sp.csr_matrix
    validation: sp.csr_matrix

    @property
    def users(self) -> np.ndarray:
        """(n,) int64: the users who are ranked, those with validation pairs."""
        return np.flatnonzero(np.diff(self.validation.indptr))


def read_split(folder: Path) -> Split:
    """Both parts; every stored non-zero is a pair, values do not count."""
    return Split(*(_binary(sp.load_npz(folder / f"{part}_mat.npz")) for part in ("trn", "val")))


def arguments() -> argparse.ArgumentParser:
    """What every worker takes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    return parser


def _binary(matrix: sp.spmatrix) -> sp.csr_matrix:
    binary = sp.csr_matrix(matrix, dtype=np.float32)
    binary.sum_duplicates()
    binary.eliminate_zeros()
    binary.data[:] = 1.0
    return binary
