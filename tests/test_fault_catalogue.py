"""Each fault that the house promises to survive has a test that bears its number."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

TESTS = Path(__file__).resolve().parent
FAULTS = {
    1: "429 with any Retry-After",
    2: "no credit left",
    3: "bursts of 5xx",
    4: "a key, a model or a request that is refused",
    5: "connections that fail, stall or break off",
    6: "an answer that is cut",
    7: "a refusal",
    8: "an answer without choices, content or usage",
    9: "prose, fences or several objects around an answer",
    10: "answers that break the schema, repeat themselves, copy the prompt or are in another language",
    11: "invented names, ids, addresses and links",
    12: "every kind of Unicode",
    13: "reviews that give orders",
    14: "prompts longer than the context",
    15: "vectors that are none",
    16: "batches that end in every way",
    17: "kill -9 while texts are generated",
    20: "a full disk",
    21: "damaged files",
    22: "a home that cannot be written, or has an odd name",
    32: "words of validation and test",
    33: "no network",
    34: "secrets",
    35: "costs that run away",
}
_NUMBER = re.compile(r"(?<![a-z0-9])f(\d{1,2})(?=_)")


def numbered(source: str) -> dict[int, list[str]]:
    """Number of a fault -> names of the test functions that bear it; classes are looked into, strings and comments not."""
    found: dict[int, list[str]] = defaultdict(list)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test_"):
            for number in _NUMBER.findall(node.name):
                found[int(number)].append(node.name)
    return found


def all_numbered() -> dict[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    for path in TESTS.rglob("test_*.py"):
        for number, names in numbered(path.read_text(encoding="utf-8")).items():
            found[number] += names
    return found


def test_every_fault_has_a_test_that_bears_its_number() -> None:
    found = all_numbered()
    assert {number: fault for number, fault in FAULTS.items() if not found.get(number)} == {}


def test_only_names_of_test_functions_count() -> None:
    source = """
def test_f13_and_f14_something(): ...
def helper_f15_something(): ...
# test_f16_something
TEXT = "def test_f17_something(): ..."
class TestMore:
    async def test_f20_something(self): ...
def test_half1_something(): ...
def test_f210(): ...
"""
    assert sorted(numbered(source)) == [13, 14, 20]
