"""Phrases meet by words, rare words counting more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.evaluation.phrases import best_matches, rarity, similarity, words

pytestmark = pytest.mark.unit
phrases = st.lists(st.sampled_from(["quiet", "battery", "bright", "screens", "gift"]), max_size=4).map(" ".join)


def test_words_drop_fillers_and_plurals() -> None:
    assert words("The Batteries of it, and 2 screens!") == ["batterie", "screen"]


@given(phrases, phrases)
def test_similarity_is_symmetric_and_between_0_and_1(one: str, other: str) -> None:
    weights = rarity([one, other, "quiet gift"])
    assert similarity(one, other, weights) == pytest.approx(similarity(other, one, weights))
    assert -1e-12 <= similarity(one, other, weights) <= 1 + 1e-12


@given(phrases)
def test_a_phrase_matches_itself_fully_unless_it_has_no_words(phrase: str) -> None:
    assert similarity(phrase, phrase, {}) == pytest.approx(1.0 if words(phrase) else 0.0)


def test_a_rare_word_outweighs_a_common_one() -> None:
    weights = rarity(["cheap gift", "cheap screen", "cheap battery", "cheap sound"])
    assert similarity("cheap battery", "strong battery", weights) > similarity("cheap battery", "cheap sound", weights)


def test_praise_alone_is_no_shared_motive() -> None:
    assert best_matches(["good", "great gift"], ["good pretty good", "great sound"], {}) == []


@given(st.lists(phrases, max_size=4), st.lists(phrases, max_size=4))
def test_matches_fall_and_use_each_phrase_once(user: list[str], item: list[str]) -> None:
    found = best_matches(user, item, rarity([*user, *item]))
    assert [match.similarity for match in found] == sorted((m.similarity for m in found), reverse=True)
    assert len({match.user for match in found}) == len(found) == len({match.item for match in found})
    assert all(match.similarity > 0 for match in found)
