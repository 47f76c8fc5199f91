"""What the asset says of new users: a row a way to serve, a plain sentence, and real texts above shuffled ones."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from assets.evaluation.recipe import KNOWN_ITEMS
from assets.evaluation.text_worth.cold_users import SERVED, TABLE, write_cold_users
from assets.lake import Address
from assets.tables import read_frame
from tests.assets.synthetic import DATASET, write_lake

pytestmark = pytest.mark.integration


def written(tmp_path: Path, variant: str) -> tuple[pd.DataFrame, dict[str, object]]:
    home, checkpoint, target = tmp_path / "home", tmp_path / "checkpoint", tmp_path / variant
    for folder in (home, checkpoint, target):
        folder.mkdir(exist_ok=True)
    lake = write_lake(home)
    base = {"name": "gfcf", "rank": 4, "alpha": 0.3, "popularity_power": 0.0}
    (checkpoint / "config.json").write_text(json.dumps({"base": base}))
    split, vectors = (lake.read(Address(asset, DATASET)) for asset in ("split", "text_embeddings"))
    figures = write_cold_users(checkpoint, split, vectors, variant, 1, target)
    return read_frame(target / TABLE), figures


def test_there_is_a_row_for_each_number_of_known_items_and_way_to_serve(tmp_path: Path) -> None:
    frame, figures = written(tmp_path, "full")
    wanted = [(known, name) for known in KNOWN_ITEMS for name in SERVED if known or name in ("popularity", "text")]
    assert list(zip(frame["known_items"], frame["served_from"], strict=True)) == wanted
    assert str(figures["table_md"]).count("\n") == 1 + len(KNOWN_ITEMS)
    assert str(figures["said"]).startswith("Somebody new of whom there is only a text: Recall@20 0.")


def test_who_has_nothing_is_served_better_from_her_text_than_from_anothers(tmp_path: Path) -> None:
    found = []
    for variant in ("full", "shuffled-text"):
        frame, _ = written(tmp_path, variant)
        rows = frame[(frame["known_items"] == 0) & (frame["served_from"] == "text")]
        found.append(float(rows["ndcg_20"].iloc[0]))
    assert found[0] > found[1]
