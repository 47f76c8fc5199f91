"""RecBole's LightGCN as a worker, on ready splits (`benchmark_filename`), evaluated by RecBole's own full ranking.

RecBole 1.2.1 was written for NumPy 1 and an older SciPy: what it asks for by names that are gone is given back first.
"""

from __future__ import annotations

import os
import sys
import tempfile
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

for _old, _new in {"float_": np.float64, "complex_": np.complex128, "unicode_": np.str_, "bool8": np.bool_}.items():
    if not hasattr(np, _old):
        setattr(np, _old, _new)
if not hasattr(sp.dok_matrix, "_update"):

    def _update(self: Any, entries: Any) -> None:
        """Takes over a dictionary of (row, column) -> value without checking it."""
        self._dict.update(entries)

    sp.dok_matrix._update = _update

import recbole  # noqa: E402
import torch  # noqa: E402
from recbole.config import Config  # noqa: E402
from recbole.data import create_dataset, data_preparation  # noqa: E402
from recbole.model.general_recommender import LightGCN  # noqa: E402
from recbole.trainer import Trainer  # noqa: E402
from recbole.utils import init_seed  # noqa: E402

from benchmarks.peers.data import DIM, KS, L2, LAYERS, LEARNING_RATE, SEED, Split, arguments, read_split  # noqa: E402
from benchmarks.peers.protocol import Stopwatch, serve  # noqa: E402

SCORES = 4 * 2**20
"""Scores held at once while ranking, about as in ours: what somebody sets who cares."""
AS_SHIPPED = 4096
"""RecBole's own `eval_batch_size`: users are ranked one by one on such a catalogue."""
NAME = "split"


class RecBole:
    """Everything is built anew for another batch size: its loaders are fixed when they are made."""

    def __init__(self, split: Split, threads: int, scratch: Path, as_shipped: bool) -> None:
        torch.set_num_threads(threads)
        self.scratch, self.batch_size, self.epochs, self.as_shipped = scratch, 0, 0, as_shipped
        write_atomic_files(split, scratch / NAME)

    @property
    def scores(self) -> int:
        return AS_SHIPPED if self.as_shipped else SCORES

    def describe(self) -> dict[str, Any]:
        return {
            "tasks": ["evaluate"] if self.as_shipped else ["epoch", "evaluate"],
            "versions": {"recbole": recbole.__version__, "torch": torch.__version__},
            "note": "no edge drop, negatives rejected against train; Recall and NDCG at 5, 10, 20; "
            f"eval_batch_size {self.scores}",
        }

    def epoch(self, batch_size: int, steps: int | None) -> dict[str, float]:
        self._build(batch_size)
        self.epochs += 1
        whole = len(self.train)
        done = whole if steps is None else min(steps, whole)
        batches = self.train if steps is None else islice(self.train, steps)
        with Stopwatch() as watch:
            self.trainer._train_epoch(batches, self.epochs)
        return {"epoch_s": watch.seconds / done * whole, "steps": done, "step_s": watch.seconds / done}

    def evaluate(self) -> dict[str, float]:
        self._build(self.batch_size or 4096)
        with Stopwatch() as watch:
            found = self.trainer.evaluate(self.validation, load_best_model=False)
        return {"evaluate_s": watch.seconds, "recall_20": float(found["recall@20"])}

    def fit(self) -> dict[str, float]:
        raise NotImplementedError

    def _build(self, batch_size: int) -> None:
        if batch_size == self.batch_size:
            return
        self.batch_size = batch_size
        config = Config(model="LightGCN", dataset=NAME, config_dict=settings(self.scratch, batch_size, self.scores))
        init_seed(SEED, True)
        self.train, self.validation, _ = data_preparation(config, create_dataset(config))
        self.trainer = Trainer(config, LightGCN(config, self.train.dataset).to(config["device"]))


def settings(scratch: Path, batch_size: int, scores: int) -> dict[str, Any]:
    """RecBole's own names for what all implementations here share."""
    return {
        "data_path": str(scratch),
        "checkpoint_dir": str(scratch / "saved"),
        "benchmark_filename": ["train", "valid", "test"],
        "load_col": {"inter": ["user_id", "item_id"]},
        "embedding_size": DIM,
        "n_layers": LAYERS,
        "reg_weight": L2,
        "learning_rate": LEARNING_RATE,
        "train_batch_size": batch_size,
        "eval_batch_size": scores,
        "eval_args": {"split": {"RS": [0.8, 0.1, 0.1]}, "group_by": "user", "order": "RO", "mode": "full"},
        "metrics": ["Recall", "NDCG"],
        "topk": list(KS),
        "valid_metric": "Recall@20",
        "use_gpu": False,
        "gpu_id": "",
        "show_progress": False,
        "state": "ERROR",
        "seed": SEED,
    }


def write_atomic_files(split: Split, folder: Path) -> None:
    """The split in RecBole's format; its test part is validation once more, since one has to be there."""
    folder.mkdir(parents=True)
    for name, matrix in (("train", split.train), ("valid", split.validation), ("test", split.validation)):
        pairs = matrix.tocoo()
        rows = "".join(f"{user}\t{item}\n" for user, item in zip(pairs.row, pairs.col, strict=True))
        path = folder / f"{NAME}.{name}.inter"
        path.write_text(f"user_id:token\titem_id:token\n{rows}", encoding="utf-8")


if __name__ == "__main__":
    parser = arguments()
    parser.add_argument("--as-shipped", action="store_true", help="rank with RecBole's own eval_batch_size")
    given = parser.parse_args()
    folder = given.data.resolve()
    sys.argv = sys.argv[:1]  # RecBole reads the command line itself
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)  # it writes logs where it stands
        serve(RecBole(read_split(folder), given.threads, Path(scratch), given.as_shipped))
