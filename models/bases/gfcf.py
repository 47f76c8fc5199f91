"""GF-CF as a base model: rank, weight of the low pass and popularity power chosen on validation.

Nothing of items x items is held, so that it goes where EASE does not. Texts stand beside it, both parts spread alike
(`text_map`): under its low pass they did harm. The formulas are `models.closed_form`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Self

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from models.bases.closed_form import (
    ClosedFormBase,
    Remembered,
    TextChoice,
    Trial,
    array_in,
    filled,
    histories_in,
    text_shapes,
)
from models.bases.config import BaseConfig, GFCFConfig
from models.closed_form.ease import popularity
from models.closed_form.graph_filter import GraphFilter, fit_graph_filter, graph_filter
from models.closed_form.text_map import cosine_part, learned_map, mapped_part
from models.closed_form.text_part import TextPart, TextSettings
from models.errors import LmmrecError

MANY_PAIRS = 2_000_000
"""Above this many train pairs fewer settings are tried."""
RANKS, ALPHAS, POPULARITY_POWERS = (128, 64, 256, 32, 16), (0.3, 0.1, 1.0), (0.0, -0.1, 0.1, 0.2)
"""What is tried where settings are left open, the default first; everything that the anchor tries is among it."""


@dataclass(frozen=True)
class GFCF(ClosedFormBase):
    """score = r_u (R~^T R~ + alpha D_I^-1/2 V_r V_r^T D_I^1/2) n^-delta."""

    config: GFCFConfig
    train: sp.csr_matrix
    filter: GraphFilter
    popularity: np.ndarray
    """n_j^-delta, (items,) float32."""

    @classmethod
    def grid(cls, config: GFCFConfig, train: sp.csr_matrix) -> Sequence[GFCFConfig]:
        few = train.nnz > MANY_PAIRS
        tried: dict[str, tuple[float, ...]] = {
            "rank": RANKS[:2] if few else RANKS,
            "alpha": ALPHAS[:2] if few else ALPHAS,
            "popularity_power": POPULARITY_POWERS[:2] if few else POPULARITY_POWERS,
        }
        return filled(config, config, tried)

    @classmethod
    def finer(cls, config: GFCFConfig, chosen: GFCFConfig, train: sp.csr_matrix) -> Sequence[GFCFConfig]:
        if train.nnz > MANY_PAIRS:
            return []
        assert chosen.rank is not None
        assert chosen.alpha is not None
        assert chosen.popularity_power is not None
        around = {
            "rank": tuple(max(1, round(chosen.rank * factor)) for factor in (1.0, 3 / 4, 3 / 2)),
            "alpha": tuple(chosen.alpha * factor for factor in (1.0, 3 / 5, 5 / 3)),
            "popularity_power": tuple(round(chosen.popularity_power + by, 6) for by in (0.0, -0.05, 0.05)),
        }
        return [tried for tried in filled(config, chosen, around) if tried != chosen]

    @classmethod
    def trials(cls, tried: Sequence[GFCFConfig], train: sp.csr_matrix) -> Iterator[Trial]:
        widest = fit_graph_filter(train, max(chosen.rank or 0 for chosen in tried), 1.0)
        linear = Remembered(lambda user_idx: widest.linear(train[user_idx]))
        last = 0
        for chosen in tried:
            assert chosen.rank is not None
            assert chosen.alpha is not None
            assert chosen.popularity_power is not None
            if last != (last := chosen.rank):
                narrow = widest.narrowed(last, 1.0)
                smooth = Remembered(lambda user_idx, narrow=narrow: narrow.low_pass(train[user_idx]))  # type: ignore[misc]
            weight = popularity(train, chosen.popularity_power)

            def score(
                user_idx: np.ndarray,
                smooth: Remembered = smooth,
                alpha: np.float32 = np.float32(chosen.alpha),  # noqa: B008 - the value of this trial
                weight: np.ndarray = weight,
            ) -> np.ndarray:
                return np.asarray((linear(user_idx) + alpha * smooth(user_idx)) * weight)

            yield Trial(chosen, None, score)

    @classmethod
    def fitted(cls, config: GFCFConfig, train: sp.csr_matrix) -> Self:
        assert config.rank is not None
        assert config.alpha is not None
        assert config.popularity_power is not None
        filters = fit_graph_filter(train, config.rank, config.alpha)
        return cls(config, train, filters, popularity(train, config.popularity_power))

    def beside_texts(self, config: GFCFConfig) -> Self:
        if config.rank != self.config.rank:
            return self.fitted(config, self.train)
        assert config.alpha is not None
        assert config.popularity_power is not None
        power = popularity(self.train, config.popularity_power)
        return replace(self, config=config, filter=replace(self.filter, alpha=config.alpha), popularity=power)

    def history_scores(self, rows: sp.csr_matrix) -> np.ndarray:
        return np.asarray(self.filter.score(rows) * self.popularity)

    def text_parts(
        self, settings: Sequence[TextSettings], texts: np.ndarray
    ) -> Iterator[tuple[TextSettings, TextPart]]:
        maps = dict[float, np.ndarray]()
        for chosen in settings:
            if chosen.form not in ("map", "cosine"):
                raise LmmrecError(
                    f"text form {chosen.form!r} is a part of EASE's own matrix, which base model 'gfcf' does not have; "
                    "choose map or cosine, or base model ease"
                )
            if chosen.form == "cosine":
                yield chosen, cosine_part(texts, chosen.weight)
                continue
            if chosen.shrinkage not in maps:
                maps[chosen.shrinkage] = learned_map(self.train, texts, (chosen.shrinkage,))[0]
            yield chosen, mapped_part(texts, maps[chosen.shrinkage], chosen.weight)

    @classmethod
    def text_grid(cls, config: GFCFConfig, chosen: GFCFConfig, train: sp.csr_matrix) -> Sequence[TextChoice]:
        assert chosen.alpha is not None
        assert chosen.popularity_power is not None
        weights: tuple[float, ...]
        cosines: tuple[float, ...]
        if train.nnz > MANY_PAIRS:
            bases, weights, cosines = [chosen], (0.2, 0.4, 0.8), (0.1, 0.3)
        else:
            powers = tuple(round(chosen.popularity_power + by, 6) for by in (0.0, -0.1, 0.1))
            around = {"alpha": (chosen.alpha, chosen.alpha / 2), "popularity_power": powers}
            bases = filled(config, chosen, around)
            weights, cosines = (0.1, 0.2, 0.4, 0.8, 1.2), (0.1, 0.2, 0.3, 0.5)
        texts = [TextSettings("map", weight, mu) for mu, weight in product((0.03, 0.3), weights)]
        texts += [TextSettings("cosine", weight) for weight in cosines]
        return [TextChoice(base, text) for base, text in product(bases, texts)]

    def own_tensors(self) -> dict[str, Tensor]:
        return {
            "vectors": torch.from_numpy(self.filter.vectors),
            "alpha": torch.tensor(self.filter.alpha, dtype=torch.float64),
            "popularity": torch.from_numpy(self.popularity),
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> Self:
        vectors = array_in(tensors, "vectors")
        train = histories_in(tensors, len(vectors))
        filters = graph_filter(train, vectors, float(tensors["alpha"]))
        return cls(GFCFConfig(), train, filters, array_in(tensors, "popularity"))

    @staticmethod
    def final_shapes(config: BaseConfig, num_users: int, num_items: int) -> dict[str, tuple[int | None, ...]]:
        own = {"user_starts": (num_users + 1,), "history": (None,), "vectors": (num_items, None), "alpha": ()}
        return own | {"popularity": (num_items,)} | text_shapes(num_items)
