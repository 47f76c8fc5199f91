"""Texts that say almost the same are found, in time that grows with their number, and others are not."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.language.quality.near_duplicates import ALIKE, near_another
from models.language.quality.words import content_words, stem

pytestmark = pytest.mark.unit
WORDS = [f"{first}{second}{third}a" for first in "bdfgkl" for second in "oui" for third in "mnprtz"]
texts = st.lists(st.lists(st.sampled_from(WORDS[:12]), max_size=8).map(" ".join), max_size=20)


def by_all_pairs(given: list[str]) -> np.ndarray:
    """The slow way: every pair."""
    sets = [frozenset(map(stem, content_words(text))) for text in given]

    def close(a: frozenset[str], b: frozenset[str]) -> bool:
        return not (a | b) or len(a & b) / len(a | b) >= ALIKE

    return np.array([any(close(a, b) for j, b in enumerate(sets) if i != j) for i, a in enumerate(sets)], dtype=bool)


@given(texts)
def test_what_is_found_is_alike(given: list[str]) -> None:
    assert not (near_another(given) & ~by_all_pairs(given)).any()


def test_nearly_all_pairs_that_are_alike_are_found() -> None:
    source = random.Random(1)
    given = []
    for _ in range(300):
        words = source.sample(WORDS, 40)
        given += [" ".join(words), " ".join([*words[:38], "zebra", "violin"][::-1])]
    found = near_another(given)
    assert by_all_pairs(given).all()
    assert found.mean() > 0.99


def test_order_small_words_and_case_make_no_difference() -> None:
    found = near_another(["Warm soup for the winter", "In winter: WARM SOUP!", "a violin for the night"])
    assert found.tolist() == [True, True, False]


def test_a_table_that_says_one_thing_costs_no_more_than_another() -> None:
    source = random.Random(2)
    same = ["warm soup for cold winter evenings by the fire"] * 20_000
    other = [" ".join(source.sample(WORDS, 8)) for _ in same]
    started = time.perf_counter()
    assert near_another(same).all()
    first = time.perf_counter() - started
    near_another(other)
    assert first < 5 * (time.perf_counter() - started - first) + 1


def test_no_texts_are_no_trouble() -> None:
    assert near_another([]).shape == (0,)
