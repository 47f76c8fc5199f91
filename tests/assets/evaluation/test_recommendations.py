"""Recommendations carry the publisher's ids, leave out what users have, and come with a reason."""

from pathlib import Path

import numpy as np
import pytest

from assets.evaluation.lookup import methods_to_serve, printable
from assets.evaluation.recipe import RECOMMENDATIONS_PER_USER
from assets.evaluation.recommendations import closest_owned, read_owned, recommend, write_recommendations
from assets.lake import Address, Lake
from assets.tables import read_frame
from models.errors import LmmrecError
from tests.assets.synthetic import DATASET, ITEMS, USERS, write_lake

pytestmark = pytest.mark.integration


def lists(lake: Lake, dataset: str = DATASET, method: str = "lmmrec"):  # type: ignore[no-untyped-def]
    return read_frame(lake.read(Address("recommendations", dataset, "lightgcn", method)) / "recommendations.parquet")


def test_every_user_gets_a_full_list_of_original_ids(finished: Lake) -> None:
    frame = lists(finished)
    assert set(frame["user_id"]) == {f"u{n:03d}" for n in range(USERS)}
    assert set(frame["item_id"]) <= {f"sku-{n:02d}" for n in range(ITEMS)}
    assert (frame["user_id"].str[1:].astype(int) == frame["user_idx"]).all()
    assert (frame["item_id"].str[4:].astype(int) == frame["item_idx"]).all()
    assert (frame.groupby("user_idx").size() == RECOMMENDATIONS_PER_USER).all()


def test_ranks_are_dense_and_scores_fall(finished: Lake) -> None:
    for _, rows in lists(finished).groupby("user_idx"):
        assert rows["rank"].tolist() == list(range(1, len(rows) + 1))
        assert rows["score"].is_monotonic_decreasing


def test_nothing_that_a_user_has_in_any_part_is_recommended(finished: Lake) -> None:
    owned = read_owned(finished.read(Address("interactions", DATASET)))
    assert owned.nnz == 10 * USERS
    frame = lists(finished)
    assert not owned[frame["user_idx"].to_numpy(), frame["item_idx"].to_numpy()].any()


def test_users_who_have_nearly_everything_get_shorter_lists(finished: Lake, tmp_path: Path) -> None:
    cell = Address("base_checkpoint", DATASET, "lightgcn", variant="full", seed=2023)
    figures = write_recommendations(
        finished.read(cell), finished.read(Address("interactions", DATASET)), tmp_path, ITEMS
    )
    frame = read_frame(tmp_path / "recommendations.parquet")
    assert (frame.groupby("user_idx").size() == ITEMS - 10).all()
    assert figures["users_with_a_full_list"] == 0
    assert frame["score"].map(np.isfinite).all()


def test_one_user_reads_her_list_with_titles_and_reasons(finished_home: Path) -> None:
    rows = recommend(finished_home, DATASET, "u003", k=5)
    assert [row["rank"] for row in rows] == [1, 2, 3, 4, 5]
    assert all(row["title"] == f"Title {int(row['item_id'][4:])}" for row in rows)
    assert any("bright cheerful colours" in row["reason"] for row in rows)


def test_a_method_that_reads_no_text_gives_no_reason_from_texts(finished_home: Path) -> None:
    assert all("wants" not in row["reason"] for row in recommend(finished_home, DATASET, "u003", method="base"))


def test_without_texts_the_reason_is_a_shared_history(finished_home: Path) -> None:
    rows = recommend(finished_home, "wordless", "u003", k=5)
    assert all("who chose “Title" in row["reason"] for row in rows)


def test_the_reason_counts_who_has_both(finished: Lake) -> None:
    owned = read_owned(finished.read(Address("interactions", DATASET)))
    dense = owned.toarray().astype(bool)
    items = [item for item in range(ITEMS) if not dense[0, item]]
    for item, (history, count) in closest_owned(owned, 0, items).items():
        together = {other: int((dense[:, item] & dense[:, other]).sum()) for other in np.flatnonzero(dense[0])}
        assert count == max(together.values()) == together[history]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"user_id": "u00"}, "tiny has no user 'u00' among its 60 users after filtering: did you mean"),
        ({"user_id": "nobody"}, "known are u000, u001, u002, u003, u004 and 55 more"),
        ({"dataset": "tinny"}, "tinny"),
        ({"base_model": "lightgnc"}, "unknown base model 'lightgnc': did you mean lightgcn"),
        ({"method": "lmrec"}, "unknown method 'lmrec': did you mean lmmrec"),
        ({"dataset": "wordless", "method": "lmmrec"}, "no recommendations of method 'lmmrec'.*there are those of base"),
        ({"k": 0}, "k = 0 is out of range"),
        ({"k": 21}, "hold up to 20 items"),
    ],
)
def test_wrong_names_are_answered_with_the_right_ones(
    finished_home: Path, asked: dict[str, object], message: str
) -> None:
    with pytest.raises(LmmrecError, match=message):
        recommend(finished_home, **({"dataset": DATASET, "user_id": "u003"} | asked))  # type: ignore[arg-type]


def test_before_anything_is_published_the_command_is_named(home: Path) -> None:
    write_lake(home)
    with pytest.raises(LmmrecError, match=f"there are none for it yet.*lmmrec run {DATASET}"):
        recommend(home, DATASET, "u003")
    with pytest.raises(LmmrecError, match="nothing has been trained"):
        methods_to_serve(Lake(home), DATASET, "lightgcn", [])


def test_text_from_outside_loses_its_control_characters() -> None:
    assert printable("a\x1b[31mred\x07\n  b\u202e") == "a [31mred b"
    assert printable("Chili&#39;s &amp; &#27;[2J") == "Chili's & [2J"
