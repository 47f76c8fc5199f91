"""EASE as a base model: user weighting, drop-out noise and popularity power chosen with lambda on validation.

Tuned this way it is far above plain EASE on long-tailed data; a gain of texts counts only on top of it. Texts come in as
further rows (`text_kernel`), as a prior (`text_prior`) or beside it (`text_map`). The formulas are `models.closed_form`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from models.bases.config import EASE_MAX_ITEMS, BaseConfig, EaseConfig
from models.closed_form.ease import EaseFit, fit_ease, popularity
from models.closed_form.text_kernel import TextKernel
from models.closed_form.text_map import cosine_part, learned_map, mapped_part
from models.closed_form.text_part import TextPart, TextSettings
from models.closed_form.text_prior import text_prior
from models.errors import LmmrecError

MANY_ITEMS, MORE_ITEMS = 4_000, 12_000
"""Above these fewer settings are tried: each inversion costs items^3 multiplications."""
USER_POWERS, PENALTIES, DROPOUTS, POPULARITY_POWERS = (
    (0.5, 0.0),
    (100.0, 300.0, 1000.0, 30.0),
    (0.5, 3.0, 0.0),
    (0.2, 0.0, 0.1, 0.3, 0.4, -0.1),
)
"""What is tried where settings are left open, the default first; of popularity powers the more, the fewer fits there are."""


@dataclass(frozen=True)
class EASE(ClosedFormBase):
    """score = (x_u B) n^-delta."""

    config: EaseConfig
    train: sp.csr_matrix
    fit: EaseFit
    popularity: np.ndarray
    """n_j^-delta, (items,) float32."""

    @classmethod
    def grid(cls, config: EaseConfig, train: sp.csr_matrix) -> Sequence[EaseConfig]:
        num_items = train.shape[1]
        if num_items > EASE_MAX_ITEMS:
            raise LmmrecError(
                f"base model 'ease' needs a dense matrix of {num_items:,} x {num_items:,} items, more than the "
                f"{EASE_MAX_ITEMS:,} it is allowed; use base model gfcf, or raise the k-core of the dataset"
            )
        tried: list[tuple[float, ...]] = [USER_POWERS, PENALTIES, DROPOUTS, POPULARITY_POWERS[:2]]
        if num_items > MORE_ITEMS:
            tried = [values[:1] for values in tried[:3]] + [POPULARITY_POWERS]
        elif num_items > MANY_ITEMS:
            tried = [USER_POWERS[:1], PENALTIES[:3:2], DROPOUTS[:2], POPULARITY_POWERS[:4]]
        names = ("user_power", "regularisation", "dropout", "popularity_power")
        return filled(config, config, dict(zip(names, tried, strict=True)))

    @classmethod
    def finer(cls, config: EaseConfig, chosen: EaseConfig, train: sp.csr_matrix) -> Sequence[EaseConfig]:
        if train.shape[1] > MANY_ITEMS:
            return []
        assert chosen.regularisation is not None
        assert chosen.dropout is not None
        assert chosen.popularity_power is not None
        around = {
            "regularisation": tuple(chosen.regularisation * factor for factor in (1.0, 2 / 3, 3 / 2)),
            "dropout": tuple(chosen.dropout * factor for factor in (1.0, 3 / 5, 5 / 3))
            if chosen.dropout
            else (0.0, 0.25),
            "popularity_power": tuple(round(chosen.popularity_power + by, 6) for by in (0.0, -0.1, 0.1)),
        }
        return [tried for tried in filled(config, chosen, around) if tried != chosen]

    @classmethod
    def trials(cls, tried: Sequence[EaseConfig], train: sp.csr_matrix) -> Iterator[Trial]:
        last: tuple[float | None, ...] = ()
        for chosen in tried:
            if last != (last := (chosen.user_power, chosen.regularisation, chosen.dropout)):
                fit = None  # before the next one is made
                fit = _fit(chosen, train)
                plain = Remembered(lambda user_idx, fit=fit: fit.score(train[user_idx]))  # type: ignore[misc]
            assert chosen.popularity_power is not None
            weight = popularity(train, chosen.popularity_power)
            yield Trial(chosen, None, lambda user_idx, plain=plain, weight=weight: plain(user_idx) * weight)  # type: ignore[misc]

    @classmethod
    def fitted(cls, config: EaseConfig, train: sp.csr_matrix) -> Self:
        assert config.popularity_power is not None
        return cls(config, train, _fit(config, train), popularity(train, config.popularity_power))

    def beside_texts(self, config: EaseConfig) -> Self:
        return self.fitted(config, self.train)

    def history_scores(self, rows: sp.csr_matrix) -> np.ndarray:
        return np.asarray(self.fit.score(rows) * self.popularity)

    def text_parts(
        self, settings: Sequence[TextSettings], texts: np.ndarray
    ) -> Iterator[tuple[TextSettings, TextPart]]:
        kernel, maps = None, dict[float, np.ndarray]()
        for chosen in settings:
            if chosen.form in ("prior", "map") and chosen.shrinkage not in maps:
                maps[chosen.shrinkage] = learned_map(self.train, texts, (chosen.shrinkage,))[0]
            if chosen.form == "kernel":
                kernel = kernel or TextKernel.of(self.fit, texts)
                yield chosen, self._as_rare(kernel.part(chosen.weight), chosen)
            elif chosen.form == "prior":
                part = text_prior(self.fit, texts, maps[chosen.shrinkage], chosen.weight)
                yield chosen, self._as_rare(part, chosen)
            elif chosen.form == "map":
                yield chosen, mapped_part(texts, maps[chosen.shrinkage], chosen.weight)
            else:
                yield chosen, cosine_part(texts, chosen.weight)

    def _as_rare(self, part: TextPart, chosen: TextSettings) -> TextPart:
        """A part of B itself is multiplied by n^-delta as B is, and both by n^-shift."""
        whole = part.weighted(self.popularity)
        return whole.scaled(popularity(self.train, chosen.popularity_shift)) if chosen.popularity_shift else whole

    @classmethod
    def text_grid(cls, config: EaseConfig, chosen: EaseConfig, train: sp.csr_matrix) -> Sequence[TextChoice]:
        num_items = train.shape[1]
        shifts: tuple[float, ...]
        weights: tuple[float, ...]
        if num_items > MORE_ITEMS:
            kernels, shifts, weights = [chosen], (0.0, -0.1), (5.0, 20.0)
            others = [TextSettings("prior", 0.3, 0.03), TextSettings("map", 0.4, 0.03)]
        elif num_items > MANY_ITEMS:
            kernels, shifts, weights = [chosen], (0.0, -0.1, -0.2), (5.0, 10.0, 20.0)
            others = [TextSettings("prior", weight, 0.03) for weight in (0.1, 0.3, 1.0)]
            others += [TextSettings("map", weight, 0.03) for weight in (0.1, 0.4)] + [TextSettings("cosine", 0.1)]
        else:
            kernels, shifts, weights = cls._less_own(config, chosen), (0.0, -0.1, -0.2), (2.0, 5.0, 10.0, 20.0, 40.0)
            others = [TextSettings("prior", c, mu) for mu, c in product((0.03, 0.3), (0.1, 0.3, 0.7, 1.5))]
            others += [TextSettings("map", weight, 0.03) for weight in (0.1, 0.2, 0.4, 0.8)]
            others += [TextSettings("cosine", weight) for weight in (0.1, 0.2)]
        joint = product(kernels, shifts, weights)
        return [
            *(
                TextChoice(base, TextSettings("kernel", weight, popularity_shift=shift))
                for base, shift, weight in joint
            ),
            *(TextChoice(chosen, text) for text in others),
        ]

    @classmethod
    def _less_own(cls, config: EaseConfig, chosen: EaseConfig) -> list[EaseConfig]:
        """`chosen` last, so that the forms after the kernel share its fit: rows of texts regularise, too, and more of the
        ridge, less of the noise may be right beside them."""
        assert chosen.regularisation is not None
        assert chosen.dropout is not None
        dropouts = (chosen.dropout * 3 / 5, chosen.dropout) if chosen.dropout else (0.0,)
        around = {"regularisation": (2 * chosen.regularisation, chosen.regularisation), "dropout": dropouts}
        return filled(config, chosen, around)

    def own_tensors(self) -> dict[str, Tensor]:
        return {"weights": torch.from_numpy(self.fit.weights), "popularity": torch.from_numpy(self.popularity)}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> Self:
        weights = array_in(tensors, "weights")
        unknown = np.zeros(0)  # what only a fit needs
        train = histories_in(tensors, len(weights))
        return cls(EaseConfig(), train, EaseFit(weights, unknown, unknown, 0.0), array_in(tensors, "popularity"))

    @staticmethod
    def final_shapes(config: BaseConfig, num_users: int, num_items: int) -> dict[str, tuple[int | None, ...]]:
        own = {"user_starts": (num_users + 1,), "history": (None,), "weights": (num_items, num_items)}
        return own | {"popularity": (num_items,)} | text_shapes(num_items)


def _fit(config: EaseConfig, train: sp.csr_matrix) -> EaseFit:
    assert config.regularisation is not None
    assert config.dropout is not None
    assert config.user_power is not None
    return fit_ease(train, config.regularisation, config.dropout, config.user_power)
