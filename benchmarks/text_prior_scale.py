"""GF-CF and the learned text map at a million users: seconds and memory of a fit, seconds of the lists of 10,000 users.

    python -m benchmarks.text_prior_scale [--users 1000000] [--items 100000] [--pairs 20000000] [--dim 256] [--threads 2]

Settings are fixed (rank 128, alpha 0.3, map of weight 0.4): choosing them multiplies rankings, not fits. Users and items have
one of 64 tastes, item popularity falls as 1 / rank^0.7, texts are a taste's direction and noise. Result:
benchmarks/results/text_prior_scale.json.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from threadpoolctl import threadpool_limits

from benchmarks.machine import machine
from benchmarks.peers.protocol import peak_rss_mb
from benchmarks.tables import write_result
from models.bases import GFCFConfig
from models.bases.gfcf import GFCF
from models.closed_form.text_part import TextPart, TextSettings, centred
from models.graph import binary_csr
from models.ranking.topk import top_k

TASTES = 64
LISTED, PLACES = 10_000, 100


def pairs(users: int, items: int, count: int, rng: np.random.Generator) -> sp.csr_matrix:
    """(users, items) binary with exactly `count` pairs, about three quarters of them within the user's taste."""
    weight = 1.0 / np.arange(1, items + 1) ** 0.7
    cumulative = np.cumsum(weight) / weight.sum()
    keys = np.empty(0, dtype=np.int64)
    while len(keys) < count:
        wanted = int(1.2 * (count - len(keys))) + 16
        drawn = np.searchsorted(cumulative, rng.random(wanted)).astype(np.int64)
        owner = rng.integers(0, users, wanted)
        own = rng.random(wanted) < 0.75
        drawn[own] -= (drawn[own] - owner[own]) % TASTES  # the next item below of the user's taste
        drawn[drawn < 0] += TASTES
        keys = np.unique(np.concatenate([keys, owner * items + drawn]))
    keys = rng.permutation(keys)[:count]
    ones = np.ones(count, dtype=np.float32)
    return binary_csr(sp.csr_matrix((ones, (keys // items, keys % items)), shape=(users, items)))


def texts(items: int, dim: int, rng: np.random.Generator) -> np.ndarray:
    """(items, dim) float32, centred, at length 1."""
    tastes = rng.standard_normal((TASTES, dim))
    return centred((tastes[np.arange(items) % TASTES] + 2.0 * rng.standard_normal((items, dim))).astype(np.float32))


class Lists:
    """GF-CF with its text part, as the evaluator asks it."""

    def __init__(self, model: GFCF, part: TextPart) -> None:
        self.model, self.part = model, part

    def score(self, user_idx: np.ndarray) -> np.ndarray:
        rows = self.model.train[user_idx]
        return self.part.added_to(self.model.history_scores(rows), rows)


def peak_gib() -> float:
    """Of the whole process so far."""
    return round(peak_rss_mb() * 1e6 / 2**30, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("users", 1_000_000), ("items", 100_000), ("pairs", 20_000_000), ("dim", 256), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=value)
    chosen = parser.parse_args()
    about, rng = machine(chosen.threads), np.random.default_rng(2023)
    train, vectors = pairs(chosen.users, chosen.items, chosen.pairs, rng), texts(chosen.items, chosen.dim, rng)
    result: dict[str, Any] = {"what": "GF-CF and the learned text map, closed form", "machine": about}
    result |= {"users": chosen.users, "items": chosen.items, "pairs": int(train.nnz), "text_dim": chosen.dim}
    result["data_peak_gib"] = peak_gib()
    torch.set_num_threads(chosen.threads)
    with threadpool_limits(chosen.threads):
        marks = [time.perf_counter()]
        model = GFCF.fitted(GFCFConfig(rank=128, alpha=0.3, popularity_power=0.0), train)
        marks.append(time.perf_counter())
        ((_, part),) = model.text_parts([TextSettings("map", 0.4, 0.1)], vectors)
        marks.append(time.perf_counter())
        result["fit_peak_gib"] = peak_gib()
        users = np.sort(rng.choice(chosen.users, min(LISTED, chosen.users), replace=False))
        top_k(Lists(model, part), users, PLACES, train)
        marks.append(time.perf_counter())
    names = ("gfcf_fit_s", "text_map_fit_s", "lists_s")
    result |= {name: round(after - before, 1) for name, before, after in zip(names, marks, marks[1:], strict=False)}
    result |= {"listed_users": len(users), "places": PLACES, "peak_gib": peak_gib()}
    print({name: value for name, value in result.items() if name != "machine"})
    print(write_result("text_prior_scale", result))


if __name__ == "__main__":
    main()
