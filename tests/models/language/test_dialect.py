"""Forms of a request: the plainest that works is found, told apart from rows that are refused for their own sake."""

from __future__ import annotations

import pytest

from models.language.dialect import Dialect, Form

pytestmark = pytest.mark.unit

MESSAGES = [{"role": "user", "content": "x"}]


def test_forms_get_plainer_until_nothing_is_left() -> None:
    dialect, form, structures = Dialect(), Form(), []
    while form is not None:
        structures.append(form.structure)
        form = dialect.instead_of(form, None)  # type: ignore[assignment]
    assert structures == ["json_schema", "json_object", "plain"]
    assert dialect.form == Form()


def test_once_an_answer_came_a_refusal_is_the_fault_of_its_row() -> None:
    dialect = Dialect()
    dialect.understood(Form())
    assert dialect.instead_of(Form(), None) is None


def test_requests_that_were_under_way_in_a_refused_form_follow_the_proven_one() -> None:
    dialect, plain = Dialect(), Form("plain")
    dialect.understood(plain)
    assert dialect.form == plain
    assert dialect.instead_of(Form(), None) == plain
    assert dialect.instead_of(plain, None) is None


def test_a_refusal_that_names_the_format_counts_even_after_an_answer() -> None:
    dialect = Dialect()
    dialect.understood(Form())
    assert dialect.instead_of(Form(), "response_format.json_schema") == Form("json_object")
    assert dialect.form == Form("json_object")


@pytest.mark.parametrize(
    ("parameter", "gone", "there"),
    [("max_tokens", "max_tokens", "max_completion_tokens"), ("temperature", "temperature", "max_tokens")],
)
def test_a_named_parameter_is_replaced_or_left_out(parameter: str, gone: str, there: str) -> None:
    form = Dialect().instead_of(Form(), parameter)
    assert form is not None
    body = form.body("m", MESSAGES, {}, 100)
    assert gone not in body
    assert there in body
    assert Dialect().instead_of(form, parameter) != form


def test_each_structure_is_asked_for_in_its_own_words() -> None:
    schema = {"type": "object"}
    bodies = [Form(structure).body("m", MESSAGES, schema, 10) for structure in ("json_schema", "json_object", "plain")]
    assert bodies[0]["response_format"]["json_schema"]["schema"] == schema
    assert bodies[1]["response_format"] == {"type": "json_object"}
    assert "response_format" not in bodies[2]
