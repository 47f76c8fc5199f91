"""RLMRec-Con (Ren et al., WWW 2024, arXiv 2310.15950): a graph row shall be told from all others by its entity's text.

L = L_base + w·(L_user + L_positive + L_negative), each the mean over the triples of the batch of InfoNCE from x to MLP(s),
cosine: users against the texts of all users, items against the texts that stand in their own column of the batch, where an
item may stand several times. Computed on distinct rows, with counts. One MLP, d_s -> (d_s + d) // 2 -> d, serves both sides.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.bases.contract import BaseModel, Term, TrainingStep
from models.counted_contrast import counted_contrast
from models.enhancers.contract import Enhancer
from models.enhancers.rival_configs import RLMRecConConfig
from models.enhancers.text_tower import TextTower
from models.losses import unit_rows


class RLMRecCon(Enhancer):
    """Shapes training only: scores are the base's own."""

    texts: Tensor

    def __init__(self, config: RLMRecConConfig, base: BaseModel, texts: Tensor, rng: torch.Generator) -> None:
        super().__init__()
        self.config, self.l2 = config, config.l2
        self.num_users = base.num_users
        self.register_buffer("texts", texts, persistent=False)  # s, (nodes, d_s), frozen
        self.tower = TextTower(texts.shape[1], base.table.shape[1], rng)
        self.reads_layers = config.weight > 0.0

    def auxiliary_loss(self, step: TrainingStep) -> dict[str, Term]:
        """w·(L_user + L_positive + L_negative); nothing at all where w is 0."""
        if self.config.weight == 0.0:
            return {}
        rows, batch = step.rows_read, step.positions
        num_users = len(rows.users)
        users, items = torch.split(unit_rows(step.propagated.final), [num_users, len(rows.items)])
        of_users = torch.bincount(batch.users, minlength=num_users)
        of_items = [torch.bincount(column - num_users, minlength=len(rows.items)) for column in batch[1:]]
        user_loss = self._user_contrast(users, rows.users, of_users.to(users).unsqueeze(0))
        counts = torch.stack(of_items).to(items)  # (2, n_i): as positive, as negative
        own = torch.arange(len(items), device=items.device)
        h = unit_rows(self.tower(self.texts.index_select(0, rows.items)))
        item_loss = counted_contrast(items, h, self.config.temperature, own, counts, counts)
        return {"contrast": Term(self.config.weight, user_loss + item_loss)}

    def _user_contrast(self, users: Tensor, ids: Tensor, counts: Tensor) -> Tensor:
        """Distinct users (n, d) with `ids` (n,) and `counts` (1, n); the denominator as the settings say."""
        of_all = self.config.user_negatives == "all"
        positions = ids if of_all else torch.arange(len(ids), device=ids.device)
        read = self.texts[: self.num_users] if of_all else self.texts.index_select(0, ids)
        h = unit_rows(self.tower(read))
        key_counts = h.new_ones(1, len(h)) if of_all else counts
        return counted_contrast(users, h, self.config.temperature, positions, counts, key_counts)
