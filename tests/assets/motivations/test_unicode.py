"""F12: what a reader sees survives every way through the stage: Parquet, DuckDB, JSON lines, prompts."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.motivations.config import PromptConfig
from assets.motivations.prompts import render
from assets.motivations.quarantine import QUARANTINE, Sieve
from assets.motivations.tables import MOTIVATION_TYPES, MotivationRow, read_motivations, write_rows
from assets.tables import connect
from models.language.chat import Source
from models.language.motivation import Motivation, parse_answer
from models.language.text import clean

pytestmark = pytest.mark.integration

SEEN = st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=60).map(clean).filter(bool)
EXAMPLES = [
    "👩\u200d👩\u200d👧 ❤️",
    "𠮷野家 é ǅ ﷽",
    "می\u200cخواهم",
    "a\u0301\u0323\u0302",
    "quote \" and \\ and ' and ;--",
    "NULL",
    "{}",
]
fast = settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])


def row_of(index: int, text: str) -> MotivationRow:
    motivation = (Motivation(motivation=text, evidence=(text[:64].strip() or "r1",), strength=0.5),)
    return MotivationRow(index, text, text, "openai:x", motivation, motivation, (text,), text, "0" * 64)


@fast
@given(st.lists(st.one_of(SEEN, st.sampled_from(EXAMPLES)), min_size=1, max_size=8))
def test_f12_rows_come_back_from_parquet_as_they_were_written(tmp_path: Path, texts: list[str]) -> None:
    rows = [row_of(index, clean(text)) for index, text in enumerate(texts)]
    path = tmp_path / "motivations.parquet"
    write_rows((row.as_row() for row in rows), MOTIVATION_TYPES, path)
    stored = [MotivationRow.of_stored(columns) for columns in read_motivations(path).to_dict("records")]  # type: ignore[arg-type]
    assert stored == rows
    with connect() as connection:
        query = "SELECT summary, length(summary) FROM read_parquet(?) ORDER BY entity_idx"
        assert connection.execute(query, [str(path)]).fetchall() == [(row.summary, len(row.summary)) for row in rows]


@fast
@given(st.lists(st.one_of(SEEN, st.sampled_from(EXAMPLES)), min_size=1, max_size=8))
def test_f12_quarantined_answers_come_back_from_their_lines_as_they_were(tmp_path: Path, texts: list[str]) -> None:
    (tmp_path / "lines").unlink(missing_ok=True)
    sieve = Sieve(frozenset(), tmp_path / "lines")
    told = [f"https://x.example {clean(text)}" for text in texts]
    assert not any(sieve.passes(row_of(index, text)) for index, text in enumerate(told))
    sieve.write(tmp_path)
    assert read_motivations(tmp_path / QUARANTINE)["summary"].tolist() == told


@given(st.text(alphabet=st.characters(codec=None), max_size=80))
def test_f12_a_text_is_normalised_once_and_the_same_in_prompt_and_source(text: str) -> None:
    request = render("item", "0", [Source("r1", "review", text)], PromptConfig())
    (source,) = request.sources
    assert unicodedata.is_normalized("NFC", source.text)
    again = render("item", "0", request.sources, PromptConfig())
    assert again == request
    shown = [json.loads(line)["text"] for line in request.user.split("\n") if line.startswith('{"source"')]
    assert shown == ([source.text] if source.text else [])


@pytest.mark.parametrize("text", EXAMPLES)
def test_f12_an_answer_in_any_escaping_is_the_same_answer(text: str) -> None:
    answer = {
        "reasoning": [],
        "active": [{"motivation": f"for {text}", "evidence": ["r1"], "strength": 1}],
        "passive": [],
        "summary": f"Chosen for {text}",
    }
    plain, escaped = (parse_answer(json.dumps(answer, ensure_ascii=form), {"r1"}, 100) for form in (False, True))
    decomposed = parse_answer(unicodedata.normalize("NFD", json.dumps(answer, ensure_ascii=False)), {"r1"}, 100)
    assert plain == escaped == decomposed
