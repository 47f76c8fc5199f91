"""New items: their scores equal the slow twin's, and the dial gives them the share of places that was asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.closed_form.cold import (
    exposure,
    map_to_weights,
    multiplier_for,
    new_item_scores,
    ridge_to_histories,
    ridge_to_weights,
)
from models.closed_form.ease import fit_ease
from models.closed_form.text_part import centred
from tests.models.strategies import random_interactions
from tests.reference import closed_form as reference

pytestmark = pytest.mark.unit

TRAIN = random_interactions(30, 12, 0.3, 0)
TEXTS = centred(np.random.default_rng(1).standard_normal((15, 5)))
KNOWN, NEW = TEXTS[:12], TEXTS[12:]


@pytest.mark.parametrize("shrinkage", [0.1, 1.0])
def test_a_new_item_gets_the_column_that_texts_explain(shrinkage: float) -> None:
    fit = fit_ease(TRAIN, 2.0, 0.5, 0.5)
    found = new_item_scores(TRAIN, ridge_to_weights(fit, KNOWN, shrinkage), NEW)
    exact = fit.weights.astype(np.float64)
    columns = [reference.ridge_to_weights(exact, KNOWN.astype(np.float64), text, shrinkage) for text in NEW]
    np.testing.assert_allclose(found, TRAIN @ np.array(columns).T, atol=1e-5)


def test_by_the_text_map_a_new_item_scores_as_if_it_stood_in_the_catalogue() -> None:
    text_map = np.random.default_rng(2).standard_normal((5, 5))
    found = new_item_scores(TRAIN, map_to_weights(KNOWN, text_map), NEW)
    np.testing.assert_allclose(found, TRAIN @ (KNOWN @ text_map @ NEW.T), atol=1e-5)


@pytest.mark.parametrize("shrinkage", [0.1, 3.0])
def test_a_users_text_is_read_by_one_ridge_regression_an_item(shrinkage: float) -> None:
    texts = np.random.default_rng(3).standard_normal((30, 4)).astype(np.float32)
    found = ridge_to_histories(TRAIN, texts, (0.7, shrinkage))[1]
    wanted = reference.ridge_to_histories(TRAIN.toarray(), texts.astype(np.float64), shrinkage)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.4, 1.0, 3.0]))
def test_exposure_is_the_share_of_places_in_the_sorted_lists(seed: int, multiplier: float) -> None:
    rng = np.random.default_rng(seed)
    warm, cold = rng.integers(0, 6, (4, 9)).astype(float), rng.integers(-2, 6, (4, 3)).astype(float)
    best = -np.sort(-warm, axis=1)[:, :5]
    assert exposure(best, cold, multiplier) == pytest.approx(reference.exposure(warm, cold, 5, multiplier))


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3])
def test_the_dial_gives_new_items_the_share_that_was_asked_for(share: float) -> None:
    rng = np.random.default_rng(5)
    warm, cold = rng.random((200, 20)), rng.random((200, 30))
    multiplier = multiplier_for(share, warm, cold)
    assert share <= exposure(warm, cold, multiplier) <= share + 1e-3
    assert exposure(warm, cold, multiplier * 0.999) < share


def test_share_zero_shows_no_new_item_whose_score_is_not_above_all_others() -> None:
    warm, cold = np.ones((3, 5)), np.full((3, 4), 9.0)
    assert multiplier_for(0.0, warm, cold) == 0.0
    assert exposure(warm, cold, 0.0) == 0.0
