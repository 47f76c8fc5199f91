"""What the asset says of new items: tables that fit their schema, a plain sentence, and a control that ranks like chance."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from assets.evaluation.recipe import COLD_DRAWS, DIAL_SHARES
from assets.evaluation.text_worth.cold_items import DIAL, RANKING, sentence, write_cold_items
from assets.lake import Address
from assets.tables import read_frame
from tests.assets.synthetic import DATASET, write_lake

pytestmark = pytest.mark.integration
BASE = {"name": "gfcf", "rank": 4, "alpha": 0.3, "popularity_power": 0.0}


def written(tmp_path: Path, variant: str) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, object]]:
    home, checkpoint, target = tmp_path / "home", tmp_path / "checkpoint", tmp_path / variant
    for folder in (home, checkpoint, target):
        folder.mkdir(exist_ok=True)
    lake = write_lake(home)
    (checkpoint / "config.json").write_text(json.dumps({"base": BASE}))
    split, vectors = (lake.read(Address(asset, DATASET)) for asset in ("split", "text_embeddings"))
    figures = write_cold_items(checkpoint, split, vectors, variant, 1, target)
    return read_frame(target / RANKING), read_frame(target / DIAL), figures


def test_there_is_a_row_a_draw_and_a_row_a_draw_and_share(tmp_path: Path) -> None:
    ranking, dial, figures = written(tmp_path, "full")
    assert ranking["draw"].tolist() == list(range(COLD_DRAWS))
    assert dial["share"].tolist() == list(DIAL_SHARES) * COLD_DRAWS
    assert figures["recall_20"] == pytest.approx(ranking["recall_20"].mean(), abs=1e-6)
    assert "Items without a single interaction, ranked from their texts" in str(figures["said"])
    assert str(figures["dial_md"]).count("\n") == 1 + len(DIAL_SHARES)


def test_real_texts_rank_new_items_better_than_shuffled_ones(tmp_path: Path) -> None:
    real, shuffled = (written(tmp_path, variant)[0]["ndcg_20"].mean() for variant in ("full", "shuffled-text"))
    assert real > 1.1 * shuffled


def test_the_sentence_names_gain_and_price() -> None:
    curve = pd.DataFrame(
        {"warm_recall_20": [0.4, 0.38, 0.3], "cold_recall_20": [0.0, 0.1, 0.3]}, index=np.array([0.0, 0.05, 0.2])
    )
    assert sentence(0.66, 0.4, curve) == (
        "Items without a single interaction, ranked from their texts: Recall@20 0.660 among themselves, 0.400 where their "
        "hidden popularity decides. Giving them 5% of the places finds 10.0% of their pairs and costs 5.0% of the Recall@20 "
        "of known items."
    )
