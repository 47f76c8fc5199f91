"""PolyCF as enhancers meet it: the fixed filter's score plus that of trained embeddings; our own combination of the two forms.

    s_ui = s_signal(u, i) / sigma_s + beta·<x_u, x_i>

The filter is learned first and stays. E is learned by its own BPR, beta fixed; or both by BPR on the whole score, where the
settings name a guard against the leak of train pairs through the filter (`leak_guard`). Validation sees the whole score
either way. sigma_s, the standard deviation of the filter's scores over all users and items, is divided into the filter once,
and beta is multiplied into the users' rows of a checkpoint. The two parts are `signal_filter` and `polycf_embedding`.
"""

from __future__ import annotations

from collections.abc import Mapping

import scipy.sparse as sp
import torch
from torch import Tensor, nn

from models.bases.config import BaseConfig, PolyCFConfig
from models.bases.contract import BaseModel, Batch, HistoryShares, Term, TrainingStep, draw_seed
from models.bases.leak_guard import out_of_fold, without_self_loop
from models.bases.polycf_embedding import PolyCFEmbedding
from models.bases.polycf_signal import filter_shares
from models.bases.signal_filter import SignalFilter
from models.bases.signal_fit import fitted_filter
from models.errors import LmmrecError
from models.graph import BipartiteGraph
from models.losses import fused_bpr

SCORES_LIMIT_BYTES = 2**30
"""Most that the filter's scores of all users and items may take while embeddings are trained beside them."""
PREFIX = "signal."
"""Before the filter's tensors in a checkpoint."""


class PolyCF(PolyCFEmbedding):
    """See the module."""

    filter: SignalFilter
    """Already divided by sigma_s."""
    signal_scores: Tensor
    """(users, items) float32: its scores, held while training; with a guard, train pairs as if they were not known."""

    def __init__(self, config: PolyCFConfig, num_users: int, num_items: int, rng: torch.Generator) -> None:
        super().__init__(config, num_users, num_items, rng)
        refuse_too_many_scores(num_users, num_items)
        self.signal_config, self.guard = config.signal, config.guard
        self.fit_seed = draw_seed(rng)
        self.beta = nn.Parameter(torch.tensor(config.beta), requires_grad=config.guard != "apart")

    @torch.no_grad()
    def prepare(self, graph: BipartiteGraph) -> None:
        super().prepare(graph)
        plain = fitted_filter(self.signal_config, graph.edges, self.fit_seed).to(graph.device)
        self.signal_scores = plain.score(torch.arange(self.num_users, device=graph.device))
        deviation = self.signal_scores.std().clamp(min=torch.finfo(torch.float32).tiny)
        self.signal_scores /= deviation
        self.filter = plain.divided(deviation)
        if self.guard == "apart":
            return
        users, items = (torch.from_numpy(rows).long().to(graph.device) for rows in graph.edges.nonzero())
        if self.guard == "folds":
            guarded = out_of_fold(self.filter, graph.edges, self.fit_seed)
        else:
            guarded = without_self_loop(self.filter, self.signal_scores, users, items)
        self.signal_scores[users, items] = guarded

    def loss(self, step: TrainingStep, final: Tensor, batch: Batch) -> dict[str, Term]:
        if self.guard == "apart":
            return super().loss(step, final, batch)
        return {"bpr": Term(1.0, fused_bpr(final, *batch, self.signal_margin(step.batch), self.beta))}

    def signal_margin(self, batch: Batch) -> Tensor:
        """(batch,) s+ - s- of the filter, the positive scored as if it were not known."""
        positives, negatives = batch.positives - self.num_users, batch.negatives - self.num_users
        return self.signal_scores[batch.users, positives] - self.signal_scores[batch.users, negatives]

    @torch.no_grad()
    def final_tensors(self, final: Tensor) -> dict[str, Tensor]:
        tensors = super().final_tensors(final)
        tensors["users"] *= self.beta
        return tensors | {f"{PREFIX}{name}": tensor for name, tensor in self.filter.tensors().items()}

    @staticmethod
    def score(tensors: Mapping[str, Tensor], user_idx: Tensor) -> Tensor:
        return filter_in(tensors).score(user_idx) + BaseModel.score(tensors, user_idx)

    def score_in_training(self, tensors: Mapping[str, Tensor], user_idx: Tensor) -> Tensor:
        """The same for all but the train items, which no evaluation shows."""
        return self.signal_scores.index_select(0, user_idx) + BaseModel.score(tensors, user_idx)

    @staticmethod
    def final_shapes(config: BaseConfig, num_users: int, num_items: int) -> dict[str, tuple[int | None, ...]]:
        assert isinstance(config, PolyCFConfig)
        of_filter = SignalFilter.shapes(num_users, num_items, len(config.signal.gammas), config.signal.degree)
        prefixed = {f"{PREFIX}{name}": shape for name, shape in of_filter.items()}
        return BaseModel.final_shapes(config, num_users, num_items) | prefixed

    @staticmethod
    def history_shares(
        config: BaseConfig,
        final: Mapping[str, Tensor],
        parameters: Mapping[str, Tensor],
        train: sp.csr_matrix,
        user_idx: int,
        item_idx: int,
    ) -> HistoryShares:
        """The filter's score splits over the history; that of the embeddings counts as the user's own."""
        of_filter = filter_shares(filter_in(final), train, user_idx, item_idx)
        own = float(final["users"][user_idx].double() @ final["items"][item_idx].double())
        return HistoryShares(own, of_filter.shares)


def filter_in(tensors: Mapping[str, Tensor]) -> SignalFilter:
    """The filter among the tensors of a checkpoint."""
    return SignalFilter.from_tensors(
        {name.removeprefix(PREFIX): tensor for name, tensor in tensors.items() if name.startswith(PREFIX)}
    )


def refuse_too_many_scores(num_users: int, num_items: int) -> None:
    """Says so where the filter's scores of all users and items do not fit the limit."""
    num_bytes = 4 * num_users * num_items
    if num_bytes > SCORES_LIMIT_BYTES:
        raise LmmrecError(
            f"base model 'polycf' holds the scores of all users and items while it trains, and {num_users:,} x "
            f"{num_items:,} of them take {num_bytes / 2**30:.1f} GiB (limit {SCORES_LIMIT_BYTES / 2**30:.0f}); "
            "train form 'polycf-embedding' or 'polycf-signal' instead"
        )
