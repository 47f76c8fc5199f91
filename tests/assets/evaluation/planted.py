"""A lake with planted results: per-user metrics whose differences are known, written as the metrics stage writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from assets.evaluation.metrics import Tables
from assets.evaluation.warehouse import rebuild, warehouse_path
from assets.lake import Address, Lake
from assets.tables import read_frame
from tests.assets.synthetic import DATASET, write_lake

BASE, REAL, SHUFFLED = ("base", "full"), ("lmmrec", "full"), ("lmmrec", "shuffled-text")
SEEDS = (2023, 2024, 2025)
USERS = 300


def plant(
    home: Path,
    gains: Mapping[tuple[str, str], float],
    seeds: tuple[int, ...] = SEEDS,
    anchors: Mapping[str, float] | None = None,
    users: int = USERS,
    base_model: str = "lightgcn",
) -> Path:
    """Write metrics and return the warehouse.

    Args:
        home: home of the lake; gets the tables of `write_lake` too.
        gains: (method, variant) -> what is added to every per-user metric of the base model.
        seeds: one cell each.
        anchors: name -> what is added.
    """
    lake = write_lake(home, users=users)
    quality = np.random.default_rng(1).beta(2, 5, size=users)
    for (method, variant), gain in gains.items():
        for seed in seeds:
            noise = np.random.default_rng([seed, len(method), len(variant)]).normal(0, 0.05, users)
            tables = _tables(lake, np.clip(quality + gain + noise, 0, 1), method, variant, base_model, seed)
            address = Address(f"{method}_metrics", DATASET, base_model, variant=variant, seed=seed)
            _write(lake, address, tables, {"train_seconds": 1.5})
            _write_history(lake, base_model, method, variant, seed)
    if anchors:
        found = [
            _tables(lake, np.clip(quality + gain, 0, 1), "anchor", "full", name, 2023, named=True)
            for name, gain in anchors.items()
        ]
        joined = Tables(
            *(
                pd.concat(parts)
                for parts in zip(*((t.per_user, t.hits, t.means, t.validation) for t in found), strict=True)
            )
        )
        _write(lake, Address("anchor_metrics", DATASET), joined, {})
    rebuild(lake)
    return warehouse_path(home)


def _tables(
    lake: Lake, values: np.ndarray, method: str, variant: str, base_model: str, seed: int, named: bool = False
) -> Tables:
    split = lake.path(Address("split", DATASET))
    test = read_frame(split / "test.parquet")
    lead = {"base_model": base_model} if named else {}
    per_user, hits, means = [], [], []
    for protocol, shift in (("rlmrec", 0.0), ("strict", 0.01)):
        columns = {f"{metric}_{k}": np.clip(values + shift, 0, 1) for metric in ("recall", "ndcg") for k in (5, 10, 20)}
        users = {"user_idx": range(len(values)), "num_train": 1 + np.arange(len(values)) % 25, "num_test": 2}
        per_user.append(pd.DataFrame({**lead, "protocol": protocol, **users, **columns}))
        hit = np.random.default_rng(seed).random(len(test)) < values[test["user_idx"]]
        rank = pd.array(np.where(hit, 7, 0), dtype="Int64")
        rank[~hit] = pd.NA
        hits.append(pd.DataFrame({**lead, "protocol": protocol, **test, "rank": rank}))
        owner = {"dataset": DATASET, "base_model": base_model, "method": method, "variant": variant, "seed": seed}
        measured = [(*name.split("_"), column.mean()) for name, column in columns.items()] + [("coverage", "10", 0.4)]
        means += [
            {**owner, "protocol": protocol, "metric": metric, "k": int(k), "value": value, "num_users": 300, "epoch": 3}
            for metric, k, value in measured
        ]
    scored = {"user_idx": range(len(values)), "recall_20": values, "ndcg_20": values}
    return Tables(pd.concat(per_user), pd.concat(hits), pd.DataFrame(means), pd.DataFrame({**lead, **scored}))


def _write(lake: Lake, address: Address, tables: Tables, metadata: dict[str, float]) -> None:
    with lake.write(address, code_version="1", config={}, inputs={}, run_id="run-1") as draft:
        tables.write(draft.path)
        draft.metadata.update(metadata)


def _write_history(lake: Lake, base_model: str, method: str, variant: str, seed: int) -> None:
    address = Address(f"{method}_checkpoint", DATASET, base_model, variant=variant, seed=seed)
    with lake.write(address, code_version="1", config={}, inputs={}) as draft:
        history = [
            {"epoch": epoch, "loss": 1 / (epoch + 1), "recall_20": 0.1 + 0.01 * epoch} for epoch in range(0, 12, 3)
        ]
        (draft.path / "history.json").write_text(json.dumps(history))
        draft.metadata.update(train_seconds=1.5)
