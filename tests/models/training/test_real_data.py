"""LightGCN on the public Amazon-book split: the first epochs at their known level. The whole run is a benchmark.

`benchmarks/results/lightgcn_amazon-seed2023-cpu.json` holds that run's validation curve and its test metrics.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import scipy.sparse as sp

from models.bases import LightGCNConfig
from models.training.config import PRESETS, RunConfig
from models.training.data import TrainingData
from models.training.fit import fit

RESULTS = Path(__file__).resolve().parents[3] / "benchmarks" / "results"
PUBLISHED = {"recall_5": 0.0579, "recall_10": 0.0916, "recall_20": 0.1434, "ndcg_20": 0.0869}
"""The reference code on this split, protocol `rlmrec`, seed 2023."""


@pytest.mark.unit
def test_the_mean_of_five_recorded_seeds_is_within_two_and_a_half_percent_of_the_published_run() -> None:
    files = [RESULTS / f"lightgcn_amazon-seed{seed}-cpu.json" for seed in range(2023, 2028)]
    recorded = [json.loads(file.read_text(encoding="utf-8"))["test"] for file in files]
    for metric, published in PUBLISHED.items():
        assert sum(run[metric] for run in recorded) / 5 == pytest.approx(published, rel=0.025)


@pytest.mark.real_data
@pytest.mark.slow
def test_the_first_epochs_follow_the_recorded_run(shared_data: Path) -> None:
    folder = shared_data / "rlmrec_amazon"
    train, validation = (sp.load_npz(folder / f"{part}_mat.npz").tocsr() for part in ("trn", "val"))
    training = PRESETS["rlmrec"].model_copy(update={"max_epochs": 25})
    model = fit(TrainingData(train, validation), LightGCNConfig(), None, training, RunConfig(threads=1))
    recorded = json.loads((RESULTS / "lightgcn_amazon-seed2023-cpu.json").read_text(encoding="utf-8"))["validation"]
    for entry, known in zip(model.history, recorded, strict=False):
        assert entry["epoch"] == known["epoch"]
        assert entry["recall_20"] == pytest.approx(known["recall_20"], rel=0.02)
        assert entry["bpr"] == pytest.approx(known["bpr"], rel=1e-3)
