"""Items that nobody has, ranked from their texts on Last.fm, beside their hidden popularity, shuffled texts and random order.

    python -m benchmarks.cold_items_lastfm DATA_FOLDER [--draws 3] [--threads 2]

DATA_FOLDER as for `text_prior_lastfm`. A tenth of the items loses all train pairs and is ranked among itself; the reading of
texts (view `both`) is chosen on a further tenth. The dial: what each share of the places for new items costs known ones.
Settings of EASE and GF-CF are fixed, so that test pairs choose nothing. Result: benchmarks/results/cold_items_lastfm.json.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from assets.evaluation.recipe import COLD_SHARE, DIAL_SHARES
from benchmarks.lastfm import vectors
from benchmarks.machine import machine
from benchmarks.tables import text_table, write_result
from models.bases import BaseConfig, EaseConfig, GFCFConfig
from models.graph import binary_csr
from models.training.cold_items import ColdItems, measure_cold_items

BASES: dict[str, BaseConfig] = {
    "ease": EaseConfig(user_power=0.5, regularisation=100.0, dropout=3.0, popularity_power=0.2),
    "gfcf": GFCFConfig(rank=128, alpha=0.3, popularity_power=0.0),
}
"""The defaults of their grids."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    about = machine(chosen.threads)
    train, test = (binary_csr(sp.load_npz(chosen.data / f"{part}_mat.npz").tocsr()) for part in ("train", "test"))
    views = vectors(chosen.data, train.shape[1], chosen.threads)
    started_s, rows = time.perf_counter(), list[dict[str, Any]]()
    with threadpool_limits(chosen.threads):
        for name, base in BASES.items():
            for texts in ("both", "shuffled", "random"):
                shares = DIAL_SHARES if texts == "both" else (0.0,)
                draws = [
                    measure_cold_items(train, test, views[texts], base, COLD_SHARE, shares, seed)
                    for seed in range(chosen.draws)
                ]
                rows.append({"base": name, "texts": texts} | row(draws))
                print(rows[-1], flush=True)
    columns = ["base", "texts", "new items", "R20 by text", "N20", "R20 by hidden popularity", "random order"]
    keys = ("recall_20", "ndcg_20", "popularity_recall_20", "random_order_recall_20")
    table = [[one["base"], one["texts"], str(one["new_items"]), *(f"{one[key]:.3f}" for key in keys)] for one in rows]
    print(text_table(columns, table))
    result = {
        "what": f"Last.fm, {COLD_SHARE:.0%} of the items without train pairs, ranked from LLM item texts among themselves",
        "machine": about,
        "draws": chosen.draws,
        "wall_seconds": round(time.perf_counter() - started_s, 1),
        "rows": rows,
    }
    print(write_result("cold_items_lastfm", result))


def row(draws: list[ColdItems]) -> dict[str, Any]:
    """Means over draws, each draw's Recall@20, and the dial averaged point by point."""
    text, popular = ([getattr(one, name).means("rlmrec") for one in draws] for name in ("by_text", "by_popularity"))
    dial = [
        {key: float(np.mean([asdict(point)[key] for point in points])) for key in asdict(points[0])}
        for points in zip(*(one.dial for one in draws), strict=True)
    ]
    return {
        "new_items": draws[0].num_new,
        "recall_20": float(np.mean([one["recall_20"] for one in text])),
        "recall_20_of_draws": [one["recall_20"] for one in text],
        "ndcg_20": float(np.mean([one["ndcg_20"] for one in text])),
        "popularity_recall_20": float(np.mean([one["recall_20"] for one in popular])),
        "random_order_recall_20": 20 / draws[0].num_new,
        "readings": [asdict(one.reading) for one in draws],
        "dial": dial,
    }


if __name__ == "__main__":
    main()
