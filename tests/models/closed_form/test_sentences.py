"""A text part splits over sentences without a rest that is not shown, and by the closest sum there is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.closed_form.ease import fit_ease
from models.closed_form.sentences import split_over_sentences
from models.closed_form.text_kernel import TextKernel
from models.closed_form.text_part import unit_rows
from models.graph import binary_csr
from tests.models.strategies import interactions, matrices
from tests.reference import closed_form as reference

pytestmark = pytest.mark.unit


@given(matrices(6, 5), st.integers(1, 4))
def test_sentences_and_remainder_add_up_to_what_the_text_adds(drawn: np.ndarray, count: int) -> None:
    text, mean, direction, sentences = drawn[0], drawn[1] / 4, drawn[2], drawn[6 - count :]
    found = split_over_sentences(text, sentences, mean, direction)
    moved = text - mean
    length = float(np.linalg.norm(moved))
    whole = float(moved @ direction) / length if length else 0.0
    assert float(found.parts.sum()) + found.remainder == pytest.approx(whole, abs=1e-9)
    assert -1e-9 <= found.explained <= 1.0 + 1e-9


@given(matrices(7, 4), st.integers(1, 3))
def test_the_sum_of_sentences_is_the_closest_one(drawn: np.ndarray, count: int) -> None:
    text, mean, direction, sentences = drawn[0], drawn[1] / 4, drawn[2], drawn[7 - count :]
    found = split_over_sentences(text, sentences, mean, direction)
    weights = reference.closest_sum(sentences - mean, text - mean)
    left = text - mean - weights @ (sentences - mean)
    length = np.linalg.norm(text - mean)
    if length > 1e-6:
        assert found.explained == pytest.approx(1.0 - float(left @ left) / length**2, abs=1e-6)


def test_a_text_of_one_sentence_leaves_no_remainder() -> None:
    text, mean, direction = unit_rows(np.random.default_rng(0).standard_normal((3, 6)))
    found = split_over_sentences(text, text[None], mean / 3, direction)
    assert found.remainder == pytest.approx(0.0, abs=1e-12)
    assert found.explained == pytest.approx(1.0)


def test_a_text_that_is_the_sum_of_its_sentences_is_made_up_of_them() -> None:
    sentences = np.eye(3)[:2]
    found = split_over_sentences(np.array([0.6, 0.8, 0.0]), sentences, np.zeros(3), np.array([1.0, 10.0, 100.0]))
    np.testing.assert_allclose(found.parts, [0.6, 8.0])
    assert found.remainder == pytest.approx(0.0, abs=1e-12)


def test_a_text_that_lies_on_the_mean_says_nothing() -> None:
    found = split_over_sentences(np.ones(3), np.eye(3), np.ones(3), np.ones(3))
    assert (found.parts.tolist(), found.remainder, found.explained) == ([0.0, 0.0, 0.0], 0.0, 0.0)


@given(interactions(), st.sampled_from([0.1, 3.0]))
def test_an_items_own_text_is_told_from_the_texts_of_others_in_the_kernel(train: np.ndarray, weight: float) -> None:
    chosen = (2.0, 0.7, 0.5)
    rows = binary_csr(train)
    texts = np.random.default_rng(train.shape[1]).standard_normal((train.shape[1], 3)).astype(np.float32)
    part = TextKernel.of(fit_ease(rows, *chosen), texts).part(weight)
    wanted = reference.own_text_scores(train, texts.astype(np.float64), weight, *chosen)
    for user in range(train.shape[0]):
        for item in range(train.shape[1]):
            asked = part.asked_of(rows[[user]], 1.0, item)
            direction = part.direction(asked, item)
            assert direction is not None
            assert float(direction @ texts[item]) == pytest.approx(wanted[user, item], abs=1e-4)
