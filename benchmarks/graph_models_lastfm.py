"""LightGCN, LMMRec and RLMRec-Con on Last.fm, for the table of `text_prior_lastfm`: tuned and stopped on a carve-out.

    python -m benchmarks.graph_models_lastfm DATA_FOLDER MODELS_FOLDER [--seed 2023] [--threads 2]

DATA_FOLDER as for `lmmrec_lastfm`. The settings of each method (`METHODS`) are tried on the carve-out of `text_prior_lastfm`
with seed 0; the best is trained once more on all of train, for as many epochs as were best there, and kept in MODELS_FOLDER,
with `trials.json`. The user texts were written from all of train, the carve-out included: what reads them is tuned and stopped
on pairs that its texts may tell of. Test is clean. A method whose model is there already is not trained again.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from benchmarks.lastfm import Matrices
from benchmarks.lmmrec_lastfm import BASE_TRIALS, TRAINING, texts, validation_recall
from models.bases import LightGCNConfig
from models.enhancers import EnhancerConfig, enhancer_spec
from models.language.encoders import EncoderConfig, load_encoder
from models.training.checkpoint import save
from models.training.config import RunConfig
from models.training.data import TrainingData
from models.training.fit import fit
from models.training.fitted import FittedModel

TRIALS = "trials.json"
METHODS: dict[str, list[dict[str, Any]]] = {
    "lightgcn": BASE_TRIALS,
    "rlmrec-con": [{"weight": weight} for weight in (0.01, 0.03, 0.1, 0.3)]
    + [{"weight": 0.1, "temperature": temperature} for temperature in (0.5, 1.0)],
    "lmmrec": [{"weight": 0.01}, {"weight": 0.1, "contrast_temperature": 1.0}],
}
"""Six settings of LightGCN and, at its choice of rate and l2, of RLMRec-Con; of LMMRec the paper's order of magnitude and what
six trials of `lmmrec_lastfm` chose."""
READS_USER_TEXTS = ("rlmrec-con", "lmmrec")


def trained(
    data: TrainingData, method: str, settings: Mapping[str, Any], run: RunConfig, epochs: int = 0
) -> FittedModel:
    """One model, stopped on validation; with `epochs`, trained for so many and not looked at.

    Args:
        settings: `base` and `training` of LightGCN, `enhancer` of the method on it.
    """
    training = TRAINING.model_copy(update=settings["training"])
    if epochs:
        training = training.model_copy(update={"evaluate_every": 0, "max_epochs": epochs})
    enhancer: EnhancerConfig | None = None
    if method != "lightgcn":
        enhancer = enhancer_spec(method).config(name=method, l2=None).model_copy(update=settings["enhancer"])
    return fit(data, LightGCNConfig().model_copy(update=settings["base"]), enhancer, training, run)


def tuned(data: TrainingData, method: str, settings: list[dict[str, Any]], run: RunConfig) -> dict[str, Any]:
    """The trial that is best on validation, with the number of epochs that was."""
    found = []
    for tried in settings:
        started_cpu_s = time.process_time()
        model = trained(data, method, tried, run)
        found.append({"settings": tried, "validation_recall_20": validation_recall(model)})
        found[-1] |= {"epochs": model.best_epoch + 1, "cpu_seconds": round(time.process_time() - started_cpu_s, 1)}
        print(method, json.dumps(found[-1]), flush=True)
    return max(found, key=lambda trial: float(trial["validation_recall_20"])) | {"trials": found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("models", type=Path)
    parser.add_argument("--seed", type=int, default=2023)
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    run = RunConfig(seed=chosen.seed, threads=chosen.threads)
    whole = Matrices.read(chosen.data)
    num_users, num_items = whole.train.shape
    sides = [texts(chosen.data / f"{side}_profile.jsonl.gz", key, count) for side, key, count in
             (("user", "uid", num_users), ("item", "iid", num_items))]  # fmt: skip
    vectors = load_encoder(EncoderConfig(name="lsa", threads=chosen.threads)).encode(sides[0] + sides[1])
    of_texts = vectors[:num_users], vectors[num_users:]
    inner, everything = (
        TrainingData(*matrices, *of_texts)
        for matrices in (whole.carved(0), (whole.train, sp.csr_matrix(whole.train.shape, dtype=np.float32)))
    )
    chosen.models.mkdir(parents=True, exist_ok=True)
    log_file = chosen.models / TRIALS
    log: dict[str, Any] = json.loads(log_file.read_text()) if log_file.exists() else {}
    for method, settings in METHODS.items():
        if method in log:
            continue
        if method != "lightgcn":
            settings = [log["lightgcn"]["settings"] | {"enhancer": changed} for changed in settings]
        found = tuned(inner, method, settings, run)
        model = trained(everything, method, found["settings"], run, found["epochs"])
        save(model, chosen.models / method, [str(at) for at in range(num_users)], [str(at) for at in range(num_items)])
        log[method] = found
        log_file.write_text(json.dumps(log, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
