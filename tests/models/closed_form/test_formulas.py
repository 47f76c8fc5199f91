"""Every closed form equals its slow twin, and a text that weighs nothing changes no bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from models.anchors.ease import EASE
from models.anchors.gfcf import GFCF
from models.closed_form import text_map as map_module
from models.closed_form.ease import fit_ease, popularity
from models.closed_form.graph_filter import fit_graph_filter, head_of
from models.closed_form.text_kernel import TextKernel
from models.closed_form.text_map import cosine_part, learned_map, mapped_part
from models.closed_form.text_part import TextPart, centred
from models.closed_form.text_prior import text_prior
from models.errors import LmmrecError
from models.graph import binary_csr
from tests.models.strategies import interactions, random_interactions
from tests.reference import closed_form as reference

pytestmark = pytest.mark.unit

SETTINGS = st.tuples(st.sampled_from([0.5, 2.0]), st.sampled_from([0.0, 0.7]), st.sampled_from([0.0, 0.5]))
TRAIN = random_interactions(30, 12, 0.3, 0)
TEXTS = centred(np.random.default_rng(1).standard_normal((12, 5)))


def texts_for(train: np.ndarray, dim: int = 3) -> np.ndarray:
    return np.random.default_rng(train.shape[1]).standard_normal((train.shape[1], dim)).astype(np.float32)


def canonical(train: np.ndarray) -> sp.csr_matrix:
    return binary_csr(sp.csr_matrix(train))


@settings(deadline=None)
@given(interactions(), SETTINGS)
def test_ease_with_weighting_and_noise_is_a_ridge_regression_of_each_item_on_the_others(
    train: np.ndarray, chosen: tuple[float, float, float]
) -> None:
    np.testing.assert_allclose(fit_ease(canonical(train), *chosen).weights, reference.ease(train, *chosen), atol=1e-5)


@settings(deadline=None)
@given(interactions(), SETTINGS, st.sampled_from([0.1, 1.0, 10.0]))
def test_the_text_kernel_by_woodbury_is_ease_on_interactions_with_text_rows_under_them(
    train: np.ndarray, chosen: tuple[float, float, float], weight: float
) -> None:
    rows, texts = canonical(train), texts_for(train)
    fit = fit_ease(rows, *chosen)
    found = TextKernel.of(fit, texts).part(weight).added_to(fit.score(rows), rows)
    wanted = reference.collective_ease(train, texts.astype(np.float64), weight, *chosen)
    np.testing.assert_allclose(found, reference.pair_scores(train, wanted), atol=1e-5)


@settings(deadline=None)
@given(interactions(), SETTINGS, st.sampled_from([0.3, 2.0]))
def test_the_text_prior_is_the_ridge_regression_toward_the_text_matrix(
    train: np.ndarray, chosen: tuple[float, float, float], weight: float
) -> None:
    rows, texts = canonical(train), texts_for(train)
    text_map = 0.2 * np.random.default_rng(3).standard_normal((3, 3))
    fit = fit_ease(rows, *chosen)
    found = text_prior(fit, texts, text_map, weight).added_to(fit.score(rows), rows)
    target = weight * texts.astype(np.float64) @ text_map @ texts.T.astype(np.float64)
    wanted = reference.prior_ease(train, target, *chosen)
    np.testing.assert_allclose(found, reference.pair_scores(train, wanted), atol=1e-5)


@settings(deadline=None, max_examples=30)
@given(interactions(max_items=6), st.sampled_from([0.01, 1.0]))
def test_the_text_map_is_the_least_squares_problem_over_all_halves_of_all_histories(
    train: np.ndarray, shrinkage: float
) -> None:
    texts = texts_for(train)
    found = learned_map(canonical(train), texts, (shrinkage,))[0]
    np.testing.assert_allclose(found, reference.text_map(train, texts.astype(np.float64), shrinkage), atol=1e-5)


def test_the_text_map_does_not_depend_on_how_many_users_are_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = learned_map(TRAIN, TEXTS, (0.1,))[0]
    monkeypatch.setattr(map_module, "USERS_AT_ONCE", 7)
    np.testing.assert_allclose(learned_map(TRAIN, TEXTS, (0.1,))[0], whole, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("weight", [0.3, 2.0])
def test_a_relative_part_ranks_as_the_sum_of_both_standardised_scores(weight: float) -> None:
    history = fit_graph_filter(TRAIN, 4, 0.3).score(TRAIN)
    text_map = np.random.default_rng(4).standard_normal((5, 5))
    found = mapped_part(TEXTS, text_map, weight).added_to(history.copy(), TRAIN).astype(np.float64)
    said = reference.pair_scores(TRAIN.toarray(), TEXTS.astype(np.float64) @ text_map @ TEXTS.T)
    standard = [(rows - rows.mean(axis=1, keepdims=True)) / rows.std(axis=1, keepdims=True) for rows in (history, said)]
    wanted = standard[0] + weight * standard[1]
    found = (found - found.mean(axis=1, keepdims=True)) / history.std(axis=1, keepdims=True)
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_texts_that_tell_items_not_apart_leave_the_scores_alone() -> None:
    history = fit_graph_filter(TRAIN, 4, 0.3).score(TRAIN)
    silent = np.zeros((12, 5), dtype=np.float32)
    assert cosine_part(silent, 1.0).added_to(history.copy(), TRAIN).tobytes() == history.tobytes()


@pytest.mark.parametrize("weight", [1e-9, 1.0])
def test_the_less_texts_weigh_the_less_they_change(weight: float) -> None:
    fit = fit_ease(TRAIN, 2.0, 0.5, 0.5)
    plain = fit.score(TRAIN)
    parts = [TextKernel.of(fit, TEXTS).part(weight), text_prior(fit, TEXTS, np.eye(5), weight)]
    changes = [np.abs(part.added_to(plain.copy(), TRAIN) - plain).max() for part in parts]
    assert all(change < 1e-6 if weight < 1e-6 else change > 1e-3 for change in changes)


def test_an_item_never_recommends_itself() -> None:
    part = cosine_part(TEXTS, 1.0)
    alone = sp.identity(12, dtype=np.float32, format="csr")
    np.testing.assert_allclose(np.diag(part.scores(alone)), 0.0, atol=1e-6)


def test_a_part_adds_up_item_by_item() -> None:
    part = TextPart(TEXTS, TEXTS[:, ::-1].copy(), np.ones(12, dtype=np.float32))
    together = part.scores(TRAIN)
    alone = part.scores(sp.identity(12, dtype=np.float32, format="csr"))
    np.testing.assert_allclose(together, TRAIN @ alone, atol=1e-5)


def test_the_anchors_are_the_same_formulas_to_the_bit() -> None:
    users = np.arange(TRAIN.shape[0])
    assert EASE(3.0).fit(TRAIN).score(users).tobytes() == fit_ease(TRAIN, 3.0).score(TRAIN).tobytes()
    assert GFCF(4, 0.5).fit(TRAIN).score(users).tobytes() == fit_graph_filter(TRAIN, 4, 0.5).score(TRAIN).tobytes()


def test_a_narrowed_filter_is_the_filter_of_that_rank() -> None:
    wide = fit_graph_filter(TRAIN, 50, 0.3)
    np.testing.assert_allclose(
        wide.narrowed(3, 0.7).score(TRAIN), fit_graph_filter(TRAIN, 3, 0.7).score(TRAIN), atol=1e-5
    )


@settings(deadline=None)
@given(interactions(), st.integers(0, 40))
def test_rows_kept_for_popular_items_change_no_score(train: np.ndarray, numbers: int) -> None:
    plain = fit_graph_filter(canonical(train), 3, 0.3)
    kept = replace(plain, head=head_of(plain.forward, plain.backward, numbers))
    np.testing.assert_allclose(kept.score(canonical(train)), plain.score(canonical(train)), atol=1e-6)


def test_popularity_power_zero_changes_nothing_and_a_positive_one_favours_rare_items() -> None:
    train = canonical(np.array([[1, 1, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0]], dtype=float))
    assert popularity(train, 0.0).tolist() == [1.0, 1.0, 1.0]
    np.testing.assert_allclose(popularity(train, 0.5), [0.5, 1.0, 1.0])


def test_views_are_centred_on_the_catalogue_and_every_row_that_says_something_has_length_one() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((9, 4)) + 5.0, 100.0 * rng.standard_normal((9, 3))
    found = centred(first, second)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-6)
    units = np.concatenate([view / np.linalg.norm(view, axis=1, keepdims=True) for view in (first, second)], axis=1)
    moved = units - units.mean(axis=0)
    np.testing.assert_allclose(found, moved / np.linalg.norm(moved, axis=1, keepdims=True), atol=1e-6)


def test_items_with_one_and_the_same_text_say_nothing() -> None:
    assert not centred(np.full((6, 4), 0.3)).any()


def test_views_of_different_catalogues_are_refused() -> None:
    with pytest.raises(LmmrecError, match="have 4, 5 rows"):
        centred(np.ones((4, 2)), np.ones((5, 2)))
