"""Ours as a worker: LightGCN of this repository, or LMMRec on it with random texts."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.peers.data import DIM, KS, L2, LAYERS, LEARNING_RATE, SEED, Split, arguments, read_split
from benchmarks.peers.protocol import Stopwatch, serve
from models.bases import LightGCNConfig
from models.enhancers import LMMRecConfig
from models.ranking.evaluate import evaluate
from models.training.config import RunConfig, TrainingConfig
from models.training.data import TrainingData
from models.training.trainer import Trainer


class Ours:
    """`text_dim` > 0 puts LMMRec on top, with random texts of that width and all its losses on from the first step."""

    def __init__(self, split: Split, threads: int, text_dim: int = 0) -> None:
        torch.set_num_threads(threads)
        self.split, self.text_dim = split, text_dim
        texts: list[np.ndarray | None] = [None, None]
        if text_dim:
            rng = np.random.default_rng(SEED)
            texts = [rng.standard_normal((rows, text_dim), dtype=np.float32) for rows in split.train.shape]
        self.data = TrainingData(split.train, split.validation, *texts)
        self.run = RunConfig(seed=SEED, threads=threads)
        self.trainer: Trainer | None = None
        self.batch_size = self.epochs = 0

    def describe(self) -> dict[str, Any]:
        return {
            "tasks": ["epoch", "evaluate"],
            "versions": {"torch": torch.__version__, "numpy": np.__version__},
            "note": "drops edges (keep 0.8, a new mask each step), negatives rejected against train; "
            "Recall and NDCG at 5, 10, 20, coverage, Gini, popularity",
        }

    def epoch(self, batch_size: int, steps: int | None) -> dict[str, float]:
        trainer = self._trainer(batch_size)
        self.epochs += 1
        whole = trainer.sampler.num_batches
        if steps is None:
            with Stopwatch() as watch:
                trainer.run_epoch(self.epochs)
            return {"epoch_s": watch.seconds, "steps": whole, "step_s": watch.seconds / whole}
        batches = trainer.sampler.epoch(trainer.device)
        with Stopwatch() as sampling:  # the first batch draws all negatives of the epoch
            first = next(batches)
        with Stopwatch() as watch:
            trainer.run_step(first, float(self.epochs))
            done = 1
            for batch in islice(batches, steps - 1):
                trainer.run_step(batch, float(self.epochs))
                done += 1
        step_s = watch.seconds / done
        return {"epoch_s": sampling.seconds + step_s * whole, "steps": done, "step_s": step_s}

    def evaluate(self) -> dict[str, float]:
        trainer = self.trainer or self._trainer(4096)
        with Stopwatch() as watch:
            found = evaluate(
                _Snapshot(trainer), self.split.train, self.split.validation, self.split.validation, ("rlmrec",), KS
            ).means("rlmrec")
        return {"evaluate_s": watch.seconds, "recall_20": found["recall_20"]}

    def fit(self) -> dict[str, float]:
        raise NotImplementedError

    def _trainer(self, batch_size: int) -> Trainer:
        if self.trainer is None or self.batch_size != batch_size:
            self.trainer = None
            enhancer = LMMRecConfig(warmup_epochs=0.0) if self.text_dim else None
            training = TrainingConfig(batch_size=batch_size, learning_rate=LEARNING_RATE)
            base = LightGCNConfig(dim=DIM, num_layers=LAYERS, l2=L2)
            self.trainer, self.batch_size = Trainer(self.data, base, enhancer, training, self.run), batch_size
        return self.trainer


class _Snapshot:
    """The model as it is now, as a scorer; propagation belongs to the ranking's time."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer, self._tensors = trainer, trainer.final_tensors()

    def score(self, user_idx: np.ndarray) -> Tensor:
        return self._trainer.base.score(self._tensors, torch.from_numpy(user_idx))


if __name__ == "__main__":
    parser = arguments()
    parser.add_argument("--text-dim", type=int, default=0)
    given = parser.parse_args()
    serve(Ours(read_split(given.data), given.threads, given.text_dim))
