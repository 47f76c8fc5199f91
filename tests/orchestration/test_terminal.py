"""Text of strangers does no harm on a terminal, and machine formats stay clean."""

from __future__ import annotations

import csv
import io
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.progress import reporting_to, track
from orchestration.terminal import progress_on, safe, show_csv, show_json, show_table

pytestmark = pytest.mark.unit


@given(st.text())
def test_safe_text_is_one_line_without_control_or_format_characters(text: str) -> None:
    assert not any(unicodedata.category(char)[0] == "C" for char in safe(text))


@given(st.text())
def test_making_safe_text_safe_again_changes_nothing(text: str) -> None:
    assert safe(safe(text)) == safe(text)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("\x1b]0;title\x07rest", "]0;titlerest"),
        ("abc\u202egnp.exe", "abcgnp.exe"),
        ("two\nlines\tand\rmore", "two lines and more"),
        ("a\ud800b", "ab"),
        ("Füße 東京 🙂", "Füße 東京 🙂"),
    ],
)
def test_what_could_move_a_cursor_or_turn_the_text_is_gone(raw: str, shown: str) -> None:
    assert safe(raw) == shown


def test_a_limit_is_kept_and_shown() -> None:
    assert len(safe("word " * 50, 20)) <= 20
    assert safe("word " * 50, 20).endswith("…")


def test_json_on_stdout_is_one_document_and_knows_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    show_json([{"value": float("nan"), "text": "é"}])
    assert json.loads(capsys.readouterr().out) == [{"value": None, "text": "é"}]


def test_csv_on_stdout_reads_back(capsys: pytest.CaptureFixture[str]) -> None:
    show_csv([{"a": 'with "quotes", and comma', "b": None}], ["a", "b"])
    assert list(csv.DictReader(io.StringIO(capsys.readouterr().out))) == [{"a": 'with "quotes", and comma', "b": ""}]


def test_markup_in_data_is_shown_and_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    show_table([{"title": "[bold]50 % off[/bold]"}], ["title"])
    assert "[bold]50 % off[/bold]" in capsys.readouterr().out


def test_progress_off_a_terminal_is_plain_lines() -> None:
    stream = io.StringIO()
    with progress_on(stream) as reporter, reporting_to(reporter), track("train", 2, "epoch") as step:
        step.advance(2)
    assert stream.getvalue().startswith("train: 2 of 2 epoch")
    assert "\x1b" not in stream.getvalue()
