"""torch_geometric.nn.models.LightGCN as a worker: its example's loop over `edge_index`, or a sparse adjacency.

`--adjacency edge-index` is what the package's example does: messages along a list of edges, normalised anew in every
layer. `--adjacency sparse` is kinder to it: a CSR matrix, normalised once.
"""

from __future__ import annotations

import warnings
from itertools import islice
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
import torch_geometric
from torch import Tensor
from torch.utils.data import DataLoader
from torch_geometric.nn.models import LightGCN

from benchmarks.peers.data import DIM, L2, LAYERS, LEARNING_RATE, SEED, Split, arguments, read_split
from benchmarks.peers.protocol import Stopwatch, serve

SCORES = 4 * 2**20
"""Scores held at once while ranking, as in ours."""


class Geometric:
    """The model, its optimiser and one of the two forms of the graph."""

    def __init__(self, split: Split, threads: int, adjacency: str) -> None:
        torch.set_num_threads(threads)
        torch.manual_seed(SEED)
        self.split, self.adjacency = split, adjacency
        self.num_users, self.num_items = split.train.shape
        pairs = split.train.tocoo()
        self.pairs = torch.from_numpy(np.stack([pairs.row, pairs.col + self.num_users]).astype(np.int64))
        nodes = self.num_users + self.num_items
        if adjacency == "sparse":
            self.graph, options = normalised(split.train), {"normalize": False}
        else:
            self.graph, options = torch.cat([self.pairs, self.pairs.flip(0)], dim=1), {}
        self.model = LightGCN(nodes, DIM, LAYERS, **options)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=LEARNING_RATE)

    def describe(self) -> dict[str, Any]:
        return {
            "tasks": ["epoch", "evaluate"],
            "versions": {"torch_geometric": torch_geometric.__version__, "torch": torch.__version__},
            "note": "no edge drop, negatives drawn without rejection; Recall at 20 alone",
        }

    def epoch(self, batch_size: int, steps: int | None) -> dict[str, float]:
        loader = DataLoader(range(self.pairs.shape[1]), batch_size=batch_size, shuffle=True)  # type: ignore[arg-type]
        done = 0
        with Stopwatch() as watch:
            for rows in islice(loader, steps):
                self._step(self.pairs[:, rows])
                done += 1
        return {"epoch_s": watch.seconds / done * len(loader), "steps": done, "step_s": watch.seconds / done}

    def _step(self, positive: Tensor) -> None:
        count = positive.shape[1]
        drawn = torch.randint(self.num_users, self.num_users + self.num_items, (count,))
        asked = torch.cat([positive, torch.stack([positive[0], drawn])], dim=1)
        self.optimizer.zero_grad()
        ranks = self.model(self.graph, asked)
        loss = self.model.recommendation_loss(ranks[:count], ranks[count:], node_id=asked.unique(), lambda_reg=L2)
        loss.backward()
        self.optimizer.step()

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        train, validation, users = self.split.train, self.split.validation, self.split.users
        recall = 0.0
        with Stopwatch() as watch:
            table = self.model.get_embedding(self.graph)
            items = table[self.num_users :].t()
            size = max(1, SCORES // self.num_items)
            for start in range(0, len(users), size):
                chosen = users[start : start + size]
                scores = table[torch.from_numpy(chosen)] @ items
                seen = train[chosen].tocoo()
                scores[
                    torch.from_numpy(seen.row.astype(np.int64)), torch.from_numpy(seen.col.astype(np.int64))
                ] = -torch.inf
                wanted = torch.from_numpy(validation[chosen].toarray())
                hits = wanted.gather(1, scores.topk(20, dim=1).indices).sum(dim=1)
                recall += float((hits / wanted.sum(dim=1)).sum())
        return {"evaluate_s": watch.seconds, "recall_20": recall / len(users)}

    def fit(self) -> dict[str, float]:
        raise NotImplementedError


def normalised(train: sp.csr_matrix) -> Tensor:
    """D^-1/2 A D^-1/2 as a torch CSR matrix (nodes, nodes) float32."""
    both = sp.bmat([[None, train], [train.T, None]], format="csr")
    root = sp.diags(1.0 / np.sqrt(np.maximum(np.diff(both.indptr), 1)))
    matrix = (root @ both @ root).tocsr().astype(np.float32)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(
            torch.from_numpy(matrix.indptr.astype(np.int64)),
            torch.from_numpy(matrix.indices.astype(np.int64)),
            torch.from_numpy(matrix.data),
            matrix.shape,
        )


if __name__ == "__main__":
    parser = arguments()
    parser.add_argument("--adjacency", choices=["edge-index", "sparse"], default="edge-index")
    given = parser.parse_args()
    serve(Geometric(read_split(given.data), given.threads, given.adjacency))
