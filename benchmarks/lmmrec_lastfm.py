"""LMMRec beside its base on Last.fm with ready LLM texts: tuned alike, five seeds, real, shuffled and random text.

    python benchmarks/lmmrec_lastfm.py DATA_FOLDER [--share 1.0] [--encoder lsa] [--seeds 2023 2024] [--threads 2]

DATA_FOLDER holds `train_mat.npz`, `test_mat.npz`, `user_profile.jsonl.gz`, `item_profile.jsonl.gz`. `--share` keeps that part
of train (at least one pair per user and item), and one eighth of the rest becomes validation. Base and LMMRec get the same
number of trials with the first seed; LMMRec's run around the base's choice. Settings are chosen on validation Recall@20.
The user texts were written from all of train, so that validation is not clean for them, and a cut train part even less; test
is clean. Result: benchmarks/results/lmmrec_lastfm-<encoder>-<share>.json.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from models.bases import LightGCNConfig
from models.enhancers import LMMRecConfig
from models.language.encoders import EncoderConfig, load_encoder
from models.ranking.evaluate import evaluate
from models.ranking.significance import compare
from models.training.config import RunConfig, TrainingConfig
from models.training.data import TrainingData
from models.training.fit import fit
from models.training.fitted import FittedModel


def carve(train: sp.csr_matrix, share: float, seed: int) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """(train, validation): a random share of the pairs, one pair of each user and each item never taken."""
    pairs = train.tocoo()
    order = np.random.default_rng(seed).permutation(pairs.nnz)
    first_of_user = np.unique(pairs.row[order], return_index=True)[1]
    first_of_item = np.unique(pairs.col[order], return_index=True)[1]
    free = np.setdiff1d(np.arange(pairs.nnz), np.concatenate([first_of_user, first_of_item]))
    taken = order[free[: int(share * pairs.nnz)]]
    held = np.zeros(pairs.nnz, dtype=bool)
    held[taken] = True
    parts = [
        sp.csr_matrix((pairs.data[rows], (pairs.row[rows], pairs.col[rows])), train.shape) for rows in (~held, held)
    ]
    return parts[0], parts[1]


def texts(path: Path, key: str, count: int) -> list[str]:
    """The text of each row, by its number."""
    found = [""] * count
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            entry = json.loads(line)
            found[entry[key]] = entry["text"]
    return found


BASE_TRIALS: list[dict[str, dict[str, Any]]] = [
    {"base": {"l2": l2}, "training": {"learning_rate": rate}, "enhancer": {}}
    for rate in (3e-3, 1e-2)
    for l2 in (1e-6, 1e-5, 1e-4)
]
"""Six settings of LightGCN."""
ENHANCER_TRIALS: list[dict[str, Any]] = [
    {"weight": 0.01},
    {"weight": 0.1},
    {"weight": 0.5},
    {"weight": 0.1, "score_fusion": "p+h"},
    {"weight": 0.1, "icm_weight": 0.0},
    {"weight": 0.1, "contrast_temperature": 1.0},
]
"""Six settings of LMMRec at the base's choice of rate and l2."""
TRAINING = TrainingConfig(batch_size=1024)


def with_random_texts(data: TrainingData, seed: int) -> TrainingData:
    """Gaussian vectors of the same widths: text that says nothing."""
    rng = np.random.default_rng([seed, 1])
    users, items = (rng.standard_normal((rows, data.texts().shape[1])) for rows in data.train.shape)
    return replace(data, user_texts=users.astype(np.float32), item_texts=items.astype(np.float32))


def fitted(data: TrainingData, settings: Mapping[str, dict[str, Any]], method: str, run: RunConfig) -> FittedModel:
    """One model; the base's l2 holds for all parameters, so that both sides are regularised alike."""
    base = LightGCNConfig().model_copy(update=settings["base"])
    enhancer = None if method == "base" else LMMRecConfig(l2=None).model_copy(update=settings["enhancer"])
    return fit(data, base, enhancer, TRAINING.model_copy(update=settings["training"]), run)


def validation_recall(model: FittedModel) -> float:
    return max(float(entry["recall_20"]) for entry in model.history)


def tuned(
    data: TrainingData, trials: list[dict[str, dict[str, Any]]], method: str, run: RunConfig
) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]:
    """The settings with the best validation Recall@20, and all trials."""
    table: list[dict[str, Any]] = []
    for settings in trials:
        model = fitted(data, settings, method, run)
        table.append({"method": method, "settings": settings, "validation_recall_20": validation_recall(model)})
        print(json.dumps(table[-1] | {"seconds": round(model.seconds)}), flush=True)
    return max(table, key=lambda trial: trial["validation_recall_20"])["settings"], table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--encoder", choices=["lsa", "minilm"], default="lsa")
    parser.add_argument("--seeds", type=int, nargs="+", default=[2023, 2024, 2025, 2026, 2027])
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    everything = sp.load_npz(arguments.data / "train_mat.npz").tocsr()
    test = sp.load_npz(arguments.data / "test_mat.npz").tocsr()
    kept, left_out = carve(everything, 1.0 - arguments.share, seed=1)
    train, validation = carve(kept, 1 / 8, seed=0)
    num_users, num_items = train.shape
    sides = [texts(arguments.data / "user_profile.jsonl.gz", "uid", num_users)]
    sides.append(texts(arguments.data / "item_profile.jsonl.gz", "iid", num_items))
    vectors = load_encoder(EncoderConfig(name=arguments.encoder)).encode(sides[0] + sides[1])
    real = TrainingData(train, validation, vectors[:num_users], vectors[num_users:])
    first = RunConfig(seed=arguments.seeds[0], threads=arguments.threads)
    chosen, trials = tuned(real, BASE_TRIALS, "base", first)
    settings = {"base": chosen}
    settings["lmmrec"], more = tuned(
        real, [chosen | {"enhancer": changed} for changed in ENHANCER_TRIALS], "lmmrec", first
    )
    per_user: dict[str, list[dict[str, np.ndarray]]] = {}
    runs = []
    for seed in arguments.seeds:
        by_method = {
            "base": real,
            "lmmrec": real,
            "shuffled-text": real.with_shuffled_texts(seed),
            "random-text": with_random_texts(real, seed),
        }
        for method, data in by_method.items():
            run = RunConfig(seed=seed, threads=arguments.threads)
            model = fitted(data, settings["base" if method == "base" else "lmmrec"], method, run)
            # pairs that were cut from train are neither candidates nor answers
            found = evaluate(model, train, validation + left_out, test, ("strict",))
            per_user.setdefault(method, []).append(found.per_user["strict"])
            runs.append(
                {"method": method, "seed": seed, "best_epoch": model.best_epoch, "seconds": round(model.seconds, 1)}
                | {"validation_recall_20": validation_recall(model)}
                | {name: round(value, 5) for name, value in found.means("strict").items()}
            )
            print(json.dumps(runs[-1]), flush=True)
    comparisons = {
        f"{method} over {reference}: {metric}": asdict(
            compare(*(np.mean([run[metric] for run in per_user[name]], axis=0) for name in (method, reference)))
        )
        for method, reference in (
            ("lmmrec", "base"),
            ("shuffled-text", "base"),
            ("random-text", "base"),
            ("lmmrec", "shuffled-text"),
        )
        for metric in ("recall_20", "ndcg_20")
    }
    result = {
        "what": "Last.fm with LLM texts, LightGCN d=32 K=3, protocol strict, test",
        "share_of_train": arguments.share,
        "train_pairs": int(train.nnz),
        "encoder": arguments.encoder,
        "training": TRAINING.model_dump(),
        "settings": settings,
        "trials": trials + more,
        "runs": runs,
        "comparisons": comparisons,
    }
    target = Path(__file__).parent / "results" / f"lmmrec_lastfm-{arguments.encoder}-{arguments.share:g}.json"
    target.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
