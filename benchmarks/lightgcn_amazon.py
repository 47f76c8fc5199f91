"""Trains LightGCN on the public RLMRec Amazon-book split and sets it beside the published numbers.

    python benchmarks/lightgcn_amazon.py DATA_FOLDER [--seed 2023] [--threads 2] [--device cpu]

DATA_FOLDER holds `trn_mat.npz`, `val_mat.npz`, `tst_mat.npz`. Preset `rlmrec`, d = 32, K = 3, protocol `rlmrec`; the
result goes to `benchmarks/results/lightgcn_amazon-seed<seed>-<device>.json`. About a minute and a half on two cores.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import sys
import time
from pathlib import Path

import scipy.sparse as sp
import torch

from models.bases import LightGCNConfig
from models.progress import LogLines, reporting_to
from models.ranking.evaluate import evaluate
from models.training.config import PRESETS, RunConfig
from models.training.data import TrainingData
from models.training.fit import fit

PUBLISHED = {
    "recall_5": 0.0579,
    "recall_10": 0.0916,
    "recall_20": 0.1434,
    "ndcg_5": 0.0584,
    "ndcg_10": 0.0700,
    "ndcg_20": 0.0869,
}
"""The reference code on this split, seed 2023."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seed", type=int, default=2023)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    train, validation, test = (
        sp.load_npz(arguments.data / f"{part}_mat.npz").tocsr() for part in ("trn", "val", "tst")
    )
    run = RunConfig(seed=arguments.seed, threads=arguments.threads, device=arguments.device)
    with reporting_to(LogLines(lambda line: print(line, file=sys.stderr))):
        model = fit(TrainingData(train, validation), LightGCNConfig(), None, PRESETS["rlmrec"], run)
    started_s = time.perf_counter()
    means = evaluate(model, train, validation, test).means("rlmrec")
    evaluate_s = time.perf_counter() - started_s
    epochs = model.history[-1]["epoch"] + 1
    result = {
        "what": "LightGCN, d=32, K=3 sum, keep 0.8, l2 1e-6, preset rlmrec, protocol rlmrec, test",
        "seed": arguments.seed,
        "test": means,
        "ratio_to_published": {name: means[name] / value for name, value in PUBLISHED.items()},
        "best_epoch": model.best_epoch,
        "epochs": epochs,
        "fit_seconds": model.seconds,
        "seconds_per_epoch_with_validation": model.seconds / epochs,
        "test_seconds_both_protocols": evaluate_s,
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "device": torch.cuda.get_device_name()
        if arguments.device.startswith("cuda")
        else platform.processor() or "cpu",
        "threads": arguments.threads,
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
        "validation": model.history,
    }
    target = Path(__file__).parent / "results" / f"lightgcn_amazon-seed{arguments.seed}-{arguments.device}.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(
        json.dumps(
            {name: result[name] for name in ("test", "ratio_to_published", "best_epoch", "fit_seconds")}, indent=1
        )
    )


if __name__ == "__main__":
    main()
