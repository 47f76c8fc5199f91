"""ALS: weighted matrix factorisation of implicit feedback (Hu, Koren and Volinsky, ICDM 2008), fitted by `implicit`.

Its conjugate-gradient solver is that of Takacs, Pilaszy and Tikk (RecSys 2011). The package is imported when a model is
fitted, so that the other anchors do without it.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp

from models.anchors.contract import Anchor, Settings
from models.errors import LmmrecError

SEED = 2023
"""Of the start factors, the only random thing here."""


class ALS(Anchor):
    """score(u, i) = x_u·y_i, where X (users, factors) and Y (items, factors) alternately minimise

    sum over all (u, i) of c_ui (r_ui - x_u·y_i)^2 + regularisation·(|X|^2 + |Y|^2), with c = alpha where r = 1, else 1.
    """

    GRID: ClassVar[tuple[Settings, ...]] = tuple(
        {"factors": factors, "regularisation": regularisation, "alpha": alpha}
        for factors, regularisation, alpha in (
            (32, 5.0, 20.0),
            (16, 50.0, 20.0),
            (64, 1.0, 5.0),
            (64, 100.0, 40.0),
            (128, 20.0, 40.0),
            (256, 50.0, 40.0),
        )
    )

    def __init__(
        self, factors: int = 32, regularisation: float = 5.0, alpha: float = 20.0, iterations: int = 15
    ) -> None:
        self.factors, self.regularisation, self.alpha, self.iterations = factors, regularisation, alpha, iterations

    def learn(self, train: sp.csr_matrix) -> None:
        solver, single_threaded = _implicit()
        with single_threaded(limits=1, user_api="blas"):  # rows share the threads; a split inner product would vary
            model = solver(
                factors=self.factors,
                regularization=self.regularisation,
                alpha=self.alpha,
                iterations=self.iterations,
                random_state=SEED,
            )
            model.fit(train, show_progress=False)
        self.users, self.items = np.asarray(model.user_factors), np.asarray(model.item_factors)

    def score(self, user_idx: np.ndarray) -> np.ndarray:
        return np.asarray(self.users[user_idx] @ self.items.T, dtype=np.float32)


def _implicit() -> tuple[Any, Any]:
    """The solver's class on the CPU and the limiter of BLAS threads."""
    try:
        from implicit.cpu.als import AlternatingLeastSquares
        from threadpoolctl import threadpool_limits
    except ImportError as error:
        raise LmmrecError(
            "the anchor `als` needs the package `implicit`, which is not installed; run `pip install 'implicit>=0.7.3,<0.8'`"
        ) from error
    return AlternatingLeastSquares, threadpool_limits
