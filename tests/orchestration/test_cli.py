"""The command line: exit status, one sentence on stderr, clean stdout, and nothing written where the input is bad."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration.cli import status_of
from tests.orchestration import shop

pytestmark = pytest.mark.unit


@pytest.fixture
def rows() -> list[dict[str, str]]:
    return shop.reviews(users=12, items=20, per_user=6)


def refused(capfd: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one sentence with which a command fails."""
    capfd.readouterr()
    assert status_of(arguments) == 1
    captured = capfd.readouterr()
    assert captured.out == ""
    lines = [line for line in captured.err.splitlines() if line.startswith("lmmrec: ")]
    assert len(lines) == 1, captured.err
    assert "Traceback" not in captured.err
    return lines[0].removeprefix("lmmrec: ")


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
    capfd: pytest.CaptureFixture[str],
    rows: Rows,
    declare: Callable[[Path, Rows], dict[str, object]],
    named: list[str],
) -> None:
    shop.declare(home, shop=declare(home / "reviews.csv", rows))
    sentence = refused(capfd, "run", "shop")
    assert all(word in sentence for word in named), sentence
    assert nothing_came_of_it(home)


def test_an_empty_result_says_at_which_filter_with_counts(
    home: Path, capfd: pytest.CaptureFixture[str], rows: Rows
) -> None:
    shop.declare(home, shop=_nothing_left(home / "reviews.csv", rows))
    sentence = refused(capfd, "run", "shop")
    assert "core" in sentence
    assert "72" in sentence
    assert not (home / "lake" / "interactions").exists()
    assert not any((home / "lake" / ".staging").iterdir())


@pytest.mark.parametrize(
    ("catalogue", "named"),
    [
        ("shop: {format: parchment, reviews: {path: x}}", ["'shop'", "format"]),
        ("shop: {format: table, reviews: {path: x}, coer: 5}", ["'shop'", "'coer'"]),
        ("Shop/1: {format: table, reviews: {path: x}}", ["'Shop/1'", "no dataset name"]),
        ("shop: [", ["datasets.yaml", "cannot be read"]),
        ("demo: {format: demo}", ["'demo'", "built-in"]),
    ],
)
def test_a_bad_catalogue_names_the_key(
    home: Path, capfd: pytest.CaptureFixture[str], catalogue: str, named: list[str]
) -> None:
    (home / "datasets.yaml").write_text(catalogue)
    sentence = refused(capfd, "run", "demo")
    assert all(word in sentence for word in named), sentence
    assert not (home / "lake").exists()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("run", "dmo"), ["'dmo'", "demo"]),
        (("run", "demo", "--base-model", "lightgnc"), ["'lightgnc'", "lightgcn"]),
        (("run", "demo", "--method", "best"), ["'best'", "lmmrec"]),
        (("estimate", "dmo"), ["'dmo'", "demo"]),
        (("recommend", "dmo", "u1"), ["'dmo'"]),
        (("recommend", "demo", "u1"), ["lmmrec run demo"]),
        (("explain", "demo", "u1", "i1"), ["lmmrec run demo"]),
        (("metrics",), ["lmmrec run demo"]),
        (("report",), ["lmmrec run demo"]),
    ],
)
def test_unknown_names_and_missing_results_are_one_sentence(
    home: Path, capfd: pytest.CaptureFixture[str], arguments: tuple[str, ...], named: list[str]
) -> None:
    sentence = refused(capfd, *arguments)
    assert all(word in sentence for word in named), sentence
    assert not (home / "lake").exists()


def test_a_setting_that_is_not_usable_names_its_variable(
    home: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LMMREC_ENCODER", "bert")
    assert "LMMREC_ENCODER='bert'" in refused(capfd, "run", "demo")


def test_a_home_without_write_access_is_one_sentence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LMMREC_HOME", str(tmp_path / "file" / "home"))
    assert "set LMMREC_HOME to a folder with write access" in refused(capfd, "run", "demo")


@pytest.mark.parametrize(
    "arguments", [("run",), ("run", "demo", "--until", "lunch"), ("run", "demo", "--seed", "-1"), ("dance",)]
)
def test_wrong_use_is_status_2(arguments: tuple[str, ...], capfd: pytest.CaptureFixture[str]) -> None:
    assert status_of(arguments) == 2


def test_help_is_instant_and_imports_no_pipeline() -> None:
    code = (
        "import sys; sys.argv = ['lmmrec', '--help']\n"
        "from orchestration.cli import status_of\n"
        "assert status_of() == 0\n"
        "assert not {'dagster', 'torch', 'duckdb', 'pandas', 'rich', 'pydantic'} & set(sys.modules)"
    )
    started = time.process_time()
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env={**os.environ})
    assert ran.returncode == 0, ran.stderr
    assert "recommend" in ran.stdout
    assert time.process_time() - started < 1


def test_doctor_never_shows_a_key(
    home: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    assert status_of(("doctor",)) == 0
    said = capfd.readouterr().out
    assert "OPENAI_API_KEY" in said
    assert "secret" not in said


def test_doctor_finds_a_missing_file(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shop.declare(home, shop=shop.entry(home / "gone.csv"))
    assert status_of(("doctor",)) == 1
    assert "gone.csv" in capfd.readouterr().out
