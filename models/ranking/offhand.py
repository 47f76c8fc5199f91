"""Rankings on the way to a measurement: scores from anywhere, one of many looks, none of them told as progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from models.progress import Silence, reporting_to
from models.ranking.evaluate import Evaluation, evaluate
from models.ranking.protocol import Scorer


@dataclass(frozen=True)
class ScoredBy:
    """A scorer out of what computes scores."""

    compute: Callable[[np.ndarray], np.ndarray]
    """(batch,) int64 users -> (batch, items), fresh."""

    @classmethod
    def table(cls, scores: np.ndarray) -> ScoredBy:
        """Scores that are there, (users, items)."""
        return cls(lambda user_idx: np.array(scores[user_idx]))

    def score(self, user_idx: np.ndarray) -> np.ndarray:
        return self.compute(user_idx)


def rank_quietly(scorer: Scorer, train: sp.csr_matrix, truth: sp.csr_matrix, k: int) -> Evaluation:
    """The lists of everybody who has pairs in `truth`, train items hidden (protocol `rlmrec`)."""
    with reporting_to(Silence()):
        return evaluate(scorer, train, sp.csr_matrix(train.shape), truth, ("rlmrec",), (k,))
