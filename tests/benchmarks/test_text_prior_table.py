"""The table of Last.fm says what the product does: with one carve-out it chooses what a fit chooses."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from benchmarks.text_prior_lastfm import BaseOfTexts, Data, Parts, buckets, summed
from models.closed_form.text_part import centred
from models.enhancers import TextPriorConfig
from models.training.config import RunConfig, TrainingConfig
from models.training.fit import fit
from tests.models.bases.test_closed_form import DATA, USERS

pytestmark = pytest.mark.unit
HELD_OUT = Data(DATA.train, DATA.validation)
PARTS = Parts([HELD_OUT], HELD_OUT)


@pytest.mark.parametrize("seed", [None, 1], ids=["real texts", "shuffled texts"])
@pytest.mark.parametrize("name", ["ease", "gfcf"])
def test_the_table_chooses_what_the_product_chooses(name: str, seed: int | None) -> None:
    data = DATA if seed is None else DATA.with_shuffled_texts(seed)
    assert data.item_texts is not None
    base = BaseOfTexts(name, PARTS)
    found, number = base.with_texts(centred(data.item_texts))
    model = fit(data, base.config, TextPriorConfig(), TrainingConfig(), RunConfig(threads=1))
    users = np.arange(USERS)
    assert isinstance(model.enhancer, TextPriorConfig)
    assert (number is None) == (model.enhancer.form == "none") == (seed is not None)
    np.testing.assert_allclose(found.score(users), model.score(users).numpy(), rtol=1e-5, atol=1e-7)
    assert float(found.of_users.mean()) == pytest.approx(model.history[model.best_epoch]["recall_20"])
    assert base.alone.trials + found.trials == len(model.history)


def test_a_sum_of_two_is_no_worse_on_validation_than_its_weight_says() -> None:
    one, other = (BaseOfTexts(name, PARTS).alone for name in ("ease", "gfcf"))
    found = summed(one, other, PARTS)
    assert found.trials == one.trials + other.trials + 8
    assert PARTS.of_users([found.score]).mean() == pytest.approx(found.of_users.mean())


@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:invalid value")  # few users: a quintile may be empty
def test_buckets_part_users_by_degree_and_the_train_mass_by_popularity() -> None:
    found = buckets(HELD_OUT.look(BaseOfTexts("gfcf", PARTS).alone.score), DATA.train)
    counts = np.sort(np.bincount(sp.csr_matrix(DATA.train).indices, minlength=DATA.num_items))[::-1]
    assert sum(found["items_by_popularity"]) == len(counts)
    assert counts[: int(found["items_by_popularity"][0])].sum() >= counts.sum() / 5
    assert found["degree_cuts"] == sorted(found["degree_cuts"])
    assert all(0.0 <= value <= 1.0 for value in found["hit_rate_by_popularity"])
