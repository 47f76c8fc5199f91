"""LMMRec beside its base on Last.fm with ready LLM texts: real and shuffled text, same settings, paired over users.

    python benchmarks/lmmrec_lastfm.py DATA_FOLDER [--encoder lsa] [--seeds 2023 2024] [--preset lmmrec] [--threads 2]

DATA_FOLDER holds `train_mat.npz`, `test_mat.npz`, `user_profile.jsonl.gz`, `item_profile.jsonl.gz`. One eighth of train
becomes validation (at least one pair per user and item stays). The user texts were written from all of train, so that this
validation part is not clean for them; test is. A first look at default settings, not a tuned comparison.
"""

from __future__ import annotations

import argparse
import gzip
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from models.bases import LightGCNConfig
from models.enhancers import LMMRecConfig
from models.language.encoders import EncoderConfig, load_encoder
from models.ranking.evaluate import evaluate
from models.ranking.significance import compare
from models.training.config import PRESETS, RunConfig
from models.training.data import TrainingData
from models.training.fit import fit


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--encoder", choices=["lsa", "minilm"], default="lsa")
    parser.add_argument("--seeds", type=int, nargs="+", default=[2023])
    parser.add_argument("--preset", choices=sorted(PRESETS), default="lmmrec")
    parser.add_argument("--max-epochs", type=int, default=3000)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    everything = sp.load_npz(arguments.data / "train_mat.npz").tocsr()
    test = sp.load_npz(arguments.data / "test_mat.npz").tocsr()
    train, validation = carve(everything, 1 / 8, seed=0)
    num_users, num_items = train.shape
    sides = [texts(arguments.data / "user_profile.jsonl.gz", "uid", num_users)]
    sides.append(texts(arguments.data / "item_profile.jsonl.gz", "iid", num_items))
    vectors = load_encoder(EncoderConfig(name=arguments.encoder)).encode(sides[0] + sides[1])
    real = TrainingData(train, validation, vectors[:num_users], vectors[num_users:])
    training = PRESETS[arguments.preset].model_copy(update={"max_epochs": arguments.max_epochs})
    methods = {"base": (real, None), "lmmrec": (real, LMMRecConfig()), "shuffled-text": (None, LMMRecConfig())}
    per_user: dict[str, list[dict[str, np.ndarray]]] = {method: [] for method in methods}
    runs = []
    for seed in arguments.seeds:
        for method, (data, enhancer) in methods.items():
            run = RunConfig(seed=seed, threads=arguments.threads)
            model = fit(data or real.with_shuffled_texts(seed), LightGCNConfig(), enhancer, training, run)
            found = evaluate(model, train, validation, test, ("strict",))
            per_user[method].append(found.per_user["strict"])
            runs.append(
                {"method": method, "seed": seed, "best_epoch": model.best_epoch, "seconds": round(model.seconds, 1)}
                | {name: round(value, 5) for name, value in found.means("strict").items()}
            )
            print(json.dumps(runs[-1]))
    comparisons = {
        f"{method} over {reference}: {metric}": asdict(
            compare(*(np.mean([run[metric] for run in per_user[name]], axis=0) for name in (method, reference)))
        )
        for method, reference in (("lmmrec", "base"), ("shuffled-text", "base"), ("lmmrec", "shuffled-text"))
        for metric in ("recall_20", "ndcg_20")
    }
    result = {
        "what": "Last.fm with LLM texts, LightGCN d=32 K=3, default LMMRec, protocol strict, test; not tuned",
        "encoder": arguments.encoder,
        "training": training.model_dump(),
        "enhancer": LMMRecConfig().model_dump(),
        "runs": runs,
        "comparisons": comparisons,
    }
    target = Path(__file__).parent / "results" / f"lmmrec_lastfm-{arguments.encoder}-{arguments.preset}.json"
    target.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
