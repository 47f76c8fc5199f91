"""PolyCF's three forms beside GF-CF on the public Amazon-book split: validation, which chooses, and test.

    python benchmarks/polycf_amazon.py DATA_FOLDER [--form signal|embedding|hybrid|all] [--seed 2023] [--threads 2]

DATA_FOLDER holds trn_mat.npz, val_mat.npz and tst_mat.npz. The signal form is fitted for K = 1 … 3 with r = 64, 128, 256
alone and with nested ranks; the others are trained with preset `rlmrec` as they come. Protocol `rlmrec`. Rows go to stdout and
to `benchmarks/results/polycf_amazon-<form>-seed<seed>.json`. Signal: eight minutes; the others a quarter of an hour each.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import scipy.sparse as sp

from models.bases import BaseConfig, PolyCFConfig, PolyCFEmbeddingConfig, PolyCFSignalConfig
from models.progress import LogLines, reporting_to
from models.ranking.evaluate import evaluate
from models.training.config import PRESETS, RunConfig
from models.training.data import TrainingData
from models.training.fit import fit

METRICS = ("recall_5", "recall_10", "recall_20", "ndcg_20")
GFCF = PolyCFSignalConfig(gammas=(0.5,), degree=1, ranks=(128,), theta=((1.0,),), omega=(0.3,))
FORMS: dict[str, dict[str, BaseConfig]] = {
    "signal": {"gfcf r=128": GFCF}
    | {f"K={k} r={r}": PolyCFSignalConfig(degree=k, ranks=(r,)) for r in (64, 128, 256) for k in (1, 2, 3)}
    | {f"K={k} nested": PolyCFSignalConfig(degree=k) for k in (1, 2, 3)},
    "embedding": {"as it comes": PolyCFEmbeddingConfig()},
    "hybrid": {"as it comes": PolyCFConfig()},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--form", choices=(*FORMS, "all"), default="all")
    parser.add_argument("--seed", type=int, default=2023)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    matrices = [sp.load_npz(arguments.data / f"{part}_mat.npz").tocsr() for part in ("trn", "val", "tst")]
    run = RunConfig(seed=arguments.seed, threads=arguments.threads)
    for form in FORMS if arguments.form == "all" else (arguments.form,):
        rows = [measured(name, config, matrices, run) for name, config in FORMS[form].items()]
        target = Path(__file__).parent / "results" / f"polycf_amazon-{form}-seed{arguments.seed}.json"
        target.parent.mkdir(exist_ok=True)
        target.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def measured(name: str, config: BaseConfig, matrices: list[sp.csr_matrix], run: RunConfig) -> dict[str, Any]:
    """One row: settings by name, best epoch, seconds, and the metrics of both parts."""
    train, validation, test = matrices
    with reporting_to(LogLines(lambda line: print(line, file=sys.stderr))):
        model = fit(TrainingData(train, validation), config, None, PRESETS["rlmrec"], run)
    row: dict[str, Any] = {"base": config.name, "name": name, "best_epoch": model.best_epoch, "seconds": model.seconds}
    for part, matrix in (("validation", validation), ("test", test)):
        means = evaluate(model, train, validation, matrix, ("rlmrec",)).means("rlmrec")
        row[part] = {metric: round(means[metric], 5) for metric in METRICS}
    print(json.dumps(row), flush=True)
    return row


if __name__ == "__main__":
    main()
