"""The two alignment losses from one matrix: the values of their slow twins, the gradients of the single losses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.correspondence import correspondence, match_target
from models.joint_losses import contrast_and_correspondence
from models.losses import MIN_TEMPERATURE, info_nce, unit_rows
from tests.models.strategies import matrices
from tests.reference import lmmrec

pytestmark = pytest.mark.unit

roles = st.lists(st.sets(st.integers(0, 4), min_size=1), min_size=1, max_size=3)


def marks(members: list[set[int]], rows: int = 5) -> torch.Tensor:
    return torch.tensor([[float(row in role) for row in range(rows)] for role in members], dtype=torch.float64)


def unit(view: np.ndarray) -> torch.Tensor:
    return unit_rows(torch.from_numpy(view))


@given(matrices(5, 3), matrices(5, 3), matrices(5, 3), matrices(5, 3), roles)
def test_the_two_losses_are_equations_7_and_9(
    h: np.ndarray, p: np.ndarray, teacher_h: np.ndarray, teacher_p: np.ndarray, members: list[set[int]]
) -> None:
    target = match_target(unit(teacher_h), unit(teacher_p), 0.5)
    contrast, match = contrast_and_correspondence(unit(h), unit(p), lambda: target, marks(members), 0.5)
    expected = sum(lmmrec.motivation_contrast(p[sorted(role)], h[sorted(role)], 0.5) for role in members)
    assert float(contrast) == pytest.approx(expected, abs=1e-7)
    assert float(match) == pytest.approx(lmmrec.correspondence(h, p, teacher_h, teacher_p, 0.5), abs=1e-7)


@given(matrices(5, 3), matrices(5, 3), matrices(5, 3), matrices(5, 3), roles, st.sampled_from([(1.0, 0.5), (0.0, 2.0)]))
def test_each_gradient_is_that_of_the_loss_alone(
    h: np.ndarray,
    p: np.ndarray,
    teacher_h: np.ndarray,
    teacher_p: np.ndarray,
    members: list[set[int]],
    weights: tuple[float, float],
) -> None:
    student, target = (
        [unit(view).requires_grad_() for view in (h, p)],
        match_target(unit(teacher_h), unit(teacher_p), 0.2),
    )
    joint = contrast_and_correspondence(*student, lambda: target, marks(members), 0.2)
    text, interaction = student
    contrasts = [info_nce(interaction[sorted(role)], text[sorted(role)], 0.2) for role in members]
    alone = torch.stack(contrasts).sum(), correspondence(*student, target, 0.2)
    found, expected = (torch.autograd.grad(weights[0] * of[0] + weights[1] * of[1], student) for of in (joint, alone))
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


@settings(deadline=None, max_examples=20)
@given(matrices(5, 3), matrices(5, 3), matrices(5, 3), matrices(5, 3), roles)
def test_both_gradients_are_the_numerical_ones(
    h: np.ndarray, p: np.ndarray, teacher_h: np.ndarray, teacher_p: np.ndarray, members: list[set[int]]
) -> None:
    student, target = (
        [unit(view).requires_grad_() for view in (h, p)],
        match_target(unit(teacher_h), unit(teacher_p), 0.5),
    )
    assert torch.autograd.gradcheck(
        lambda a, b: contrast_and_correspondence(a, b, lambda: target, marks(members), 0.5), student
    )


def test_no_gradient_reaches_the_teacher_and_the_lowest_temperature_stays_finite() -> None:
    same = unit_rows(torch.ones(2000, 3)).requires_grad_()
    teacher = [view.clone().detach().requires_grad_() for view in (-same, same)]
    target = match_target(*teacher, MIN_TEMPERATURE)
    losses = contrast_and_correspondence(same, same, lambda: target, torch.ones(1, 2000), MIN_TEMPERATURE)
    (losses[0] + losses[1]).backward()
    assert all(torch.isfinite(loss) for loss in losses)
    assert same.grad is not None
    assert torch.isfinite(same.grad).all()
    assert all(view.grad is None for view in teacher)
