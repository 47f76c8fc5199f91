"""Which items a user may be shown when the test part is ranked, and what a scorer is.

`rlmrec` hides train items alone, as the code behind the printed tables does; `strict` hides validation items too, as
production would. Every number says which one it was measured under (docs/protocol.md).
"""

from __future__ import annotations

import typing
from typing import Literal

import numpy as np
import scipy.sparse as sp
from torch import Tensor

from models.errors import LmmrecError
from models.graph import binary_csr

Protocol = Literal["rlmrec", "strict"]
PROTOCOLS: tuple[Protocol, ...] = ("rlmrec", "strict")


class Scorer(typing.Protocol):
    """Anything that ranks: a fitted model, an anchor."""

    def score(self, user_idx: np.ndarray) -> Tensor | np.ndarray:
        """(batch,) int64 users -> (batch, items) scores, higher is better; fresh, so that the caller may overwrite them."""


def hidden_items(protocol: Protocol, train: sp.csr_matrix, validation: sp.csr_matrix) -> sp.csr_matrix:
    """(users, items) binary: what may not be recommended when the test part is ranked."""
    if protocol == "rlmrec":
        return binary_csr(train)
    if protocol == "strict":
        return binary_csr(sp.csr_matrix(train) + sp.csr_matrix(validation))
    raise LmmrecError(f"there is no evaluation protocol {protocol!r}; choose one of {', '.join(PROTOCOLS)}")
