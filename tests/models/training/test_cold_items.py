"""Items taken away are gone from train, ranked from their texts alone, and shown as often as the dial says."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from models.bases import BaseConfig, EaseConfig, GFCFConfig
from models.closed_form.text_part import centred
from models.errors import LmmrecError
from models.graph import binary_csr
from models.ranking.evaluate import evaluate
from models.training import cold_items
from models.training.cold_items import ColdItems, measure_cold_items, remove_items
from models.training.config import RunConfig, TrainingConfig
from models.training.data import TrainingData
from models.training.fit import fit

pytestmark = pytest.mark.unit

USERS, ITEMS, TASTES = 120, 60, 4
RNG = np.random.default_rng(0)
LIKES = RNG.random((USERS, ITEMS)) < np.where(
    (np.arange(USERS) % TASTES)[:, None] == np.arange(ITEMS) % TASTES, 0.5, 0.03
)
IN_TRAIN = RNG.random((USERS, ITEMS)) < 0.6
TRAIN, HELD_OUT = (binary_csr(sp.csr_matrix((LIKES & part).astype(float))) for part in (IN_TRAIN, ~IN_TRAIN))
TEXTS = centred(np.eye(TASTES)[np.arange(ITEMS) % TASTES] + 0.3 * RNG.standard_normal((ITEMS, TASTES)))
EASE = EaseConfig(regularisation=20.0, dropout=0.5, user_power=0.5, popularity_power=0.2)
BASES: list[BaseConfig] = [EASE, GFCFConfig(rank=4, alpha=0.3, popularity_power=0.0)]


def measured(
    base: BaseConfig, texts: np.ndarray = TEXTS, shares: tuple[float, ...] = (0.0,), seed: int = 1
) -> ColdItems:
    return measure_cold_items(TRAIN, HELD_OUT, texts, base, 0.35, shares, seed)


def test_new_items_lose_all_their_train_pairs_and_no_other_pair_is_touched() -> None:
    found = remove_items(TRAIN, HELD_OUT, 0.25, [3])
    assert len(found.new_items) == round(0.25 * ITEMS) == len(set(found.new_items))
    known = np.setdiff1d(np.arange(ITEMS), found.new_items)
    assert found.train[:, found.new_items].nnz == 0
    assert (found.train[:, known] != TRAIN[:, known]).nnz == 0
    assert (found.pairs != (TRAIN + HELD_OUT)[:, found.new_items]).nnz == 0


def test_items_without_train_pairs_are_never_taken() -> None:
    train = TRAIN.tolil()
    train[:, :50] = 0
    assert remove_items(train.tocsr(), HELD_OUT, 0.5, [3]).new_items.min() >= 50


def test_taking_all_items_away_is_refused() -> None:
    with pytest.raises(LmmrecError, match="taking 60 of 60 items away leaves none"):
        remove_items(TRAIN, HELD_OUT, 1.0, [3])


@pytest.mark.parametrize("base", BASES, ids=lambda base: base.name)
def test_texts_rank_new_items_and_shuffled_texts_do_not(base: BaseConfig) -> None:
    real = measured(base)
    shuffled = measured(base, TEXTS[np.random.default_rng(5).permutation(ITEMS)])
    ndcg = [found.means("rlmrec")["ndcg_20"] for found in (real.by_text, real.by_popularity, shuffled.by_text)]
    assert real.num_new == 21
    assert ndcg[0] > 1.3 * ndcg[1]
    assert ndcg[0] > 1.3 * ndcg[2]


@pytest.mark.parametrize("base", BASES, ids=lambda base: base.name)
def test_new_items_are_shown_as_often_as_the_dial_says_and_the_more_the_more_of_them_are_found(
    base: BaseConfig,
) -> None:
    dial = measured(base, shares=(0.0, 0.05, 0.2, 0.4)).dial
    for point in dial:
        assert point.share <= point.shown <= point.share + 1.0 / (20 * USERS) + 1e-9
    assert [point.cold_recall_20 for point in dial] == sorted(point.cold_recall_20 for point in dial)
    assert dial[0].cold_recall_20 == 0.0 < dial[-1].cold_recall_20
    assert dial[-1].warm_recall_20 < dial[0].warm_recall_20


def test_with_the_dial_at_zero_the_lists_are_those_of_the_base_model_without_the_new_items() -> None:
    removal = remove_items(TRAIN, HELD_OUT, 0.35, [1, 0])
    data = TrainingData(removal.train, sp.csr_matrix(TRAIN.shape))
    model = fit(data, EASE, None, TrainingConfig(evaluate_every=0), RunConfig())
    known = np.setdiff1d(np.arange(ITEMS), removal.new_items)

    class Known:
        def score(self, user_idx: np.ndarray) -> np.ndarray:
            return model.score(user_idx).numpy()[:, known]

    truth = HELD_OUT[:, known]
    wanted = evaluate(Known(), removal.train[:, known], sp.csr_matrix(truth.shape), truth, ("rlmrec",), (20,))
    assert measured(EASE).dial[0].warm_recall_20 == pytest.approx(wanted.means("rlmrec")["recall_20"])


def test_of_many_users_a_sample_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cold_items, "MIN_USERS", 5)
    monkeypatch.setattr(cold_items, "MAX_SCORES", 30 * ITEMS)
    assert len(measured(EASE).by_text.user_idx) <= 30
    assert len(cold_items.looked_at((USERS, ITEMS), 1)) == 30
    assert cold_items.looked_at((30, ITEMS), 1).tolist() == list(range(30))


def test_equal_seeds_give_equal_numbers_and_others_take_other_items() -> None:
    first, second, other = (measured(EASE, seed=seed) for seed in (1, 1, 2))
    assert first.dial == second.dial
    assert first.by_text.means("rlmrec") == second.by_text.means("rlmrec") != other.by_text.means("rlmrec")
