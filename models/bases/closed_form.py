"""What a base model without training steps is: fitted by a formula, tried under many settings, with texts beside it.

EASE and GF-CF fill this in. Choosing among what `trials` and `text_trials` yield belongs to `models.training.search`; the
formulas are `models.closed_form`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, product
from typing import Any, Self, TypeVar

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from models.bases.config import BaseConfig
from models.bases.contract import HistoryShares, Scored
from models.closed_form.text_part import TextPart, TextSettings

Config = TypeVar("Config", bound=BaseConfig)


class Remembered:
    """Scores by users, computed once: trials that differ in what comes afterwards share them."""

    def __init__(self, compute: Callable[[np.ndarray], np.ndarray]) -> None:
        self._compute, self._kept = compute, dict[bytes, np.ndarray]()

    def __call__(self, user_idx: np.ndarray) -> np.ndarray:
        """A copy, which the caller may overwrite."""
        key = np.ascontiguousarray(user_idx, dtype=np.int64).tobytes()
        if key not in self._kept:
            self._kept[key] = self._compute(user_idx)
        return self._kept[key].copy()


@dataclass(frozen=True)
class TextChoice:
    """Texts, and the base's own settings beside which they are tried."""

    base: BaseConfig
    text: TextSettings


@dataclass(frozen=True)
class Trial:
    """One setting, ready to be ranked with."""

    base: BaseConfig
    text: TextSettings | None
    """None where texts weigh nothing."""
    score: Callable[[np.ndarray], np.ndarray]
    """(batch,) int64 users -> (batch, items) float32, fresh."""


class ClosedFormBase(Scored):
    """A model fitted to one train matrix under one setting."""

    config: BaseConfig
    train: sp.csr_matrix

    @classmethod
    @abstractmethod
    def grid(cls, config: Any, train: sp.csr_matrix) -> Sequence[Any]:
        """`config` with everything that it leaves open filled in, in every way that data of this size can afford; the
        default first, and those that share a fit together."""

    @classmethod
    @abstractmethod
    def finer(cls, config: Any, chosen: Any, train: sp.csr_matrix) -> Sequence[Any]:
        """What is tried next, around the best of `grid`, without it; those that share a fit together. Empty for large data."""

    @classmethod
    @abstractmethod
    def trials(cls, tried: Sequence[Any], train: sp.csr_matrix) -> Iterator[Trial]:
        """Each of these settings, which leave nothing open, fitted to `train`."""

    @classmethod
    @abstractmethod
    def fitted(cls, config: Any, train: sp.csr_matrix) -> Self:
        """The model of settings that leave nothing open."""

    @abstractmethod
    def beside_texts(self, config: Any) -> Self:
        """The model of a setting out of `text_grid`, which shares with this one what it can."""

    @abstractmethod
    def history_scores(self, rows: sp.csr_matrix) -> np.ndarray:
        """(batch, items) binary histories -> (batch, items) float32 scores without texts."""

    @abstractmethod
    def text_parts(
        self, settings: Sequence[TextSettings], texts: np.ndarray
    ) -> Iterator[tuple[TextSettings, TextPart]]:
        """What texts F (items, d) add under each of these settings; their weights are above 0."""

    @classmethod
    @abstractmethod
    def text_grid(cls, config: Any, chosen: Any, train: sp.csr_matrix) -> Sequence[TextChoice]:
        """What is tried with texts, the base's own settings together with theirs, since texts do part of what these do alone.

        Weights are above 0. Where nothing is fixed, no more of them than `grid` and `finer` have of settings without texts;
        those of the same base together, forms in the order in which `models.training.search` compares them.

        Args:
            config: the base as it was asked for; what it fixes stays.
            chosen: the best setting without texts.
        """

    @abstractmethod
    def own_tensors(self) -> dict[str, Tensor]:
        """What a checkpoint holds beside texts."""

    @classmethod
    @abstractmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> Self:
        """The model as a checkpoint holds it, good for scoring."""

    def text_trials(self, tried: Sequence[TextChoice], texts: np.ndarray) -> Iterator[Trial]:
        """Each of these choices on the train matrix of this model; those of the same base share its fit where they stand
        together."""
        for config, choices in groupby(tried, key=lambda choice: choice.base):
            model = self if config == self.config else self.beside_texts(config)
            yield from model._with_texts([choice.text for choice in choices], texts)

    def _with_texts(self, settings: Sequence[TextSettings], texts: np.ndarray) -> Iterator[Trial]:
        plain = Remembered(lambda user_idx: self.history_scores(self.train[user_idx]))
        for chosen, part in self.text_parts(settings, texts):

            def score(user_idx: np.ndarray, part: TextPart = part) -> np.ndarray:
                return part.added_to(plain(user_idx), self.train[user_idx])

            yield Trial(self.config, chosen, score)

    def tensors(self, part: TextPart | None) -> dict[str, Tensor]:
        """All that `score` needs."""
        histories = {"user_starts": _int32(self.train.indptr), "history": _int32(self.train.indices)}
        return histories | self.own_tensors() | text_tensors(part, self.train.shape[1])

    @classmethod
    def scorer(cls, tensors: Mapping[str, Tensor]) -> Callable[[Tensor], Tensor]:
        model, part = cls.from_tensors(tensors), part_in(tensors)
        return lambda user_idx: torch.from_numpy(_whole_scores(model, part, model.train[user_idx.cpu().numpy()]))

    @classmethod
    def scores_of(cls, tensors: Mapping[str, Tensor], rows: sp.csr_matrix) -> np.ndarray:
        """(batch, items) binary histories of anybody, fitted on or not -> (batch, items) float32 scores."""
        return _whole_scores(cls.from_tensors(tensors), part_in(tensors), rows)

    @classmethod
    def score(cls, tensors: Mapping[str, Tensor], user_idx: Tensor) -> Tensor:
        return cls.scorer(tensors)(user_idx)

    @classmethod
    def history_shares(
        cls,
        config: BaseConfig,
        final: Mapping[str, Tensor],
        parameters: Mapping[str, Tensor],
        train: sp.csr_matrix,
        user_idx: int,
        item_idx: int,
    ) -> HistoryShares:
        """Both parts are linear in the history: the response to each of its items alone, texts apart."""
        model, part = cls.from_tensors(final), part_in(final)
        row = model.train[[user_idx]]
        alone = single_rows(row.indices, row.shape[1])
        shares = model.history_scores(alone)[:, item_idx].astype(np.float64)
        if part is None:
            return HistoryShares(0.0, shares, np.zeros_like(shares))
        factor = float(part.factors(model.history_scores(row), part.scores(row))[0])
        of_texts = factor * part.scores(alone)[:, item_idx].astype(np.float64)
        return HistoryShares(0.0, shares * float(part.scale[item_idx]) + of_texts, of_texts)

    @classmethod
    def text_reading(cls, tensors: Mapping[str, Tensor], user_idx: int, item_idx: int) -> TextReading | None:
        """Where the text part of one score is read; None where texts weigh nothing."""
        model, part = cls.from_tensors(tensors), part_in(tensors)
        if part is None:
            return None
        row = model.train[[user_idx]]
        factor = float(part.factors(model.history_scores(row), part.scores(row))[0])
        asked = part.asked_of(row, factor, item_idx)
        return TextReading(float(asked @ part.right[item_idx].astype(np.float64)), part.direction(asked, item_idx))


def filled(config: Config, beside: Config, values: Mapping[str, Sequence[Any]]) -> list[Config]:
    """`beside` with each setting that `config` leaves open at each of its `values`, in every combination, the last fastest."""
    choices = [tried if getattr(config, name) is None else (getattr(config, name),) for name, tried in values.items()]
    return [beside.model_copy(update=dict(zip(values, chosen, strict=True))) for chosen in product(*choices)]


def _whole_scores(model: ClosedFormBase, part: TextPart | None, rows: sp.csr_matrix) -> np.ndarray:
    plain = model.history_scores(rows)
    return plain if part is None else part.added_to(plain, rows)


@dataclass(frozen=True)
class TextReading:
    """What texts add to one score, and what of it is read in the item's own text."""

    total: float
    direction: np.ndarray | None
    """g, (d,) float64: the item's own text F_j adds g·F_j; None where the model cannot tell it from other items' texts."""


def text_tensors(part: TextPart | None, num_items: int) -> dict[str, Tensor]:
    """A text part as tensors; of width 0 where there is none."""
    if part is None:
        nothing, ones = np.zeros((num_items, 0), dtype=np.float32), np.ones(num_items, dtype=np.float32)
        part = TextPart(nothing, nothing, ones)
    read = {"text_own": part.own, "text_reader": part.reader}
    return {
        "text_left": torch.from_numpy(part.left),
        "text_right": torch.from_numpy(part.right.copy()),  # may be `left`, and a file takes no tensor twice
        "text_scale": torch.from_numpy(part.scale),
        "text_relative": torch.tensor(part.relative, dtype=torch.float64),
        **{name: torch.from_numpy(array.copy()) for name, array in read.items() if array is not None},
    }


def part_in(tensors: Mapping[str, Tensor]) -> TextPart | None:
    """The text part among the tensors of a checkpoint, None where its weight is 0."""
    left, right, scale = (array_in(tensors, f"text_{name}") for name in ("left", "right", "scale"))
    if not left.shape[1]:
        return None
    own, reader = (array_in(tensors, name) if name in tensors else None for name in ("text_own", "text_reader"))
    return TextPart(left, right, scale, float(tensors["text_relative"]), own, reader)


def text_shapes(num_items: int) -> dict[str, tuple[int | None, ...]]:
    """Shapes of `text_tensors`."""
    both = (num_items, None)
    return {"text_left": both, "text_right": both, "text_scale": (num_items,), "text_relative": ()}


def array_in(tensors: Mapping[str, Tensor], name: str) -> np.ndarray:
    return np.asarray(tensors[name].detach().cpu().numpy())


def histories_in(tensors: Mapping[str, Tensor], num_items: int) -> sp.csr_matrix:
    """(users, items) binary float32 train matrix of a checkpoint."""
    starts, history = array_in(tensors, "user_starts"), array_in(tensors, "history")
    return sp.csr_matrix((np.ones(len(history), dtype=np.float32), history, starts), (len(starts) - 1, num_items))


def single_rows(items: np.ndarray, num_items: int) -> sp.csr_matrix:
    """(n, items) histories of one item each."""
    count = len(items)
    return sp.csr_matrix((np.ones(count, dtype=np.float32), (np.arange(count), items)), (count, num_items))


def _int32(array: np.ndarray) -> Tensor:
    return torch.from_numpy(array.astype(np.int32))
