"""`implicit` as a worker: ALS (a whole fit) or BPR (a pass over as many samples as pairs), and its `recommend`.

Matrix factorisation without a graph: less work for each pair than LightGCN. What it ranks are lists without metrics.
"""

from __future__ import annotations

from typing import Any

import implicit
import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from implicit.cpu.bpr import BayesianPersonalizedRanking
from threadpoolctl import threadpool_limits

from benchmarks.peers.data import DIM, SEED, Split, arguments, read_split
from benchmarks.peers.protocol import Stopwatch, serve

PASSES = 10
"""BPR passes in one measurement, so that setting up is spread as in a real fit."""


class Implicit:
    """`als`: d = 32, regularisation 5, alpha 20, 15 sweeps; `bpr`: d = 32, rate 0.05, regularisation 0.01."""

    def __init__(self, split: Split, threads: int, model: str) -> None:
        self.split, self.threads, self.name = split, threads, model
        self.model: Any = None

    def describe(self) -> dict[str, Any]:
        return {
            "tasks": ["fit" if self.name == "als" else "epoch", "evaluate"],
            "versions": {"implicit": implicit.__version__},
            "note": "matrix factorisation, no graph; ranking gives lists of 20 without metrics"
            + ("" if self.name == "als" else "; batches do not apply"),
        }

    def epoch(self, batch_size: int, steps: int | None) -> dict[str, float]:
        self.model = BayesianPersonalizedRanking(
            factors=DIM,
            learning_rate=0.05,
            regularization=0.01,
            iterations=PASSES,
            num_threads=self.threads,
            random_state=SEED,
        )
        return {"epoch_s": self._fitted() / PASSES}

    def fit(self) -> dict[str, float]:
        self.model = AlternatingLeastSquares(
            factors=DIM, regularization=5.0, alpha=20.0, num_threads=self.threads, random_state=SEED
        )
        return {"fit_s": self._fitted()}

    def evaluate(self) -> dict[str, float]:
        if self.model is None:
            self.fit() if self.name == "als" else self.epoch(0, None)
        train, validation, users = self.split.train, self.split.validation, self.split.users
        with Stopwatch() as watch:
            lists, _ = self.model.recommend(users, train[users], N=20, filter_already_liked_items=True)
        wanted = validation[users].toarray() > 0
        hits = np.take_along_axis(wanted, lists.astype(np.int64), axis=1).sum(axis=1)
        return {"evaluate_s": watch.seconds, "recall_20": float((hits / wanted.sum(axis=1)).mean())}

    def _fitted(self) -> float:
        with Stopwatch() as watch:
            self.model.fit(self.split.train, show_progress=False)
        return watch.seconds


if __name__ == "__main__":
    parser = arguments()
    parser.add_argument("--model", choices=["als", "bpr"], default="als")
    given = parser.parse_args()
    threadpool_limits(1, "blas")  # as the package asks for; its own loops have all threads
    serve(Implicit(read_split(given.data), given.threads, given.model))
