"""Every loss against its slow twin, its gradient against the numerical one, and the laws of docs/method.md"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.losses import (
    MIN_TEMPERATURE,
    bpr,
    info_nce,
    info_nce_of_any_rows,
    squared_norm,
    unit_rows,
)
from tests.models.strategies import matrices
from tests.reference import graph_models, lmmrec

pytestmark = pytest.mark.unit

rows = st.lists(st.integers(0, 5), min_size=4, max_size=4)


@given(matrices(6, 3), rows, rows, rows)
def test_bpr_is_minus_log_sigmoid_of_the_margin(
    table: np.ndarray, users: list[int], up: list[int], down: list[int]
) -> None:
    found = bpr(torch.from_numpy(table), torch.tensor(users), torch.tensor(up), torch.tensor(down))
    assert float(found) == pytest.approx(graph_models.bpr(table, users, up, down), abs=1e-9)


@settings(deadline=None, max_examples=20)
@given(matrices(6, 3), rows, rows, rows)
def test_the_bpr_gradient_is_the_numerical_one_with_repeated_rows(
    table: np.ndarray, users: list[int], up: list[int], down: list[int]
) -> None:
    triple = [torch.tensor(index) for index in (users, up, down)]
    assert torch.autograd.gradcheck(lambda rows: bpr(rows, *triple), (torch.from_numpy(table).requires_grad_(),))


def test_bpr_of_equal_scores_is_log_two_and_scales_with_an_outer_factor() -> None:
    table = torch.zeros(3, 2, requires_grad=True)
    assert bpr(table, *torch.tensor([[0], [1], [2]])).item() == pytest.approx(math.log(2))
    drawn = torch.randn(3, 2, requires_grad=True)
    (once,) = torch.autograd.grad(bpr(drawn, *torch.tensor([[0], [1], [2]])), drawn)
    (thrice,) = torch.autograd.grad(3.0 * bpr(drawn, *torch.tensor([[0], [1], [2]])), drawn)
    torch.testing.assert_close(thrice, 3.0 * once)


def unit(view: np.ndarray) -> torch.Tensor:
    return unit_rows(torch.from_numpy(view))


@settings(deadline=None, max_examples=20)
@given(matrices(5, 3))
def test_unit_rows_have_length_one_and_the_numerical_gradient(view: np.ndarray) -> None:
    rows = torch.from_numpy(view).requires_grad_()
    np.testing.assert_allclose(unit_rows(rows).detach(), [row / math.sqrt(row @ row) for row in view], atol=1e-12)
    assert torch.autograd.gradcheck(unit_rows, (rows,))


def test_a_row_of_zeros_stays_one_and_its_gradient_finite() -> None:
    rows = torch.zeros(2, 3, requires_grad=True)
    unit_rows(rows).sum().backward()
    assert torch.equal(unit_rows(rows), torch.zeros(2, 3))
    assert rows.grad is not None
    assert torch.isfinite(rows.grad).all()


@given(matrices(5, 4), matrices(5, 4))
def test_the_contrast_is_equation_7(interaction: np.ndarray, text: np.ndarray) -> None:
    found = info_nce(unit(interaction), unit(text), 0.2)
    assert float(found) == pytest.approx(lmmrec.motivation_contrast(interaction, text, 0.2), abs=1e-7)


@given(matrices(5, 4), matrices(5, 4))
def test_the_symmetric_contrast_is_the_mean_of_both_directions(interaction: np.ndarray, text: np.ndarray) -> None:
    found = info_nce(unit(interaction), unit(text), 0.2, symmetric=True)
    both = lmmrec.motivation_contrast(interaction, text, 0.2) + lmmrec.motivation_contrast(text, interaction, 0.2)
    assert float(found) == pytest.approx(both / 2, abs=1e-7)


@given(matrices(3, 4), matrices(6, 4), st.lists(st.integers(0, 5), min_size=3, max_size=3))
def test_queries_may_belong_to_any_of_more_keys(queries: np.ndarray, keys: np.ndarray, positions: list[int]) -> None:
    found = info_nce(unit(queries), unit(keys), 0.2, positions=torch.tensor(positions))
    assert float(found) == pytest.approx(lmmrec.contrast_against_all(queries, keys, positions, 0.2), abs=1e-7)


@given(matrices(5, 4), matrices(5, 4), st.booleans())
def test_both_contrasts_agree_on_unit_rows(queries: np.ndarray, keys: np.ndarray, symmetric: bool) -> None:
    views, swapped = (unit(queries), unit(keys)), torch.tensor([3, 1, 0, 0, 4])
    assert torch.allclose(info_nce(*views, 0.2, symmetric), info_nce_of_any_rows(*views, 0.2, symmetric))
    assert torch.allclose(info_nce(*views, 0.2, False, swapped), info_nce_of_any_rows(*views, 0.2, False, swapped))


@given(matrices(5, 4), matrices(5, 4), st.permutations(range(5)))
def test_the_contrast_does_not_depend_on_the_order_of_rows(
    interaction: np.ndarray, text: np.ndarray, order: list[int]
) -> None:
    p, h = unit(interaction), unit(text)
    assert float(info_nce(p[order], h[order], 0.2)) == pytest.approx(float(info_nce(p, h, 0.2)))


def test_identical_views_are_the_minimum_only_if_distinct_across_ids() -> None:
    distinct = torch.eye(4)
    assert float(info_nce(distinct, distinct, 0.02)) == pytest.approx(0.0, abs=1e-6)
    alike = torch.full((4, 4), 0.5)
    assert float(info_nce(alike, alike, 0.02)) == pytest.approx(math.log(4), rel=1e-5)


@settings(deadline=None, max_examples=20)
@given(matrices(5, 3), matrices(5, 3), st.sampled_from([(False, None), (True, None), (False, [3, 1, 0, 0, 4])]))
def test_the_contrast_gradient_is_the_numerical_one(
    queries: np.ndarray, keys: np.ndarray, form: tuple[bool, list[int] | None]
) -> None:
    views = [unit(view).requires_grad_() for view in (queries, keys)]
    symmetric, positions = form[0], None if form[1] is None else torch.tensor(form[1])
    assert torch.autograd.gradcheck(lambda q, k: 3.0 * info_nce(q, k, 0.2, symmetric, positions), views, atol=1e-4)


def test_the_smallest_temperature_does_not_overflow_a_large_batch() -> None:
    alike = unit_rows(torch.ones(5000, 2))
    assert float(info_nce(alike, alike, MIN_TEMPERATURE)) == pytest.approx(math.log(5000), rel=1e-4)


def test_squared_norm_sums_over_all_parameters() -> None:
    assert float(squared_norm([torch.tensor([3.0]), torch.tensor([[4.0, 0.0]])])) == 3.0**2 + 4.0**2
