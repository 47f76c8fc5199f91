"""Filters in their order, one newest pair a user and item, dense indices, and clear words where nothing is left."""

from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.datasets.interactions import INTERACTIONS, ITEMS, USERS, Filters, FilterStep, write_interactions
from assets.datasets.sources import workbench
from assets.tables import write_frame
from models.errors import LmmrecError
from tests.assets.datasets.raw import Row, rows_of
from tests.reference.kcore import k_core

pytestmark = pytest.mark.unit

Review = tuple[str, str, float | None, datetime | None]
TYPES = {"user_id": "VARCHAR", "item_id": "VARCHAR", "rating": "DOUBLE", "timestamp": "TIMESTAMP"}


def narrow(
    folder: Path, reviews: list[Review], filters: Filters, threads: int | None = None
) -> tuple[list[Row], list[FilterStep]]:
    folder.mkdir(parents=True)
    frame = pd.DataFrame(reviews, columns=list(TYPES))
    write_frame(frame, folder / "reviews.parquet", TYPES)
    out = folder / "interactions"
    out.mkdir()
    with workbench(out, threads) as (connection, _):
        steps = write_interactions(connection, folder / "reviews.parquet", filters, out)
    return rows_of(out / INTERACTIONS), steps


def day(number: int) -> datetime:
    return datetime(2020, 1, number)


def test_the_filters_come_in_their_order_with_what_each_left(tmp_path: Path) -> None:
    reviews: list[Review] = [
        ("a", "x", 5.0, day(1)),
        ("a", "x", 4.0, day(2)),
        ("a", "y", 3.0, day(1)),
        ("a", "z", 2.0, day(1)),
        ("b", "x", None, day(1)),
        ("b", "y", 5.0, day(1)),
        ("c", "x", 5.0, day(1)),
    ]
    rows, steps = narrow(tmp_path / "d", reviews, Filters(min_rating=3, core=2))
    assert [(step.filter, step.rows, step.users, step.items) for step in steps] == [
        ("reviews", 7, 3, 3),
        ("rating >= 3", 6, 3, 2),
        ("one per user and item, the newest", 5, 3, 2),
        ("2-core", 4, 2, 2),
    ]
    assert [(row["user_idx"], row["item_idx"], row["user_id"], row["item_id"], row["rating"]) for row in rows] == [
        (0, 0, "a", "x", 4.0),
        (0, 1, "a", "y", 3.0),
        (1, 0, "b", "x", None),
        (1, 1, "b", "y", 5.0),
    ]
    folder = tmp_path / "d" / "interactions"
    assert rows_of(folder / USERS) == [{"user_idx": 0, "user_id": "a"}, {"user_idx": 1, "user_id": "b"}]
    assert rows_of(folder / ITEMS) == [{"item_idx": 0, "item_id": "x"}, {"item_idx": 1, "item_id": "y"}]


def test_the_newest_review_speaks_for_a_pair_and_a_known_time_beats_none(tmp_path: Path) -> None:
    reviews: list[Review] = [
        ("a", "x", 5.0, None),
        ("a", "x", 1.0, day(3)),
        ("a", "x", 4.0, day(2)),
        ("b", "x", 2.0, None),
    ]
    rows, _ = narrow(tmp_path / "d", reviews, Filters())
    assert [(row["rating"], row["timestamp"]) for row in rows] == [(1.0, day(3)), (2.0, None)]


def test_the_user_sample_is_a_share_of_the_users_left_and_follows_the_seed(tmp_path: Path) -> None:
    reviews: list[Review] = [(f"u{n}", f"i{n % 7}", 5.0, None) for n in range(100)] + [("low", "i0", 1.0, None)]
    drawn = {}
    for seed in (1, 2):
        rows, steps = narrow(tmp_path / f"s{seed}", reviews, Filters(min_rating=3, user_fraction=0.25, seed=seed))
        assert steps[2].users == 25
        assert steps[2].filter == "sample of 25% of the users"
        drawn[seed] = {row["user_id"] for row in rows}
    assert drawn[1] != drawn[2]
    again, _ = narrow(tmp_path / "again", reviews[::-1], Filters(min_rating=3, user_fraction=0.25, seed=1), threads=3)
    assert {row["user_id"] for row in again} == drawn[1]


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        (Filters(min_rating=6), "after the filter 'rating >= 6': before it there were 2 rows of 2 users and 1 items"),
        (Filters(core=3), "after the filter '3-core': before it there were 2 rows of 2 users and 1 items"),
    ],
)
def test_an_empty_result_names_the_filter_and_the_counts_before(tmp_path: Path, filters: Filters, message: str) -> None:
    with pytest.raises(LmmrecError) as caught:
        narrow(tmp_path / "d", [("a", "x", 5.0, None), ("b", "x", 4.0, None)], filters)
    assert message in str(caught.value)


def test_one_user_with_one_item_is_a_dataset(tmp_path: Path) -> None:
    rows, _ = narrow(tmp_path / "d", [("a", "x", 5.0, None)], Filters())
    assert [(row["user_idx"], row["item_idx"]) for row in rows] == [(0, 0)]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("abcdef"), st.sampled_from("uvwxyz"), st.integers(1, 5)), min_size=1, max_size=50
    ),
    st.integers(1, 3),
)
def test_interactions_are_the_slow_core_of_the_rated_pairs(
    tmp_path_factory: pytest.TempPathFactory, reviews: list[tuple[str, str, int]], core: int
) -> None:
    rated = {(user, item) for user, item, rating in reviews if rating >= 2}
    users, items = sorted({user for user, _ in rated}), sorted({item for _, item in rated})
    expected = k_core({(users.index(user), items.index(item)) for user, item in rated}, core)
    folder = tmp_path_factory.mktemp("core") / "d"
    raw: list[Review] = [(user, item, float(rating), None) for user, item, rating in reviews]
    filters = Filters(min_rating=2, core=core)
    if not expected:
        with pytest.raises(LmmrecError, match="nothing is left"):
            narrow(folder, raw, filters)
        return
    rows, steps = narrow(folder, raw, filters)
    assert {(row["user_id"], row["item_id"]) for row in rows} == {(users[user], items[item]) for user, item in expected}
    assert (steps[-1].rows, steps[-1].users, steps[-1].items) == (
        len(rows),
        len({row["user_idx"] for row in rows}),
        len({row["item_idx"] for row in rows}),
    )
    assert [(row["user_idx"], row["item_idx"]) for row in rows] == sorted(
        (row["user_idx"], row["item_idx"]) for row in rows
    )


def test_the_order_of_the_reviews_and_the_threads_do_not_matter(tmp_path: Path) -> None:
    reviews: list[Review] = [(f"u{n % 50}", f"i{n * 7 % 41}", float(1 + n % 5), day(1 + n % 28)) for n in range(3000)]
    filters = Filters(min_rating=2, user_fraction=0.5, core=2)
    narrow(tmp_path / "first", reviews, filters, threads=2)
    narrow(tmp_path / "second", reviews[::-1], filters, threads=5)
    for name in (INTERACTIONS, USERS, ITEMS):
        first, second = (tmp_path / which / "interactions" / name for which in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()
