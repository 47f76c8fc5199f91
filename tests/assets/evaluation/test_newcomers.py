"""Somebody new gets what people who say the same chose; where that cannot be told, one sentence says why."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assets.evaluation.newcomers import SHRINKAGE, recommend_for_text, shrinkage_of
from models.errors import LmmrecError
from models.language.encoders import Keeper
from tests.assets.synthetic import DATASET, taste, write_lake

pytestmark = pytest.mark.integration


class Words:
    """A text is the counts of its letters."""

    name, model, corpus_bound = "test", "test", False

    def encode(self, texts: Sequence[str], keeper: Keeper | None = None) -> Any:
        letters = "abcdefghijklmnopqrstuvwxyz"
        return np.array([[1 + text.lower().count(letter) for letter in letters] for text in texts], dtype=np.float32)


class Other(Words):
    model = "newer"


@pytest.mark.parametrize(("text", "wanted"), [("a quiet one with a long battery", 0), ("bright cheerful colours!", 1)])
def test_a_text_brings_what_people_who_say_so_chose(tmp_path: Path, text: str, wanted: int) -> None:
    write_lake(tmp_path)
    rows = recommend_for_text(tmp_path, DATASET, text, Words(), k=8)
    assert [row["rank"] for row in rows] == list(range(1, 9))
    assert [taste(int(row["item_id"].removeprefix("sku-"))) for row in rows] == [wanted] * 8
    assert all(row["title"].startswith("Title") and row["reason"].startswith("known for “") for row in rows)
    scores = [row["score"] for row in rows]
    assert scores == sorted(scores, reverse=True)


def test_what_cannot_be_read_is_refused_with_the_remedy(tmp_path: Path) -> None:
    lake = write_lake(tmp_path, with_text=False)
    with pytest.raises(LmmrecError, match="no text vectors, so a text cannot be read: run `lmmrec run tiny"):
        recommend_for_text(tmp_path, DATASET, "quiet", Words())
    write_lake(tmp_path)
    with pytest.raises(LmmrecError, match=r"the settings name test \(newer\): set LMMREC_ENCODER=test"):
        recommend_for_text(tmp_path, DATASET, "quiet", Other())
    with pytest.raises(LmmrecError, match="the text is empty"):
        recommend_for_text(tmp_path, DATASET, " ", Words())
    with pytest.raises(LmmrecError, match="k = 0 is out of range"):
        recommend_for_text(tmp_path, DATASET, "quiet", Words(), k=0)
    assert shrinkage_of(lake, DATASET) == SHRINKAGE
