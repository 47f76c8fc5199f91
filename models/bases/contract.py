"""What a base model is: the hooks of docs/models.md, through which the fit loop and enhancers reach it.

A base knows nothing of enhancers, text, epochs or metrics. After training it is reduced to tensors (`final_tensors`), and
`score` is a pure function of them: a checkpoint scores without graph, text or training code. What is fitted by a formula,
without steps, is `closed_form`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn

from models.bases.config import BaseConfig
from models.graph import Adjacency, BipartiteGraph, Propagated
from models.losses import bpr


class Batch(NamedTuple):
    """Training triples as rows of one node table; each (batch,) int64."""

    users: Tensor
    positives: Tensor
    negatives: Tensor


@dataclass(frozen=True)
class BatchRows:
    """The distinct nodes of one batch; layers, texts and contrasts are computed for these alone."""

    users: Tensor
    """(n_u,) int64 node rows, ascending."""
    items: Tensor
    """(n_i,) int64 node rows of positives and negatives together, ascending."""
    positions: Batch
    """The batch as positions in `nodes`."""

    @cached_property
    def nodes(self) -> Tensor:
        """(n_u + n_i,) int64: users, then items; the rows that were propagated."""
        return torch.cat([self.users, self.items])


def distinct_rows(batch: Batch) -> BatchRows:
    """The distinct users and the distinct items of a batch."""
    users, place_of_user = torch.unique(batch.users, return_inverse=True)
    items, place_of_item = torch.unique(torch.cat([batch.positives, batch.negatives]), return_inverse=True)
    positives, negatives = (place_of_item + len(users)).chunk(2)
    return BatchRows(users, items, Batch(place_of_user, positives, negatives))


@dataclass
class TrainingStep:
    """What a base's loss and an enhancer see of one training step."""

    base: BaseModel
    graph: BipartiteGraph
    batch: Batch
    rows: BatchRows | None
    """None where neither base nor enhancer reads layers."""
    adjacency: Adjacency
    """The graph of this step, edges dropped."""
    propagated: Propagated
    """Of the nodes in `rows`, or of all where that is None."""
    epochs_done: float
    """Position in training: 1.5 is the middle of the second epoch."""
    noise: np.random.Generator
    """The stream for random perturbations; nothing else draws from it."""
    views: Any = None
    """Where an enhancer keeps what several of its hooks need of this batch."""
    changed_table: Tensor | None = None
    """(nodes, d): the ID rows that entered propagation, where an enhancer changed them."""
    beside: Callable[[], Any] | None = None
    """Gives what the enhancer's `beside_forward` found; None where there is nothing."""

    @cached_property
    def positions(self) -> Batch:
        """The batch as rows of what was propagated."""
        return self.batch if self.rows is None else self.rows.positions

    @property
    def table(self) -> Tensor:
        """(nodes, d): the ID rows that entered propagation."""
        return self.base.table if self.changed_table is None else self.changed_table

    @property
    def rows_read(self) -> BatchRows:
        """`rows`, for whom the trainer gives them to: a base or an enhancer that `reads_layers`."""
        if self.rows is None:
            raise ValueError("this step was made without the distinct rows of its batch, because nobody `reads_layers`")
        return self.rows


class Term(NamedTuple):
    """One summand of the loss: `weight` times the scalar `value`; the history shows the value."""

    weight: float
    value: Tensor


class HistoryShares(NamedTuple):
    """A score split over the user's train items, as far as the model allows it."""

    own: float
    """From the user's ID row: what is learned of the user beside the filter or the graph."""
    shares: np.ndarray
    """(n,) float64: what each item of the history adds."""
    texts: np.ndarray | None = None
    """(n,) float64: what of each share comes from texts; None where the model cannot tell."""


class Scored(ABC):
    """What every base model is once it is fitted: tensors, and pure functions of them."""

    @classmethod
    @abstractmethod
    def score(cls, tensors: Mapping[str, Tensor], user_idx: Tensor) -> Tensor:
        """(batch,) int64 users -> (batch, items) float32 scores of every item."""

    @classmethod
    def scorer(cls, tensors: Mapping[str, Tensor]) -> Callable[[Tensor], Tensor]:
        """`score` of these tensors; what it has to make of them first is made once."""
        return lambda user_idx: cls.score(tensors, user_idx)

    @staticmethod
    @abstractmethod
    def final_shapes(config: BaseConfig, num_users: int, num_items: int) -> dict[str, tuple[int | None, ...]]:
        """Names and shapes of the tensors, by which a checkpoint is checked; None is any length."""

    @classmethod
    def history_shares(
        cls,
        config: BaseConfig,
        final: Mapping[str, Tensor],
        parameters: Mapping[str, Tensor],
        train: sp.csr_matrix,
        user_idx: int,
        item_idx: int,
    ) -> HistoryShares | None:
        """The score of one pair, split over the user's items in `train`; None where the model knows no such split."""
        return None


class BaseModel(nn.Module, Scored):
    """A graph model with one learnable ID embedding per node; with `dim` 0 a model that has none, and no training steps."""

    reads_layers: ClassVar[bool] = False
    """True where `loss` reads the layers of the batch's rows."""

    def __init__(self, config: BaseConfig, num_users: int, num_items: int, rng: torch.Generator) -> None:
        super().__init__()
        self.num_users, self.num_items = num_users, num_items
        self.l2 = config.l2
        self.table = nn.Parameter(
            torch.cat([xavier_uniform(num_users, config.dim, rng), xavier_uniform(num_items, config.dim, rng)])
        )
        """E, (users + items, d): x^(0)."""

    @property
    def learns_by_steps(self) -> bool:
        """False for a model without embeddings: all that it learns it learns in `prepare`."""
        return self.table.shape[1] > 0

    def prepare(self, graph: BipartiteGraph) -> None:
        """Called once before the first step with the graph that is trained and scored with, on its device."""

    def step_adjacency(self, graph: BipartiteGraph, rng: np.random.Generator) -> Adjacency:
        """The adjacency of one training step; the whole graph unless the model drops edges."""
        return graph.full

    @abstractmethod
    def propagate(self, adjacency: Adjacency, table: Tensor, layer_rows: Tensor | None = None) -> Propagated:
        """From ID rows (nodes, d) to what the model scores with: for all nodes, or with their layers for `layer_rows`."""

    def loss(self, step: TrainingStep, final: Tensor, batch: Batch) -> dict[str, Term]:
        """The base's own loss terms; the indices of `batch` are rows of `final`, which an enhancer may have changed."""
        return {"bpr": Term(1.0, bpr(final, batch.users, batch.positives, batch.negatives))}

    @torch.no_grad()
    def final_tensors(self, final: Tensor) -> dict[str, Tensor]:
        """All that `score` needs, from the propagated table (nodes, d) of the whole graph."""
        return {"users": final[: self.num_users].clone(), "items": final[self.num_users :].clone()}

    @staticmethod
    def score(tensors: Mapping[str, Tensor], user_idx: Tensor) -> Tensor:
        """(batch,) int64 users -> (batch, items) float32 scores of every item."""
        return tensors["users"].index_select(0, user_idx) @ tensors["items"].T

    def score_in_training(self, tensors: Mapping[str, Tensor], user_idx: Tensor) -> Tensor:
        """The same as `score`; a model may use what it holds while it trains."""
        return self.score(tensors, user_idx)

    @staticmethod
    def final_shapes(config: BaseConfig, num_users: int, num_items: int) -> dict[str, tuple[int | None, ...]]:
        """Names and shapes of `final_tensors`, by which a checkpoint is checked; None is any length."""
        return {"users": (num_users, config.dim), "items": (num_items, config.dim)}


def draw_seed(rng: torch.Generator) -> int:
    """A seed for a stream of one's own, drawn from the model's."""
    return int(torch.randint(2**62, (), generator=rng))


def xavier_uniform(rows: int, columns: int, rng: torch.Generator) -> Tensor:
    """A (rows, columns) float32 tensor drawn on the CPU from U(-a, a), a = sqrt(6 / (rows + columns))."""
    return nn.init.xavier_uniform_(torch.empty(rows, columns), generator=rng)
