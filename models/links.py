"""Fixed links from rows of one table to rows of another, along which rows are gathered: as means, or as a list of edges.

The matrix of the means and its transpose are made once; neither direction of the product is differentiated by autograd, which
would transpose a sparse matrix in every step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from models.graph import sparse_csr


@dataclass(frozen=True)
class Links:
    """From m sources to n targets; a target without a source gathers zeros."""

    matrix: Tensor
    """(n, m) CSR: each row sums to 1, or is empty."""
    transpose: Tensor
    edges: Tensor
    """(2, links) int64: sources above targets, as torch_geometric wants them."""

    def means(self, sources: Tensor) -> Tensor:
        """(m, d) -> (n, d): the mean over the sources of each target."""
        found: Tensor = _Product.apply(sources, self.matrix, self.transpose)  # type: ignore[no-untyped-call]
        return found


def links(pattern: sp.csr_matrix, device: torch.device) -> Links:
    """Of a (targets, sources) matrix, whose stored entries are the links."""
    counts = np.diff(pattern.indptr)
    targets = np.repeat(np.arange(pattern.shape[0]), counts)
    shares = (1.0 / counts[targets]).astype(np.float32)
    matrix = sp.csr_matrix((shares, pattern.indices, pattern.indptr), shape=pattern.shape)
    edges = torch.from_numpy(np.stack([pattern.indices, targets]).astype(np.int64))
    return Links(_tensor(matrix, device), _tensor(matrix.T.tocsr(), device), edges.to(device))


def capped(pattern: sp.csr_matrix, most: int, rng: np.random.Generator) -> sp.csr_matrix:
    """At most so many links of each target, drawn without replacement; who has fewer keeps all."""
    targets = np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.indptr))
    order = np.lexsort((rng.random(len(targets)), targets))
    place = np.arange(len(targets)) - pattern.indptr[targets]
    kept = order[place < most]
    ones = np.ones(len(kept), dtype=np.float32)
    return sp.csr_matrix((ones, (targets[kept], pattern.indices[kept])), shape=pattern.shape)


def _tensor(matrix: sp.csr_matrix, device: torch.device) -> Tensor:
    matrix.sort_indices()
    indptr, indices = (torch.from_numpy(part.astype(np.int32)).to(device) for part in (matrix.indptr, matrix.indices))
    return sparse_csr(indptr, indices, torch.from_numpy(matrix.data).to(device), matrix.shape)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, sources: Tensor, matrix: Tensor, transpose: Tensor) -> Tensor:
        ctx.transpose = transpose
        return matrix @ sources

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return ctx.transpose @ gradients[0], None, None
