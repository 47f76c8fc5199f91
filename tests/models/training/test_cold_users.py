"""New users are left out of the fit, see what they are said to see, and a text serves those who have nothing."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from models.bases import BaseConfig, EaseConfig, GFCFConfig
from models.closed_form.text_part import centred
from models.errors import LmmrecError
from models.graph import binary_csr
from models.training.cold_users import ColdUsers, _first, measure_cold_users

pytestmark = pytest.mark.unit

USERS, ITEMS, TASTES = 300, 60, 4
RNG = np.random.default_rng(0)
LIKES = RNG.random((USERS, ITEMS)) < np.where(
    (np.arange(USERS) % TASTES)[:, None] == np.arange(ITEMS) % TASTES, 0.5, 0.03
)
IN_TRAIN = RNG.random((USERS, ITEMS)) < 0.7
TRAIN, HELD_OUT = (binary_csr(sp.csr_matrix((LIKES & part).astype(float))) for part in (IN_TRAIN, ~IN_TRAIN))
TEXTS = centred(np.eye(TASTES)[np.arange(USERS) % TASTES] + 0.3 * RNG.standard_normal((USERS, TASTES)))
BASES: list[BaseConfig] = [
    EaseConfig(regularisation=20.0, dropout=0.5, user_power=0.5, popularity_power=0.0),
    GFCFConfig(rank=4, alpha=0.3, popularity_power=0.0),
]


def measured(base: BaseConfig, texts: np.ndarray = TEXTS) -> list[ColdUsers]:
    return measure_cold_users(TRAIN, HELD_OUT, texts, base, (0, 1, 4), 1)


@pytest.mark.parametrize("base", BASES, ids=lambda base: base.name)
def test_a_text_serves_who_has_nothing_and_a_shuffled_one_does_not(base: BaseConfig) -> None:
    shuffled = measured(base, TEXTS[np.random.default_rng(2).permutation(USERS)])[0]
    nothing, one, four = measured(base)
    ndcg = {name: getattr(nothing, name).means("rlmrec")["ndcg_20"] for name in ("text", "popularity")}
    assert ndcg["text"] > 1.5 * ndcg["popularity"]
    assert ndcg["text"] > 1.5 * shuffled.text.means("rlmrec")["ndcg_20"]
    assert nothing.history is None
    assert one.history is not None
    assert four.history is not None
    assert one.history.means("rlmrec")["ndcg_20"] < four.history.means("rlmrec")["ndcg_20"]


def test_all_ways_to_serve_are_measured_on_the_same_users() -> None:
    for one in measured(BASES[0])[1:]:
        found = [one.popularity, one.history, one.text, one.both]
        assert all(evaluation is not None for evaluation in found)
        assert len({tuple(evaluation.num_test) for evaluation in found if evaluation}) == 1


def test_exactly_so_many_items_of_each_row_are_known() -> None:
    found = _first(TRAIN, 3, np.random.default_rng(0))
    assert np.diff(found.indptr).tolist() == np.minimum(np.diff(TRAIN.indptr), 3).tolist()
    assert (found - found.multiply(TRAIN)).nnz == 0


def test_a_split_without_such_users_is_refused() -> None:
    with pytest.raises(LmmrecError, match="0 users have both train and test items"):
        measure_cold_users(TRAIN, sp.csr_matrix(TRAIN.shape), TEXTS, BASES[0], (0,), 1)
