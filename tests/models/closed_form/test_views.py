"""Shares weigh the kernels of views; equal ones change nothing, and a view without a share is as good as absent."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.closed_form.text_part import centred
from models.closed_form.views import ItemTexts, shared, shares_to_try
from models.errors import LmmrecError
from tests.reference.closed_form import product_of_views

pytestmark = pytest.mark.unit

VECTORS = np.random.default_rng(3).standard_normal((12, 7))
WIDTHS = (4, 3)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 4), st.sampled_from([0.0, 0.25, 1.0, 3.0])), min_size=1, max_size=4))
def test_the_product_of_two_texts_is_the_weighed_sum_of_the_products_of_their_views(
    views: list[tuple[int, float]],
) -> None:
    widths, shares = [list(column) for column in zip(*views, strict=True)]
    texts = np.random.default_rng(0).standard_normal((5, sum(widths)))
    found = shared(texts, widths, shares)
    wanted = [[product_of_views(one, other, widths, shares) for other in texts] for one in texts]
    np.testing.assert_allclose(found @ found.T, wanted, atol=1e-12)


def test_equal_shares_are_the_texts_as_they_were_encoded() -> None:
    texts = ItemTexts(VECTORS, WIDTHS)
    assert (texts.read() == centred(VECTORS)).all()
    np.testing.assert_allclose(texts.read((0.5, 0.5)), texts.read(), atol=1e-6)


def test_a_view_without_a_share_is_as_good_as_absent() -> None:
    found = ItemTexts(VECTORS, WIDTHS).read((0.0, 1.0))
    np.testing.assert_allclose(found[:, 4:], centred(VECTORS[:, 4:]), atol=1e-6)
    assert not found[:, :4].any()


def test_texts_that_are_centred_already_are_left_as_they_are() -> None:
    rows = centred(VECTORS)[:5]
    assert ItemTexts.centred(rows).read() is rows


def test_all_that_is_tried_sums_to_one_and_leans_on_every_view_alike() -> None:
    for count in (2, 3):
        tried = np.asarray(shares_to_try(count))
        np.testing.assert_allclose(tried.sum(axis=1), 1.0)
        assert len({tuple(row) for row in tried}) == 2 * count
        np.testing.assert_allclose(tried.mean(axis=0), 1.0 / count)
    assert shares_to_try(1) == []


@pytest.mark.parametrize("shares", [(1.0,), (0.5, 0.25, 0.25)])
def test_another_number_of_shares_than_of_views_is_refused(shares: tuple[float, ...]) -> None:
    with pytest.raises(LmmrecError, match=r"vectors of 7 numbers in 2 view\(s\) of 4, 3; give one share a view"):
        ItemTexts(VECTORS, WIDTHS).read(shares)
