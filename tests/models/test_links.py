"""Means along links: against a loop, their gradient, and which links a cap keeps."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings

from models.links import capped, links
from tests.models.strategies import interactions, random_interactions

pytestmark = pytest.mark.unit
CPU = torch.device("cpu")


@settings(deadline=None, max_examples=30)
@given(interactions())
def test_each_target_gets_the_mean_of_its_sources_and_without_any_zeros(array: np.ndarray) -> None:
    sources = np.random.default_rng(0).standard_normal((array.shape[1], 3)).astype(np.float32)
    found = links(sp.csr_matrix(array), CPU).means(torch.from_numpy(sources)).numpy()
    for target, row in enumerate(array):
        expected = sources[row > 0].mean(axis=0) if row.any() else np.zeros(3)
        np.testing.assert_allclose(found[target], expected, atol=1e-6)


def test_the_gradient_is_that_of_the_dense_product_and_edges_are_the_links() -> None:
    pattern = random_interactions(7, 5, 0.4, 0)
    made, sources = links(pattern, CPU), torch.randn(5, 3, requires_grad=True)
    upstream = torch.randn(7, 3)
    (found,) = torch.autograd.grad(made.means(sources), sources, upstream)
    torch.testing.assert_close(found, made.matrix.to_dense().T @ upstream)
    assert {(t, s) for s, t in made.edges.T.tolist()} == set(
        zip(*(part.tolist() for part in pattern.nonzero()), strict=True)
    )


def test_a_cap_keeps_all_of_the_few_and_so_many_of_the_rest_drawn_by_the_seed() -> None:
    pattern = random_interactions(30, 20, 0.3, 1)
    one, again, other = (capped(pattern, 4, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (one.sum(axis=1) == np.minimum(pattern.sum(axis=1), 4)).all()
    assert one.multiply(pattern).nnz == one.nnz
    assert (one != again).nnz == 0
    assert (one != other).nnz > 0
    assert (capped(pattern, 50, np.random.default_rng(0)) != pattern).nnz == 0
