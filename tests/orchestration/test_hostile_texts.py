"""F13 where texts of strangers are shown: terminal, JSON and CSV on stdout, the UI's Markdown, the report's CSV."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from assets.evaluation.report.tables import Cell, Table
from assets.motivations.sample import sample_table
from assets.motivations.tables import MotivationRow
from assets.spreadsheet import cell_text
from models.language.motivation import Motivation
from models.progress import reporting_to, say, track
from orchestration.terminal import progress_on, show_csv, show_json, show_table
from tests.assets.motivations.hostile import HOSTILE

pytestmark = pytest.mark.unit


def obeyed(text: str) -> set[str]:
    """Characters that a terminal or a reader's eye would follow."""
    return {char for char in text if char != "\n" and unicodedata.category(char)[0] == "C"}


@pytest.mark.parametrize("name", HOSTILE)
def test_f13_a_table_on_the_terminal_moves_no_cursor(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    show_table([{"title": HOSTILE[name][:400], "score": 0.5}], ["title", "score"], HOSTILE[name][:400])
    assert obeyed(capsys.readouterr().out) == set()


@pytest.mark.parametrize("name", HOSTILE)
def test_f12_f13_json_on_the_terminal_moves_no_cursor_and_loses_nothing(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    show_json({"title": HOSTILE[name], HOSTILE[name][:9]: 1})
    printed = capsys.readouterr().out
    assert obeyed(printed) == set()
    assert json.loads(printed) == {"title": HOSTILE[name], HOSTILE[name][:9]: 1}


@pytest.fixture(autouse=True)
def _long_fields() -> Iterator[None]:
    before = csv.field_size_limit(10_000_000)
    yield
    csv.field_size_limit(before)


@pytest.mark.parametrize("name", HOSTILE)
def test_f13_csv_on_the_terminal_computes_nothing(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    show_csv([{"title": HOSTILE[name], "value": -0.5}], ["title", "value"])
    printed = capsys.readouterr().out
    assert obeyed(printed) == set()
    ((title, value),) = list(csv.reader(io.StringIO(printed)))[1:]
    assert value == "-0.5"
    assert title[:1] not in {"=", "+", "-", "@"}


@pytest.mark.parametrize("name", HOSTILE)
def test_f13_a_csv_of_the_report_computes_nothing(name: str) -> None:
    text = Table("t", "t", [HOSTILE[name]], [[Cell(HOSTILE[name], HOSTILE[name])]]).as_csv()
    for row in csv.reader(io.StringIO(text)):
        assert all(cell.lstrip()[:1] not in {"=", "+", "-", "@"} for cell in row)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_stay_numbers_in_a_spreadsheet(value: float) -> None:
    for text in (f"{value}", f"{value:+.3f}", f"{value:.1%}"):
        assert cell_text(text) == text


@pytest.mark.parametrize("name", HOSTILE)
def test_f13_the_samples_in_the_ui_are_one_table_without_links_or_tags(name: str) -> None:
    text = HOSTILE[name]
    phrase = (Motivation.model_construct(motivation=text, evidence=(), strength=0.5),)
    table = sample_table([MotivationRow(n, text, text, text, phrase, phrase) for n in range(3)])
    assert obeyed(table) == set()
    tokens = MarkdownIt("commonmark").enable("table").parse(table)
    kinds = [token.type for token in tokens] + [child.type for token in tokens for child in token.children or ()]
    assert kinds.count("table_open") == 1
    assert kinds.count("tr_open") == 4
    assert kinds.count("td_open") == 15
    assert not {"html_block", "html_inline", "link_open", "image", "code_inline", "fence"} & set(kinds)
    shown = "".join(child.content for token in tokens for child in token.children or ())
    assert "://" not in shown
    assert "www.e" not in shown


@pytest.mark.parametrize("name", HOSTILE)
def test_f13_a_line_of_the_log_stays_one_line(name: str) -> None:
    stream = io.StringIO()
    with progress_on(stream) as reporter, reporting_to(reporter):
        with track(HOSTILE[name][:200], total=1, unit="rows") as step:
            step.advance(note=HOSTILE[name][:200])
        say(HOSTILE[name][:200])
    assert obeyed(stream.getvalue()) == set()
    assert len(stream.getvalue().splitlines()) <= 3


@pytest.mark.parametrize(
    "name", [name for name in HOSTILE if name not in ("lone surrogate", "nul and control", "huge")]
)
def test_f13_an_error_that_quotes_a_hostile_argument_is_one_harmless_line(
    name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    from orchestration.cli import status_of

    assert status_of(["recommend", HOSTILE[name], "u1"]) in (1, 2)
    said = capfd.readouterr()
    assert said.out == ""
    assert obeyed(said.err) == set()
