"""The user-item graph: its normalised adjacency, edge dropout, and the one propagation that all graph models share.

A node table stacks users on items: row u is user u, row `num_users + i` is item i. The sparsity pattern is built once as
int32 CSR and never changes; dropping edges only writes zeros into the values, and the transpose is a permutation of the
same values. What a model does with the propagated table belongs to `models.bases`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from models.errors import LmmrecError

_INT32_MAX = 2**31 - 1
MAX_ROW_SHARE = 0.1
"""Up to this share of the nodes, the deepest layer is computed for the wanted rows alone; cutting them out costs as well."""
SPLIT_ENTRIES = 2**20
"""Stored entries from which users' and items' rows are multiplied apart: below, the second call costs more than it gains;
above, one call for both was measured to take a quarter to a half longer (MKL, two threads)."""


class NodeMatrix(NamedTuple):
    """A (nodes, nodes) sparse CSR matrix whose large products are taken for users and items apart."""

    whole: Tensor
    parts: tuple[Tensor, ...]
    """Its rows in order, (rows, nodes) CSR in the same memory: the users' and the items', or all of them where few."""

    def __matmul__(self, table: Tensor) -> Tensor:
        """(nodes, d) -> (nodes, d); a third faster with beta = 0: the result is neither cleared nor copied beforehand."""
        result = torch.empty_like(table)
        return self.plus(table, result, 0.0, result)

    def plus(self, table: Tensor, term: Tensor, weight: float, result: Tensor) -> Tensor:
        """weight·term + A table, written to `result`."""
        if len(self.parts) == 1:
            return torch.addmm(term, self.whole, table, beta=weight, out=result)
        sizes = [part.shape[0] for part in self.parts]
        for part, own, out in zip(self.parts, torch.split(term, sizes), torch.split(result, sizes), strict=True):
            torch.addmm(own, part, table, beta=weight, out=out)
        return result


def node_matrix(whole: Tensor, num_users: int) -> NodeMatrix:
    """In two parts on a CPU from `SPLIT_ENTRIES` on."""
    if whole.is_cuda or whole._nnz() < SPLIT_ENTRIES:
        return NodeMatrix(whole, (whole,))
    indptr, indices, values = whole.crow_indices(), whole.col_indices(), whole.values()
    middle, num_nodes = len(values) // 2, whole.shape[1]  # each pair is stored once on either side
    of_users = sparse_csr(indptr[: num_users + 1], indices[:middle], values[:middle], (num_users, num_nodes))
    starts = indptr[num_users:] - middle
    of_items = sparse_csr(starts, indices[middle:], values[middle:], (num_nodes - num_users, num_nodes))
    return NodeMatrix(whole, (of_users, of_items))


class Adjacency(NamedTuple):
    """One (possibly thinned) adjacency A and its transpose."""

    matrix: NodeMatrix
    transpose: NodeMatrix


class Propagated(NamedTuple):
    """What a base model's propagation gives: for all nodes, or for the rows that were asked for."""

    final: Tensor
    """(nodes, d), or (rows, d): what the base scores with."""
    layers: Tensor | None
    """(K + 1, rows, d): x^(0) … x^(K) of the rows that were asked for; None where none were."""


class BipartiteGraph:
    """D^-1/2 A D^-1/2 of a binary (users, items) matrix, without self loops.

    Every stored non-zero counts as one edge, duplicates once. Nodes without edges keep an empty row. `further` pairs, a
    (users, items) matrix of positive weights, are propagated over as well, each as so much of an edge, and are no train pairs.
    """

    def __init__(
        self, train: sp.csr_matrix, device: torch.device | str = "cpu", further: sp.csr_matrix | None = None
    ) -> None:
        self.edges = binary_csr(train)
        """(users, items) binary: the train pairs alone."""
        self.num_users, self.num_items = self.edges.shape
        self.num_nodes = self.num_users + self.num_items
        weighted = self.edges if further is None else self.edges.maximum(further).tocsr()
        weighted.sort_indices()
        self.num_edges = int(weighted.nnz)
        if 2 * self.num_edges > _INT32_MAX:
            raise LmmrecError(f"{self.num_edges:,} training pairs are more than int32 positions hold; sample the users")
        self.device = torch.device(device)
        indptr, indices, transpose_position = _bipartite_structure(weighted)
        weights = weighted.data[np.concatenate([np.arange(self.num_edges), transpose_position[self.num_edges :]])]
        rows = np.repeat(np.arange(self.num_nodes), np.diff(indptr))
        degree = np.bincount(rows, weights=weights, minlength=self.num_nodes)
        self._degree = degree = np.where(degree > 0.0, degree, 1.0)
        values = (weights / np.sqrt(degree[rows] * degree[indices])).astype(np.float32)
        self._indptr = torch.from_numpy(indptr).to(self.device)
        self._indices = torch.from_numpy(indices).to(self.device)
        self._transpose_position = torch.from_numpy(transpose_position).to(self.device)
        self._values = torch.from_numpy(values).to(self.device)
        full = self._with_values(self._values)
        self.full = Adjacency(full, full)  # symmetric: its own transpose

    def drop_edges(self, keep_prob: float, rng: np.random.Generator) -> Adjacency:
        """Keeps each of the 2·edges directed entries with `keep_prob`, each direction for itself, values not rescaled.

        `keep_prob` is realised to the nearest 1/65,536: sixteen random bits decide one entry.
        """
        if keep_prob >= 1.0:
            return self.full
        draws = rng.integers(0, 1 << 16, size=2 * self.num_edges, dtype=np.uint16)
        kept = torch.from_numpy(draws < round(keep_prob * (1 << 16))).to(self.device).view(torch.uint8)
        transposed = kept.index_select(0, self._transpose_position)  # of single bytes more stay in a cache
        return Adjacency(self._with_values(self._values * kept), self._with_values(self._values * transposed))

    def reweighting(self, gamma: float, divisor: float) -> Tensor:
        """Factors that turn the weight of user u and item i into d_u^-gamma·d_i^-(1-gamma) / divisor, in both directions.

        (2·edges,) float32 in the order of the stored values; for `reweighted`.
        """
        starts = self._indptr.cpu().numpy()
        power = np.where(np.arange(self.num_nodes) < self.num_users, 0.5 - gamma, gamma - 0.5)
        factor = self._degree**power
        rows = np.repeat(np.arange(self.num_nodes), np.diff(starts))
        both = factor[rows] * factor[self._indices.cpu().numpy()] / divisor
        return torch.from_numpy(both.astype(np.float32)).to(self.device)

    def _with_values(self, values: Tensor) -> NodeMatrix:
        whole = sparse_csr(self._indptr, self._indices, values, (self.num_nodes, self.num_nodes))
        return node_matrix(whole, self.num_users)


def reweighted(adjacency: Adjacency, factors: Tensor) -> Adjacency:
    """Each stored value times its factor; the factors are the same for both directions of an edge."""
    matrix = _times(adjacency.matrix, factors)
    return Adjacency(
        matrix, matrix if adjacency.transpose is adjacency.matrix else _times(adjacency.transpose, factors)
    )


def _times(matrix: NodeMatrix, factors: Tensor) -> NodeMatrix:
    whole = matrix.whole
    shape = (whole.shape[0], whole.shape[1])
    scaled = sparse_csr(whole.crow_indices(), whole.col_indices(), whole.values() * factors, shape)
    return node_matrix(scaled, matrix.parts[0].shape[0])


def binary_csr(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """A canonical copy: sorted columns, no duplicates, no explicit zeros, every value 1 (float32)."""
    copy = sp.csr_matrix(matrix, dtype=np.float32, copy=True)
    copy.sum_duplicates()
    copy.eliminate_zeros()
    copy.data[:] = 1.0
    return copy


def _bipartite_structure(edges: sp.csr_matrix) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """CSR structure of [[0, R], [R^T, 0]] and, per entry (a, b), the position of the entry (b, a); all int32."""
    num_edges = edges.nnz
    positions = sp.csr_matrix((np.arange(num_edges), edges.indices, edges.indptr), shape=edges.shape)
    flipped = positions.T.tocsr()
    flipped.sort_indices()
    indptr = np.concatenate([edges.indptr, num_edges + flipped.indptr[1:]]).astype(np.int32)
    indices = np.concatenate([edges.indices + edges.shape[0], flipped.indices]).astype(np.int32)
    transpose_position = np.empty(2 * num_edges, dtype=np.int32)
    transpose_position[num_edges:] = flipped.data
    transpose_position[flipped.data] = num_edges + np.arange(num_edges)
    return indptr, indices, transpose_position


def propagate(
    adjacency: Adjacency, table: Tensor, weights: Sequence[float], layer_rows: Tensor | None = None
) -> Propagated:
    """final = sum_k weights[k]·x^(k) with x^(0) = table and x^(k) = A x^(k-1); eq. (4) of LMMRec with weights of one.

    `table` is (nodes, d). With `layer_rows`, (rows,) distinct int64 nodes, both results are for these alone, and the deepest
    layer is computed for them alone. There are K = len(weights) - 1 sparse products forward and K backward at most.
    """
    if layer_rows is None:
        final: Tensor = _Propagate.apply(table, adjacency, tuple(weights))  # type: ignore[no-untyped-call]
        return Propagated(final, None)
    return Propagated(*_Layers.apply(table, adjacency, tuple(weights), layer_rows))  # type: ignore[no-untyped-call]


class _Propagate(torch.autograd.Function):
    """Propagation is linear: nothing but the transpose is kept for the backward pass, which is the same recursion."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, adjacency: Adjacency, weights: tuple[float, ...]) -> Tensor:
        ctx.transpose, ctx.weights = adjacency.transpose, weights
        return _horner(adjacency.matrix, table, weights)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return _horner(ctx.transpose, gradients[0], ctx.weights), None, None


def _horner(matrix: NodeMatrix, term: Tensor, weights: Sequence[float]) -> Tensor:
    """sum_k weights[k]·matrix^k term in K products, from the last k down."""
    z = weights[-1] * term
    spare = torch.empty_like(z)  # two tables in turn: the system has to find and clear the pages of every new one
    for weight in reversed(weights[:-1]):
        z, spare = matrix.plus(z, term, weight, spare), z
    return z


class _Layers(torch.autograd.Function):
    """Final and x^(0) … x^(K) of single rows; backward, the gradient of each layer joins the recursion where it belongs."""

    @staticmethod
    def forward(
        ctx: Any, table: Tensor, adjacency: Adjacency, weights: tuple[float, ...], rows: Tensor
    ) -> tuple[Tensor, Tensor]:
        ctx.transpose, ctx.num_nodes, ctx.rows = adjacency.transpose, len(table), rows
        layer, layers = table, table.new_empty(len(weights), len(rows), table.shape[1])
        torch.index_select(layer, 0, rows, out=layers[0])
        for k in range(1, len(weights) - 1):
            layer = adjacency.matrix @ layer
            torch.index_select(layer, 0, rows, out=layers[k])
        if len(weights) > 1:
            _product_of_rows(adjacency.matrix, layer, rows, out=layers[-1])
        ctx.weights = layers.new_tensor(weights)
        return (ctx.weights @ layers.flatten(1)).view(layers.shape[1:]), layers

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        of_final, of_layers = gradients  # (rows, d), (K + 1, rows, d)
        of_layers = torch.addcmul(of_layers, ctx.weights[:, None, None], of_final)
        z = of_layers.new_zeros(ctx.num_nodes, of_layers.shape[2])
        for k in range(len(of_layers) - 1, -1, -1):
            z.index_add_(0, ctx.rows, of_layers[k])
            if k > 0:
                z = ctx.transpose @ z
        return z, None, None, None


def _product_of_rows(matrix: NodeMatrix, table: Tensor, rows: Tensor, out: Tensor) -> Tensor:
    """`(matrix @ table)[rows]`, written to `out`; through a CSR matrix of these rows alone where that is less work."""
    if len(rows) > MAX_ROW_SHARE * len(table):
        return torch.index_select(matrix @ table, 0, rows, out=out)
    whole = matrix.whole
    start = whole.crow_indices()
    first, counts = start[rows], start[rows + 1] - start[rows]
    indptr = torch.cat([counts.new_zeros(1), counts.cumsum(0, dtype=torch.int32)])
    entries = torch.repeat_interleave(first - indptr[:-1], counts)
    entries += torch.arange(len(entries), device=entries.device, dtype=torch.int32)
    columns, values = (part.index_select(0, entries) for part in (whole.col_indices(), whole.values()))
    part = sparse_csr(indptr, columns, values, (len(rows), len(table)))
    return torch.addmm(out, part, table, beta=0.0, out=out)


def sparse_csr(indptr: Tensor, indices: Tensor, values: Tensor, shape: tuple[int, int]) -> Tensor:
    """A CSR tensor of int32 structure, unchecked: the fast path of the sparse product."""
    return torch.sparse_csr_tensor(indptr, indices, values, shape, check_invariants=False)


with (
    warnings.catch_warnings()
):  # torch says once a process that these tensors are in beta; here, where no thread is beside
    warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
    sparse_csr(torch.zeros(2, dtype=torch.int32), torch.zeros(0, dtype=torch.int32), torch.zeros(0), (1, 1))
