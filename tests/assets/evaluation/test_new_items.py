"""New items get the places that the dial says, ranked from their texts and marked; at 0 no byte changes."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pytest

from assets.datasets.catalog import DatasetEntry
from assets.evaluation.anchors import evaluate_anchors
from assets.evaluation.new_items import find_new_items, new_texts, reading_of
from assets.evaluation.published import write_published
from assets.evaluation.recommendations import NEW_ITEM, recommend
from assets.evaluation.rules import recommendation_findings
from assets.evaluation.selection import write_selection
from assets.lake import Address, Lake
from assets.tables import read_frame, read_matrix
from tests.assets.evaluation.conftest import writing
from tests.assets.evaluation.letters import Letters
from tests.assets.synthetic import DATASET, USERS, taste, write_lake

pytestmark = pytest.mark.unit
NEW = {"new-a": "Quiet with a long battery", "new-b": "Bright cheerful colours", "new-c": None}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake with a selection, whose catalogue has two items more that say something, and one that does not."""
    lake = write_lake(tmp_path_factory.mktemp("new"))
    old = lake.path(Address("items", DATASET)) / "items.parquet"
    with writing(lake, Address("items", DATASET)) as draft, duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE items AS SELECT * REPLACE (description::VARCHAR AS description) FROM '{old}'")
        for name, text in NEW.items():
            connection.execute("INSERT INTO items (item_id, description) VALUES (?, ?)", [name, text])
        connection.execute(f"COPY items TO '{draft.path / 'items.parquet'}' (FORMAT parquet)")
    wishes = ["quiet long battery" if taste(n) == 0 else "bright cheerful colours" for n in range(40)]
    with writing(lake, Address("text_embeddings", DATASET)) as draft:
        np.save(draft.path / "items.npy", Letters().encode(wishes))
        np.save(draft.path / "users.npy", Letters().encode((wishes * 2)[:USERS]))
        (draft.path / "encoder.json").write_text('{"encoder": "test", "model": "test", "dim": 8}')
    with writing(lake, Address("anchor_metrics", DATASET)) as draft:
        evaluate_anchors(lake.read(Address("split", DATASET)), DATASET, draft.path, ("userknn",))
    with writing(lake, Address("selection", DATASET)) as draft:
        write_selection(lake, DATASET, draft.path)
    return lake


def publish(lake: Lake, share: float) -> dict[str, object]:
    inputs = {
        name: lake.read(Address(name, DATASET)) for name in ("selection", "interactions", "split", "anchor_metrics")
    }
    with writing(lake, Address("published_lists", DATASET)) as draft:
        return write_published(lake, DATASET, inputs, draft.path, 20, share, Letters())


def published(lake: Lake):  # type: ignore[no-untyped-def]
    return read_frame(lake.read(Address("published_lists", DATASET)) / "recommendations.parquet")


def test_new_is_what_the_catalogue_has_and_nobody_bought_and_says_something(lake: Lake) -> None:
    assert new_texts(lake, DATASET) == {"new-a": "Quiet with a long battery.", "new-b": "Bright cheerful colours."}
    train = read_matrix(lake.read(Address("split", DATASET)), "train").tolil()
    train[:, 5] = 0.0
    found = find_new_items(lake, DATASET, train.tocsr(), Letters())
    empty = [item for item in range(40) if not train[:, item].nnz]
    assert found.item_idx.tolist() == [*empty, 40, 41]
    assert found.added == ("new-a", "new-b")
    assert not found.known[empty].any()
    np.testing.assert_allclose(np.linalg.norm(found.texts, axis=1), 1.0, atol=1e-5)


def test_a_share_of_zero_changes_no_byte(lake: Lake, tmp_path: Path) -> None:
    publish(lake, 0.0)
    frame = published(lake)
    assert not frame["is_new"].any()
    assert frame["item_idx"].max() < 40


def test_the_dial_sets_the_share_of_the_places_as_far_as_texts_suit_anybody(lake: Lake) -> None:
    """Each of the two suits one half of the users, so that one place in twenty is the most they can get."""
    shown = []
    for share in (0.01, 0.03, 0.05, 0.3):
        figures = publish(lake, share)
        assert figures["new_items"] == 2
        assert figures["new_items_shown"] == pytest.approx(published(lake)["is_new"].mean(), abs=1e-4)
        shown.append(float(figures["new_items_shown"]))  # type: ignore[arg-type]
    assert shown == pytest.approx([0.01, 0.03, 0.05, 0.05], abs=0.01)
    assert shown == sorted(shown)


def test_new_items_go_to_whom_their_texts_suit_and_are_marked(lake: Lake) -> None:
    publish(lake, 0.05)
    frame = published(lake)
    new = frame[frame["is_new"]]
    suited = [
        taste(user) == (0 if name == "new-a" else 1) for user, name in zip(new["user_idx"], new["item_id"], strict=True)
    ]
    assert np.mean(suited) > 0.8
    user = str(new["user_id"].iloc[0])
    rows = recommend(lake.home, DATASET, user, k=20)
    marked = {row["item_id"] for row in rows if row["reason"] == NEW_ITEM}
    assert marked == set(new.loc[new["user_id"] == user, "item_id"])
    assert marked <= {"new-a", "new-b"}


def test_lists_with_new_items_pass_the_check_on_lists(lake: Lake) -> None:
    publish(lake, 0.1)
    folder, interactions = (lake.read(Address(name, DATASET)) for name in ("published_lists", "interactions"))
    assert all(finding.passed for finding in recommendation_findings(folder, interactions))


def test_without_a_measurement_the_reading_is_the_one_that_suits_the_base_model(lake: Lake) -> None:
    assert reading_of(lake, DATASET, "ease") == ("ridge", 1.0)
    assert reading_of(lake, DATASET, "lightgcn") == ("map", 1.0)


def test_without_texts_or_new_items_lists_are_published_without_and_it_is_said(tmp_path: Path) -> None:
    lake = write_lake(tmp_path, with_text=False)
    with writing(lake, Address("anchor_metrics", DATASET)) as draft:
        evaluate_anchors(lake.read(Address("split", DATASET)), DATASET, draft.path, ("popularity",))
    with writing(lake, Address("selection", DATASET)) as draft:
        write_selection(lake, DATASET, draft.path)
    assert "no texts" in str(publish(lake, 0.1)["new_items"])


def test_a_dial_outside_of_its_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"less than or equal to 0\.5"):
        DatasetEntry(format="demo", new_item_share=0.6)
