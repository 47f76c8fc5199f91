"""User texts that know validation pairs are seen, those that know train pairs alone are not, however easy validation is."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from models.graph import binary_csr
from models.training.user_text_leak import Leak, measure_leak, part_ratio

pytestmark = pytest.mark.unit
USERS, ITEMS, DIM = 400, 120, 24


def parts(seed: int, easy_validation: bool = False) -> list[sp.csr_matrix]:
    """Train, validation and test of people with one of four tastes; validation of popular items alone where asked for."""
    rng = np.random.default_rng(seed)
    liking = np.where(np.arange(ITEMS)[None, :] % 4 == np.arange(USERS)[:, None] % 4, 3.0, 1.0)
    liking = liking / (1 + np.arange(ITEMS)[None, :]) ** 0.5
    chosen = np.argsort(-np.log(liking) - rng.gumbel(size=liking.shape), axis=1)[:, :20]
    if easy_validation:
        chosen[:, 10:] = np.sort(chosen[:, 10:], axis=1)
    found = []
    for at in (slice(0, 10), slice(10, 15), slice(15, 20)):
        rows = np.repeat(np.arange(USERS), at.stop - at.start)
        found.append(binary_csr(sp.csr_matrix((np.ones(len(rows)), (rows, chosen[:, at].ravel())), (USERS, ITEMS))))
    return found


def look(told: tuple[int, ...], seed: int = 0, easy_validation: bool = False) -> Leak:
    """The leak of user texts that tell of the pairs of these parts."""
    matrices = parts(seed, easy_validation)
    of_items = np.random.default_rng(seed + 100).standard_normal((ITEMS, DIM)).astype(np.float32)
    of_users = np.asarray(sum(matrices[part] @ of_items for part in told), dtype=np.float32)
    return measure_leak(*matrices, of_users, of_items)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("easy_validation", [False, True])
def test_texts_written_from_train_alone_are_not_suspect(seed: int, easy_validation: bool) -> None:
    assert look((0,), seed, easy_validation).seen is None


@pytest.mark.parametrize("seed", range(3))
def test_texts_that_tell_of_validation_pairs_are_seen(seed: int) -> None:
    found = look((0, 1), seed).seen
    assert found is not None
    assert found.validation > found.test
    assert found.ratio > 1.5


def test_texts_that_tell_of_validation_and_test_alike_are_no_reason_to_distrust_validation() -> None:
    assert look((0, 1, 2)).seen is None


def test_the_same_ranker_has_the_ratio_1_without_error() -> None:
    recalls = [np.array([0.5, np.nan, 0.25]), np.array([0.5, 0.75, np.nan])]
    found = part_ratio("itself", recalls, recalls)
    assert (found.ratio, found.error, found.high, found.no_chance) == (1.0, 0.0, False, False)


def test_the_standard_error_is_that_of_users_drawn_anew() -> None:
    rng = np.random.default_rng(0)
    text, model = ([rng.beta(2, 5, 500) for _ in range(2)] for _ in range(2))
    text[0][rng.random(500) < 0.3] = np.nan
    model[0][np.isnan(text[0])] = np.nan
    drawn = [rng.integers(0, 500, 500) for _ in range(600)]
    logs = [np.log(part_ratio("", [v[d] for v in text], [v[d] for v in model]).ratio) for d in drawn]
    assert part_ratio("", text, model).error == pytest.approx(float(np.std(logs)), rel=0.1)


def test_what_cannot_be_told_is_doubtful_but_not_seen() -> None:
    nothing = [np.zeros(3), np.zeros(3)]
    told = [np.full(3, 0.5), np.full(3, 0.5)]
    found = Leak((part_ratio("item model", told, told), part_ratio("cosine", nothing, told)))
    assert found.seen is None
    assert found.doubtful is not None


def test_without_a_validation_part_there_is_nothing_to_be_tuned_and_nothing_suspect() -> None:
    train, _, test = parts(0)
    texts = np.ones((USERS, 2), dtype=np.float32), np.ones((ITEMS, 2), dtype=np.float32)
    found = measure_leak(train, sp.csr_matrix(train.shape), test, *texts)
    assert (found.seen, found.doubtful) == (None, None)
