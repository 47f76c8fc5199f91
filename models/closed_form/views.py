"""How much each view of a text counts where one vector holds several, as that of encoder `both` does.

A view is a run of columns that one encoder made. With shares s the product of two texts is sum_v s_v <a_v, b_v>: the kernels
of the views, weighed. Which shares are tried is said here, which are kept is decided on validation (`models.training.search`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.closed_form.text_part import centred
from models.errors import LmmrecError

LEANING = 0.75
"""Share of a view that counts for more than the others together."""


def shared(vectors: np.ndarray, widths: Sequence[int], shares: Sequence[float]) -> np.ndarray:
    """(n, d) vectors with the columns of view v multiplied by sqrt(s_v); no shares leave them as they are.

    Raises:
        LmmrecError: there is not one share a view.
    """
    if not shares:
        return vectors
    if len(shares) != len(widths) or sum(widths) != vectors.shape[1]:
        raise LmmrecError(
            f"{len(shares)} view shares were given for text vectors of {vectors.shape[1]} numbers in {len(widths)} "
            f"view(s) of {', '.join(map(str, widths))}; give one share a view, or none"
        )
    return vectors * np.sqrt(np.repeat(np.asarray(shares, dtype=np.float64), widths))


def shares_to_try(count: int) -> list[tuple[float, ...]]:
    """What is tried beside equal shares: leaning on each of `count` views, then each alone; nothing for a single one.

    >>> shares_to_try(2)
    [(0.75, 0.25), (0.25, 0.75), (1.0, 0.0), (0.0, 1.0)]
    """
    if count < 2:
        return []
    rest = (1.0 - LEANING) / (count - 1)
    leaning = [tuple(LEANING if at == view else rest for at in range(count)) for view in range(count)]
    alone = [tuple(float(at == view) for at in range(count)) for view in range(count)]
    return leaning + alone


class ItemTexts:
    """The text vectors of a catalogue, read with any shares of their views."""

    def __init__(self, vectors: np.ndarray, widths: Sequence[int] = ()) -> None:
        """`vectors` is (items, d); `widths` the columns of each view in their order, one view where there are none."""
        self._vectors, self.widths = vectors, tuple(widths) or (vectors.shape[1],)
        self._last: tuple[tuple[float, ...], np.ndarray] | None = None

    @classmethod
    def centred(cls, rows: np.ndarray) -> ItemTexts:
        """Of F itself, (items, d) float32, which is one view."""
        found = cls(rows)
        found._last = (), rows
        return found

    def read(self, shares: tuple[float, ...] = ()) -> np.ndarray:
        """F, (items, d) float32, `centred`."""
        if self._last is None or self._last[0] != shares:
            self._last = shares, centred(shared(self._vectors, self.widths, shares))
        return self._last[1]
