"""Somebody new gets what goes with her items and what people who say the same chose; else one sentence says why."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assets.embeddings.beside import known_texts
from assets.evaluation.newcomers import SHRINKAGE, WEIGHT, closed_form_cell, reading_of, recommend_for_newcomer
from assets.lake import Address, Lake
from assets.settings import Settings
from assets.tables import read_matrix
from assets.training.cells import train_cell
from assets.training.plan import plan_cell
from models.errors import LmmrecError
from models.language.encoders import Keeper
from models.training.checkpoint import load
from tests.assets.evaluation.conftest import writing
from tests.assets.synthetic import DATASET, USERS, taste, write_lake

pytestmark = pytest.mark.integration


class Words:
    """A text is the counts of its letters."""

    name, model, corpus_bound = "test", "test", False

    def encode(self, texts: Sequence[str], keeper: Keeper | None = None) -> Any:
        letters = "abcdefghijklmnopqrstuvwxyz"
        return np.array([[1 + text.lower().count(letter) for letter in letters] for text in texts], dtype=np.float32)


class Other(Words):
    model = "newer"


@pytest.fixture(scope="module")
def with_ease(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake with EASE trained, item vectors that read and user vectors of `Words`."""
    lake = write_lake(tmp_path_factory.mktemp("newcomers"))
    cell = Address("base_checkpoint", DATASET, "ease", variant="full", seed=2023)
    inputs = {name: lake.read(Address(name, DATASET)) for name in ("split", "interactions")}
    plan = plan_cell(cell, "base", "lmmrec")
    with writing(lake, cell) as draft:
        draft.metadata.update(train_cell(plan, inputs, draft.path, Settings(device="cpu", threads=1)))
    texts = known_texts(lake, DATASET, Words())
    vectors = Words().encode(texts)
    with writing(lake, Address("text_embeddings", DATASET)) as draft:
        np.save(draft.path / "users.npy", vectors[:USERS])
        np.save(draft.path / "items.npy", vectors[USERS:])
        (draft.path / "encoder.json").write_text('{"encoder": "test", "model": "test", "dim": 26}')
    return lake


@pytest.mark.parametrize(("text", "wanted"), [("a quiet one with a long battery", 0), ("bright cheerful colours!", 1)])
def test_a_text_brings_what_people_who_say_so_chose(with_ease: Lake, text: str, wanted: int) -> None:
    rows = recommend_for_newcomer(with_ease.home, DATASET, text, [], Words(), k=8)
    assert [row["rank"] for row in rows] == list(range(1, 9))
    assert [taste(int(row["item_id"].removeprefix("sku-"))) for row in rows] == [wanted] * 8
    assert all(row["title"].startswith("Title") and row["reason"].startswith("known for “") for row in rows)
    scores = [row["score"] for row in rows]
    assert scores == sorted(scores, reverse=True)


def test_what_cannot_be_read_is_refused_with_the_remedy(tmp_path: Path) -> None:
    lake = write_lake(tmp_path, with_text=False)
    with pytest.raises(LmmrecError, match="no text vectors, so a text cannot be read: run `lmmrec run tiny"):
        recommend_for_newcomer(tmp_path, DATASET, "quiet", [], Words())
    write_lake(tmp_path)
    with pytest.raises(LmmrecError, match=r"the settings name test \(newer\): set LMMREC_ENCODER=test"):
        recommend_for_newcomer(tmp_path, DATASET, "quiet", [], Other())
    with pytest.raises(LmmrecError, match="the text is empty"):
        recommend_for_newcomer(tmp_path, DATASET, " ", [], Words())
    with pytest.raises(LmmrecError, match="k = 0 is out of range"):
        recommend_for_newcomer(tmp_path, DATASET, "quiet", [], Words(), k=0)
    with pytest.raises(LmmrecError, match="nothing is known of her"):
        recommend_for_newcomer(tmp_path, DATASET, None, [], None)
    with pytest.raises(LmmrecError, match=r"no item 'sku-7' .*did you mean sku-"):
        recommend_for_newcomer(tmp_path, DATASET, None, ["sku-7"], None)
    with pytest.raises(LmmrecError, match=r"no model in closed form.*lmmrec run tiny --base-model gfcf"):
        recommend_for_newcomer(tmp_path, DATASET, None, ["sku-07"], None)
    assert reading_of(lake, DATASET, 0) == (SHRINKAGE, WEIGHT)


def tastes(rows: list[dict[str, Any]]) -> list[int]:
    return [taste(int(row["item_id"].removeprefix("sku-"))) for row in rows]


@pytest.mark.parametrize("wanted", [0, 1])
def test_a_few_items_bring_what_goes_with_them_and_none_of_them_again(with_ease: Lake, wanted: int) -> None:
    items = [f"sku-{wanted + 2 * n:02d}" for n in range(4)]
    rows = recommend_for_newcomer(with_ease.home, DATASET, None, items, None, k=8)
    assert not set(items) & {row["item_id"] for row in rows}
    assert sum(one == wanted for one in tastes(rows)) >= 6
    assert all("who chose “Title" in row["reason"] for row in rows)


def test_somebody_with_the_history_of_a_known_user_gets_the_scores_of_that_user(with_ease: Lake) -> None:
    """The oracle: who has what user 3 has in train is scored as user 3 is."""
    train = read_matrix(with_ease.read(Address("split", DATASET)), "train")
    items = [f"sku-{item:02d}" for item in train[3].indices]
    model = load(with_ease.read(closed_form_cell(with_ease, DATASET)))
    rows = recommend_for_newcomer(with_ease.home, DATASET, None, items, None, k=5)
    wanted = model.score(np.array([3])).numpy()[0]
    for row in rows:
        assert row["score"] == pytest.approx(float(wanted[int(row["item_id"].removeprefix("sku-"))]), abs=1e-6)


def test_a_text_beside_items_tips_the_scale(with_ease: Lake) -> None:
    """One item of each taste says nothing of the taste; the text does."""
    for wanted, text in enumerate(("a quiet one with a long battery", "bright cheerful colours!")):
        rows = recommend_for_newcomer(with_ease.home, DATASET, text, ["sku-06", "sku-07"], Words(), k=8)
        assert sum(one == wanted for one in tastes(rows)) >= 7
        assert not {"sku-06", "sku-07"} & {row["item_id"] for row in rows}
