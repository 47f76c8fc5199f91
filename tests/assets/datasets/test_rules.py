"""Every check of the stage passes on good data and can be made to fail, by the rule that it names."""

import json
from pathlib import Path

import pandas as pd
import pytest

from assets.datasets import rules
from assets.expectations import Finding
from assets.tables import write_frame

pytestmark = pytest.mark.integration

REVIEW_TYPES = {
    "user_id": "VARCHAR",
    "item_id": "VARCHAR",
    "rating": "DOUBLE",
    "text": "VARCHAR",
    "timestamp": "TIMESTAMP",
}
QUARANTINE_TYPES = {"source": "VARCHAR", "line": "BIGINT", "reason": "VARCHAR", "excerpt": "VARCHAR"}
PAIR = {"user_idx": "BIGINT", "item_idx": "BIGINT"}


def write_reviews(folder: Path, rows: list[tuple[object, ...]], quarantined: int = 0) -> None:
    write_frame(pd.DataFrame(rows, columns=list(REVIEW_TYPES)), folder / "reviews.parquet", REVIEW_TYPES)
    bad = pd.DataFrame([("f", 1, "r", "e")] * quarantined, columns=list(QUARANTINE_TYPES))
    write_frame(bad, folder / "quarantine.parquet", QUARANTINE_TYPES)


def broken(findings: list[Finding]) -> list[tuple[str, str]]:
    assert all(finding.error is None for finding in findings)
    return [(finding.column, finding.severity) for finding in findings if not finding.passed]


GOOD = [("a", "x", 5.0, "t", None), ("b", "x", None, "t", None)]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (GOOD, []),
        ([], [("reviews", "error")]),
        ([*GOOD, (None, "x", 1.0, "t", None)], [("user_ids_missing", "error")]),
        ([*GOOD, ("c", " ", 1.0, "t", None)], [("item_ids_missing", "error")]),
        ([*GOOD, ("c", "x", float("inf"), "t", None)], [("ratings_not_finite", "error")]),
    ],
)
def test_reviews(tmp_path: Path, rows: list[tuple[object, ...]], expected: list[tuple[str, str]]) -> None:
    write_reviews(tmp_path, rows)
    assert broken(rules.look_at_reviews(tmp_path)) == expected


def test_texts_that_are_missing_and_quarantined_rows_are_warnings(tmp_path: Path) -> None:
    write_reviews(tmp_path, GOOD)
    assert broken(rules.look_at_texts(tmp_path)) == []
    write_reviews(tmp_path, [(*row[:3], None, None) for row in GOOD], quarantined=2)
    assert broken(rules.look_at_texts(tmp_path)) == [("share_without_text", "warning"), ("rows_quarantined", "warning")]


def test_ready_texts_stand_in_for_reviews(tmp_path: Path) -> None:
    write_reviews(tmp_path, [(*row[:3], None, None) for row in GOOD])
    texts = pd.DataFrame([("user", "a", "likes tea")], columns=["entity", "entity_id", "text"])
    write_frame(texts, tmp_path / "texts.parquet")
    assert broken(rules.look_at_texts(tmp_path)) == []


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("x", "T"), ("y", None)], []),
        ([], []),
        ([("x", "T"), ("x", "U")], [("item_ids_repeated", "error")]),
        ([("x", "T"), (None, "U")], [("item_ids_missing", "error")]),
        ([("x", None), ("y", None)], [("share_without_title", "warning")]),
    ],
)
def test_items(tmp_path: Path, rows: list[tuple[object, ...]], expected: list[tuple[str, str]]) -> None:
    frame = pd.DataFrame(rows, columns=["item_id", "title"])
    write_frame(frame, tmp_path / "items.parquet", {"item_id": "VARCHAR", "title": "VARCHAR"})
    assert broken(rules.look_at_items(tmp_path)) == expected


@pytest.mark.parametrize(
    ("users", "pairs", "expected"),
    [
        ([(0, "a"), (1, "b")], [(0, 0, "a", "x"), (1, 0, "b", "x")], []),
        ([(0, "a"), (2, "b")], [(0, 0, "a", "x"), (2, 0, "b", "x")], ["user_idx_not_dense"]),
        ([(0, "a"), (1, "a")], [(0, 0, "a", "x"), (1, 0, "a", "x")], ["user_ids_repeated"]),
        ([(0, "a"), (1, "b")], [(0, 0, "a", "x"), (1, 0, "a", "x")], ["users_unknown"]),
        ([(0, "a"), (1, "b")], [(0, 0, "a", "x"), (7, 0, "b", "x")], ["users_unknown"]),
        ([(0, "a"), (1, "b")], [(0, 0, "a", "x"), (0, 0, "a", "x")], ["pairs_repeated"]),
    ],
)
def test_interactions(
    tmp_path: Path, users: list[tuple[int, str]], pairs: list[tuple[int, int, str, str]], expected: list[str]
) -> None:
    columns = ["user_idx", "item_idx", "user_id", "item_id"]
    write_frame(pd.DataFrame(pairs, columns=columns), tmp_path / "interactions.parquet")
    write_frame(pd.DataFrame(users, columns=["user_idx", "user_id"]), tmp_path / "users.parquet")
    write_frame(pd.DataFrame([(0, "x")], columns=["item_idx", "item_id"]), tmp_path / "items.parquet")
    assert broken(rules.look_at_interactions(tmp_path)) == [(name, "error") for name in expected]


@pytest.mark.parametrize(
    ("train", "test", "expected"),
    [
        ([(0, 0), (1, 1)], [(0, 1)], []),
        ([(0, 0), (1, 1)], [(0, 0)], ["pairs_in_two_parts"]),
        ([(0, 0), (1, 1), (1, 1)], [(0, 1)], ["pairs_repeated"]),
        ([(0, 0), (1, 1)], [(0, 2)], ["pairs_out_of_range"]),
        ([(0, 0), (0, 1)], [(1, 1)], ["users_without_train"]),
        ([(0, 0), (1, 0)], [(1, 1)], ["items_without_train"]),
    ],
)
@pytest.mark.parametrize("required", [True, False])
def test_split(
    tmp_path: Path, train: list[tuple[int, int]], test: list[tuple[int, int]], expected: list[str], required: bool
) -> None:
    for name, pairs in (("train", train), ("validation", []), ("test", test)):
        write_frame(pd.DataFrame(pairs, columns=list(PAIR)), tmp_path / f"{name}.parquet", PAIR)
    (tmp_path / "sizes.json").write_text(json.dumps({"num_users": 2, "num_items": 2}))
    severity = {name: "error" if required or not name.endswith("without_train") else "warning" for name in expected}
    assert broken(rules.look_at_split(tmp_path, train_edge_required=required)) == list(severity.items())
