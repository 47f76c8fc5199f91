"""UIST (Liu et al., WWW 2024 companion, arXiv 2403.08206) on a base model: texts as a few tokens each, scores a mixture.

Texts of users and of items are quantised, once, to L tokens each (`models.quantisation`); the method's own autoencoder is not
needed, since text vectors exist. Level a of a node is its ID row plus its first a token rows, x^(a) what the base makes of it:

    s_ui = sum_ab w_ab <x_u^(a), x_i^(b)>,  a, b = 0 … L,  w a softmax over (L + 1)^2 learned numbers

All levels are propagated side by side, and the sum over a and b is one inner product of rows of width (L + 1)·d: a user's
levels in a row against, for each a, an item's levels weighed by w_a.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.bases.contract import BaseModel, Batch, TrainingStep, xavier_uniform
from models.enhancers.contract import Enhancer, Host
from models.enhancers.rival_configs import UISTConfig
from models.quantisation import Tokens, tokens_of_sides


class UIST(Enhancer):
    """Takes the place of the base's score; the base's further losses see the ID level alone."""

    codes: Tensor

    def __init__(self, config: UISTConfig, base: BaseModel, texts: Tensor, rng: torch.Generator) -> None:
        super().__init__()
        self.config, self.l2 = config, config.l2
        self.num_users, dim = base.num_users, base.table.shape[1]
        self.host: Host | None = None
        self.sides: list[Tokens] = []
        if config.weight == 0.0:
            return
        self.sides = tokens_of_sides(texts, base.num_users, config.levels, config.codes, rng)
        of_users, of_items = self.sides
        first_of_items = of_users.centres.shape[1]
        self.register_buffer("codes", torch.cat([of_users.codes, of_items.codes + first_of_items]), persistent=False)
        num_codes = first_of_items + of_items.centres.shape[1]
        self.tokens = nn.ParameterList(xavier_uniform(num_codes, dim, rng) for _ in range(config.levels))  # T^(l)
        if config.score == "mixture":
            others = (config.levels + 1) ** 2 - 1
            shares = torch.full((config.levels + 1, config.levels + 1), config.weight / others)
            shares[0, 0] = 1.0 - config.weight
            self.logits = nn.Parameter(shares.log())

    def attach(self, host: Host) -> None:
        self.host = host

    @property
    def mixes(self) -> bool:
        """Whether several levels are scored with."""
        return bool(self.sides) and self.config.score == "mixture"

    def level_tables(self, table: Tensor) -> list[Tensor]:
        """x^(0) of levels 1 … L: (nodes, d) each, the ID rows plus the token rows of the levels up to it."""
        found = []
        for level, tokens in enumerate(self.tokens):
            table = table + tokens.index_select(0, self.codes[:, level])
            found.append(table)
        return found

    def change_table(self, table: Tensor, noise: object) -> Tensor:
        """With score `last` alone, the ID rows plus all token rows."""
        return self.level_tables(table)[-1] if self.sides and not self.mixes else table

    def change_final(self, step: TrainingStep) -> tuple[Tensor, Batch]:
        """Rows of width (L + 1)·d whose inner product is s_ui."""
        if not self.mixes:
            return super().change_final(step)
        rows = None if step.rows is None else step.rows.nodes
        wide = torch.cat(self.level_tables(step.base.table), dim=1)
        further = step.base.propagate(step.adjacency, wide, layer_rows=rows).final  # (rows, L d)
        num_users = self.num_users if step.rows is None else len(step.rows.users)
        return self.mixed(torch.cat([step.propagated.final, further], dim=1), num_users), step.positions

    def change_scored(self, final: Tensor, layers: Tensor | None) -> Tensor:
        """The same of all nodes."""
        if not self.mixes or self.host is None:
            return final
        wide = torch.cat(self.level_tables(self.host.base.table), dim=1)
        further = self.host.base.propagate(self.host.graph.full, wide).final
        return self.mixed(torch.cat([final, further], dim=1), self.num_users)

    def mixed(self, levels: Tensor, num_users: int) -> Tensor:
        """(rows, (L + 1)·d): users' levels as they are, and for items sum_b w_ab x^(b) in the place of each level a."""
        users, items = levels[:num_users], levels[num_users:]
        per_level = items.reshape(len(items), len(self.logits), -1)  # (items, L + 1, d)
        return torch.cat([users, torch.einsum("ab,ibd->iad", self.weights(), per_level).flatten(1)])

    def weights(self) -> Tensor:
        """w, (L + 1, L + 1): positive, sum 1."""
        return torch.softmax(self.logits.flatten(), dim=0).reshape(self.logits.shape)

    def diagnostics(self, step: TrainingStep) -> dict[str, float]:
        """What tokens cost and keep of the texts, mean over both sides, and the weight of the ID levels' product."""
        if not self.sides:
            return {}
        names = ("usage", "collision_rate", "reconstruction_error")
        found = {f"token_{name}": sum(getattr(side, name) for side in self.sides) / 2 for name in names}
        return found | ({"id_share": float(self.weights()[0, 0])} if self.mixes else {})
