"""L_ICM toward a teacher's target: its slow twin, its bounds, its gradient."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.correspondence import correspondence, match_target, softened_correspondence
from models.losses import MIN_TEMPERATURE, unit_rows
from tests.models.strategies import matrices
from tests.reference import lmmrec

pytestmark = pytest.mark.unit


def unit(view: np.ndarray) -> torch.Tensor:
    return unit_rows(torch.from_numpy(view))


@given(matrices(4, 3), matrices(4, 3), matrices(4, 3), matrices(4, 3))
def test_correspondence_is_equation_9(
    h: np.ndarray, p: np.ndarray, teacher_h: np.ndarray, teacher_p: np.ndarray
) -> None:
    target = match_target(unit(teacher_h), unit(teacher_p), 0.5)
    found = correspondence(unit(h), unit(p), target, 0.5)
    assert float(found) == pytest.approx(lmmrec.correspondence(h, p, teacher_h, teacher_p, 0.5), abs=1e-7)


@given(matrices(4, 3), matrices(4, 3), matrices(4, 3), matrices(4, 3))
def test_correspondence_is_never_negative_and_zero_at_the_teacher(
    h: np.ndarray, p: np.ndarray, teacher_h: np.ndarray, teacher_p: np.ndarray
) -> None:
    views = [unit(view) for view in (h, p, teacher_h, teacher_p)]
    target = match_target(*views[2:], 0.2)
    assert float(correspondence(*views[:2], target, 0.2)) >= -1e-9
    assert float(correspondence(*views[2:], target, 0.2)) == pytest.approx(0.0, abs=1e-9)


@settings(deadline=None, max_examples=20)
@given(matrices(4, 3), matrices(4, 3), matrices(4, 3), matrices(4, 3))
def test_the_correspondence_gradient_is_the_numerical_one(
    h: np.ndarray, p: np.ndarray, teacher_h: np.ndarray, teacher_p: np.ndarray
) -> None:
    student = [unit(view).requires_grad_() for view in (h, p)]
    target = match_target(unit(teacher_h), unit(teacher_p), 0.5)
    assert torch.autograd.gradcheck(lambda a, b: correspondence(a, b, target, 0.5), student)


@given(matrices(4, 3), matrices(4, 3), matrices(4, 3), matrices(4, 3), st.sampled_from([1.0, 0.4, 0.0]))
def test_a_softened_correspondence_follows_the_mixture_with_the_identity(
    h: np.ndarray, p: np.ndarray, teacher_h: np.ndarray, teacher_p: np.ndarray, share: float
) -> None:
    views = [unit(view) for view in (h, p, teacher_h, teacher_p)]
    found = float(softened_correspondence(*views, 0.5, share))
    expected = lmmrec.correspondence(h, p, teacher_h, teacher_p, 0.5, share)
    assert found == pytest.approx(expected, abs=1e-7)
    if share == 1.0:
        assert found == pytest.approx(float(correspondence(*views[:2], match_target(*views[2:], 0.5), 0.5)), abs=1e-9)


@pytest.mark.parametrize("temperature", [MIN_TEMPERATURE, 1.0])
def test_correspondence_stays_finite_down_to_its_lowest_temperature(temperature: float) -> None:
    same = unit_rows(torch.ones(2000, 3)).requires_grad_()
    loss = correspondence(same, same, match_target(-same, same, temperature), temperature)
    loss.backward()
    assert torch.isfinite(loss)
    assert same.grad is not None
    assert torch.isfinite(same.grad).all()


def test_no_gradient_reaches_the_teacher() -> None:
    student, teacher = ([unit_rows(torch.randn(4, 3)).requires_grad_() for _ in range(2)] for _ in range(2))
    correspondence(*student, match_target(*teacher, 0.2), 0.2).backward()
    assert all(view.grad is not None and view.grad.abs().sum() > 0 for view in student)
    assert all(view.grad is None for view in teacher)
