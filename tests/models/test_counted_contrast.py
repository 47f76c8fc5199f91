"""The contrast over counted rows is InfoNCE over the rows written out, value and gradient."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.counted_contrast import counted_contrast
from models.losses import info_nce, unit_rows
from tests.models.strategies import matrices

pytestmark = pytest.mark.unit

occurrences = st.lists(st.integers(0, 3), min_size=1, max_size=7)


def counts(rows: list[int], length: int) -> torch.Tensor:
    return torch.bincount(torch.tensor(rows), minlength=length).double().unsqueeze(0)


@given(matrices(4, 3), matrices(4, 3), occurrences, occurrences)
def test_counted_rows_give_what_the_rows_written_out_give_role_by_role(
    queries: np.ndarray, keys: np.ndarray, one: list[int], other: list[int]
) -> None:
    q, k = (unit_rows(torch.from_numpy(rows)) for rows in (queries, keys))
    expected = sum(float(info_nce(q[rows], k[rows], 0.3)) for rows in (one, other))
    both = torch.cat([counts(one, 4), counts(other, 4)])
    assert float(counted_contrast(q, k, 0.3, torch.arange(4), both, both)) == pytest.approx(expected, abs=1e-9)


@given(matrices(3, 3), matrices(5, 3), st.lists(st.integers(0, 2), min_size=1, max_size=6))
def test_against_all_keys_a_query_finds_its_own_by_position(
    queries: np.ndarray, keys: np.ndarray, drawn: list[int]
) -> None:
    q, k, positions = unit_rows(torch.from_numpy(queries)), unit_rows(torch.from_numpy(keys)), torch.tensor([4, 0, 2])
    expected = float(info_nce(q[drawn], k, 0.3, positions=positions[drawn]))
    found = counted_contrast(q, k, 0.3, positions, counts(drawn, 3), torch.ones(1, 5, dtype=torch.float64))
    assert float(found) == pytest.approx(expected, abs=1e-9)


@settings(deadline=None, max_examples=15)
@given(matrices(4, 3), matrices(5, 3), occurrences)
def test_its_gradient_is_the_numerical_one(queries: np.ndarray, keys: np.ndarray, drawn: list[int]) -> None:
    both = [torch.from_numpy(rows).requires_grad_() for rows in (queries, keys)]
    own = torch.cat([counts(drawn, 4), torch.ones(1, 4, dtype=torch.float64)])
    of_keys = torch.cat([torch.ones(1, 5, dtype=torch.float64), counts([0, 1, 1, 2, 3, 4], 5)])
    positions = torch.arange(4)
    assert torch.autograd.gradcheck(
        lambda q, k: counted_contrast(unit_rows(q), unit_rows(k), 0.3, positions, own, of_keys), both
    )
