"""Thinner train parts lie within fuller ones, nobody is left without a pair, and gains are those of texts on top of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from models.bases import GFCFConfig
from models.closed_form.text_part import centred
from models.graph import binary_csr
from models.training.density import Density, measure_densities, thinned

pytestmark = pytest.mark.unit
USERS, ITEMS = 300, 80
BASE = GFCFConfig(rank=8, alpha=1.0, popularity_power=0.0)


def parts() -> list[sp.csr_matrix]:
    """Train, validation and test of people with one of eight tastes, twelve, four and four items each."""
    rng = np.random.default_rng(5)
    liking = np.where(np.arange(ITEMS)[None, :] % 8 == np.arange(USERS)[:, None] % 8, 6.0, 1.0)
    chosen = np.argsort(-np.log(liking) - rng.gumbel(size=liking.shape), axis=1)[:, :20]
    chosen = rng.permuted(chosen, axis=1)
    found = []
    for at in (slice(0, 12), slice(12, 16), slice(16, 20)):
        rows = np.repeat(np.arange(USERS), at.stop - at.start)
        found.append(binary_csr(sp.csr_matrix((np.ones(len(rows)), (rows, chosen[:, at].ravel())), (USERS, ITEMS))))
    return found


TRAIN, VALIDATION, TEST = parts()
TELLING = centred(np.eye(8)[np.arange(ITEMS) % 8] + 0.1 * np.random.default_rng(0).standard_normal((ITEMS, 8)))
SHUFFLED = TELLING[np.random.default_rng(1).permutation(ITEMS)]


@pytest.fixture(scope="module")
def curve() -> list[Density]:
    texts = {"real": TELLING, "shuffled": SHUFFLED}
    return list(measure_densities(TRAIN, VALIDATION, TEST, texts, BASE, (0.1, 1.0), 3))


@pytest.mark.parametrize("share", [0.05, 0.3, 0.7])
def test_a_thinner_part_lies_within_a_fuller_one_and_everybody_keeps_something(share: float) -> None:
    thin, fuller = (thinned(TRAIN, each, 3) for each in (share, share + 0.2))
    assert (thin.minimum(fuller) != thin).nnz == 0
    assert np.diff(thin.indptr).min() >= 1
    assert thin.nnz / TRAIN.nnz == pytest.approx(max(share, USERS / TRAIN.nnz), abs=0.06)


def test_the_whole_share_is_train_itself_and_a_seed_gives_the_same_bytes() -> None:
    assert (thinned(TRAIN, 1.0, 3) != TRAIN).nnz == 0
    assert thinned(TRAIN, 0.3, 3).indices.tobytes() == thinned(TRAIN, 0.3, 3).indices.tobytes()
    assert thinned(TRAIN, 0.3, 3).indices.tobytes() != thinned(TRAIN, 0.3, 4).indices.tobytes()


def test_telling_texts_are_worth_more_where_there_is_less(curve: list[Density]) -> None:
    thin, full = curve
    assert thin.pairs_per_user < 2.5
    assert full.pairs_per_user == 12.0
    assert thin.pays("real", "shuffled")
    assert thin.gains["real"]["recall_20"].relative > full.gains["real"]["recall_20"].relative


def test_texts_that_validation_leaves_out_gain_exactly_nothing(curve: list[Density]) -> None:
    left_out = [(one, kind) for one in curve for kind in one.forms if one.forms[kind] == "none"]
    assert left_out
    for one, kind in left_out:
        for gain in one.gains[kind].values():
            assert (gain.mean_difference, gain.t_p) == (0.0, 1.0)
        assert kind != "real" or not one.pays("real", "shuffled")


def test_hidden_train_pairs_are_no_candidates(curve: list[Density]) -> None:
    """At full density the base is what any other fit of it gives on test."""
    from models.closed_form.graph_filter import fit_graph_filter
    from models.ranking.evaluate import evaluate

    class Fitted:
        def score(self, users: np.ndarray) -> np.ndarray:
            return fit_graph_filter(TRAIN, 8, 1.0).score(TRAIN[users])

    found = evaluate(Fitted(), TRAIN, sp.csr_matrix(TRAIN.shape), TEST, ("rlmrec",), (20,)).means("rlmrec")
    assert curve[1].base["recall_20"] == pytest.approx(found["recall_20"], abs=1e-12)


def test_a_base_below_what_is_popular_is_no_base_to_gain_over(curve: list[Density]) -> None:
    thin = curve[0]
    assert thin.pays("real", "shuffled")
    assert not replace(thin, popularity=thin.base["recall_20"] + 0.01).pays("real", "shuffled")
