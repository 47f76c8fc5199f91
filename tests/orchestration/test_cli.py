"""The command line: exit status, one sentence on stderr, clean stdout, and nothing written where the input is bad."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestration.cli import status_of
from tests.orchestration import shop

pytestmark = pytest.mark.unit


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
        (("experiment", "table-1", "--dataset", "dmo"), ["'dmo'", "demo"]),
        (("experiment", "table-1", "--dataset", "demo", "--base-model", "ease"), ["'ease'", "no embeddings"]),
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
