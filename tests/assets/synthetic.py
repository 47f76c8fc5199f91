"""A tiny lake for wiring tests: two tastes, sixty users, forty items, written as the stages before would write it.

Users and items of one taste meet each other far more often, and their vectors point the same way, so that training learns
something within seconds. No review text, no language model.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from assets.lake import Address, Lake
from assets.tables import connect, literal, write_frame, write_parquet

USERS, ITEMS, DIMENSION = 60, 40, 8
DATASET = "tiny"
CATALOGUE = """
tiny:
  format: table
  reviews: {path: reviews.csv}
wordless:
  format: table
  reviews: {path: reviews.csv}
"""
_ENTRIES = "STRUCT(motivation VARCHAR, evidence VARCHAR[], strength DOUBLE)[]"


def write_lake(home: Path, dataset: str = DATASET, with_text: bool = True, users: int = USERS, seed: int = 7) -> Lake:
    """interactions, items, split and, where asked for, validated_motivations, text_embeddings and user_text_leak."""
    (home / "datasets.yaml").write_text(CATALOGUE)
    lake = Lake(home)
    pairs = _pairs(users, np.random.default_rng(seed))
    user_ids, item_ids = [f"u{n:03d}" for n in range(users)], [f"sku-{n:02d}" for n in range(ITEMS)]
    with _writing(lake, "interactions", dataset) as draft:
        write_frame(pd.DataFrame({"user_idx": range(users), "user_id": user_ids}), draft.path / "users.parquet")
        write_frame(pd.DataFrame({"item_idx": range(ITEMS), "item_id": item_ids}), draft.path / "items.parquet")
        frame = pairs.drop(columns="part")
        frame["user_id"] = [user_ids[n] for n in frame["user_idx"]]
        frame["item_id"] = [item_ids[n] for n in frame["item_idx"]]
        write_frame(frame, draft.path / "interactions.parquet")
    with _writing(lake, "items", dataset) as draft, connect() as connection:
        rows = ", ".join(f"('{name}', 'Title {n}', NULL, []::VARCHAR[])" for n, name in enumerate(item_ids))
        query = f"SELECT * FROM (VALUES {rows}) AS items(item_id, title, description, categories)"
        write_parquet(connection, query, draft.path / "items.parquet")
    with _writing(lake, "split", dataset) as draft:
        for part in ("train", "validation", "test"):
            write_frame(pairs.loc[pairs["part"] == part, ["user_idx", "item_idx"]], draft.path / f"{part}.parquet")
        (draft.path / "sizes.json").write_text(json.dumps({"num_users": users, "num_items": ITEMS}))
    if with_text:
        _write_motivations(lake, dataset, user_ids, item_ids)
        _write_vectors(lake, dataset, users, np.random.default_rng(seed + 1))
        with _writing(lake, "user_text_leak", dataset) as draft:
            (draft.path / "leak.json").write_text(json.dumps({"suspect": False, "said": "", "ready_texts": 0}))
    return lake


def taste(position: int) -> int:
    return position % 2


def _pairs(users: int, random: np.random.Generator) -> pd.DataFrame:
    rows = []
    for user in range(users):
        liked = [item for item in range(ITEMS) if taste(item) == taste(user)]
        other = [item for item in range(ITEMS) if taste(item) != taste(user)]
        chosen = [*random.choice(liked, 8, replace=False), *random.choice(other, 2, replace=False)]
        order = random.permutation(10)
        parts = np.array(["train"] * 6 + ["validation"] * 2 + ["test"] * 2)[order]
        rows += [(user, int(item), str(part)) for item, part in zip(chosen, parts, strict=True)]
    frame = pd.DataFrame(rows, columns=["user_idx", "item_idx", "part"])
    return frame.sort_values(["user_idx", "item_idx"]).reset_index(drop=True)


def _write_motivations(lake: Lake, dataset: str, user_ids: list[str], item_ids: list[str]) -> None:
    with _writing(lake, "validated_motivations", dataset) as draft, connect() as connection:
        for entity, ids in (("user", user_ids), ("item", item_ids)):
            wish = ("quiet long battery", "bright cheerful colours")
            rows = ", ".join(
                f"({n}, '{name}', {literal(wish[taste(n)])}, [{{'motivation': {literal(wish[taste(n)])}, "
                f"'evidence': ['r{n}'], 'strength': 0.9}}]::{_ENTRIES}, []::{_ENTRIES}, []::VARCHAR[], 'extractive', "
                "NULL::VARCHAR, 'hash')"
                for n, name in enumerate(ids)
            )
            query = (
                f"SELECT * FROM (VALUES {rows}) AS t(entity_idx, entity_id, summary, active, passive, reasoning, "
                "provenance, reason, prompt_sha256)"
            )
            write_parquet(connection, query, draft.path / f"{entity}s.parquet")
        (draft.path / "gate.json").write_text("{}")


def _write_vectors(lake: Lake, dataset: str, users: int, random: np.random.Generator) -> None:
    with _writing(lake, "text_embeddings", dataset) as draft:
        for name, rows in (("users", users), ("items", ITEMS)):
            vectors = 0.3 * random.standard_normal((rows, DIMENSION))
            vectors[:, 0] += [1.0 if taste(n) else -1.0 for n in range(rows)]
            np.save(draft.path / f"{name}.npy", vectors.astype(np.float32))
        (draft.path / "encoder.json").write_text(json.dumps({"encoder": "test", "model": "test", "dim": DIMENSION}))


def _writing(lake: Lake, asset: str, dataset: str):  # type: ignore[no-untyped-def]
    return lake.write(Address(asset, dataset), code_version="1", config={}, inputs={})
