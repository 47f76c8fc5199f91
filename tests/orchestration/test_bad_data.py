"""Bad raw data ends `lmmrec run` with one sentence and exit status 1, and leaves nothing half written.

Each in a process of its own, because Dagster's partitions are the datasets that a process finds when it starts.
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.orchestration import shop

pytestmark = pytest.mark.slow


@pytest.fixture
def rows() -> list[dict[str, str]]:
    return shop.reviews(users=12, items=20, per_user=6)


def refused(home: Path) -> str:
    """The one sentence with which `lmmrec run shop` fails."""
    ran = subprocess.run(
        [sys.executable, "-c", "from orchestration.cli import main; main()", "run", "shop"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LMMREC_HOME": str(home)},
    )
    assert ran.returncode == 1, ran.stderr
    assert ran.stdout == ""
    assert "Traceback" not in ran.stderr
    (line,) = [line for line in ran.stderr.splitlines() if line.startswith("lmmrec: ")]
    return line.removeprefix("lmmrec: ")


def nothing_came_of_it(home: Path) -> bool:
    """No partition of what was refused, whole or half; the items of the catalogue are no part of that."""
    return not any(path.is_file() for path in (home / "lake").rglob("*") if "items" not in path.parts)


Rows = list[dict[str, str]]


def _missing(path: Path, rows: Rows) -> dict[str, object]:
    return shop.entry(path)


def _truncated(path: Path, rows: Rows) -> dict[str, object]:
    whole = gzip.compress(shop.write_reviews(path, rows).read_bytes())
    packed = path.with_suffix(".csv.gz")
    packed.write_bytes(whole[: len(whole) // 2])
    return shop.entry(packed)


def _wrong_hash(path: Path, rows: Rows) -> dict[str, object]:
    shop.write_reviews(path, rows)
    return shop.entry(path, reviews={"path": str(path), "columns": shop.COLUMNS, "sha256": "0" * 64})


def _wrong_column(path: Path, rows: Rows) -> dict[str, object]:
    shop.write_reviews(path, rows)
    return shop.entry(path, reviews={"path": str(path), "columns": {**shop.COLUMNS, "item_id": "article"}})


def _nothing_left(path: Path, rows: Rows) -> dict[str, object]:
    shop.write_reviews(path, rows)
    return shop.entry(path, core=50)


def _null_ids(path: Path, rows: Rows) -> dict[str, object]:
    shop.write_reviews(
        path, [row | {"customer": "" if number % 4 == 0 else row["customer"]} for number, row in enumerate(rows)]
    )
    return shop.entry(path)


def _wild_ratings(path: Path, rows: Rows) -> dict[str, object]:
    shop.write_reviews(path, [row | {"stars": "1e999" if number % 4 == 0 else "5"} for number, row in enumerate(rows)])
    return shop.entry(path)


@pytest.mark.parametrize(
    ("declare", "named"),
    [
        (_missing, ["reviews.csv"]),
        (_truncated, ["reviews.csv.gz"]),
        (_wrong_hash, ["reviews.csv", "sha256"]),
        (_wrong_column, ["article", "customer, sku"]),
        (_null_ids, ["%", "quarantine"]),
        (_wild_ratings, ["%", "quarantine"]),
    ],
)
def test_bad_raw_data_is_one_sentence_and_nothing_is_written(
    home: Path,
    rows: Rows,
    declare: Callable[[Path, Rows], dict[str, object]],
    named: list[str],
) -> None:
    shop.declare(home, shop=declare(home / "reviews.csv", rows))
    sentence = refused(home)
    assert all(word in sentence for word in named), sentence
    assert nothing_came_of_it(home)


def test_an_empty_result_says_at_which_filter_with_counts(home: Path, rows: Rows) -> None:
    shop.declare(home, shop=_nothing_left(home / "reviews.csv", rows))
    sentence = refused(home)
    assert "core" in sentence
    assert "72" in sentence
    assert not (home / "lake" / "interactions").exists()
    assert not any((home / "lake" / ".staging").iterdir())
