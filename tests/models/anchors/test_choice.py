"""Settings are chosen on validation, by Recall@20 with train items hidden, and the test part plays no part."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import scipy.sparse as sp

from models.anchors import ANCHORS, contract
from models.anchors.choice import Trial, choose_settings
from models.anchors.contract import Anchor, Settings
from models.anchors.ease import EASE, MANY_ITEMS
from models.ranking.evaluate import evaluate
from tests.models.strategies import checkerboard, random_interactions


class Pointing(Anchor):
    """Scores the item `target` highest for everybody."""

    GRID: ClassVar[tuple[Settings, ...]] = ({"target": 40}, {"target": 41}, {"target": 42})

    def __init__(self, target: int = 40) -> None:
        self.target = target

    def learn(self, train: sp.csr_matrix) -> None: ...

    def score(self, user_idx: np.ndarray) -> np.ndarray:
        scores = np.zeros((len(user_idx), self.history.shape[1]), dtype=np.float32)
        scores[:, self.target] = 1.0
        return scores


def one_hot(users: int, items: int, column: int) -> sp.csr_matrix:
    return sp.csr_matrix((np.ones(users), (np.arange(users), np.full(users, column))), shape=(users, items))


@pytest.mark.unit
def test_the_best_on_validation_is_chosen_and_every_trial_is_told() -> None:
    train, validation = one_hot(4, 60, 59), one_hot(4, 60, 41) + one_hot(4, 60, 50)
    choice = choose_settings(Pointing, train, validation)
    assert choice.settings == {"target": 41}
    assert [trial.settings for trial in choice.trials] == list(Pointing.GRID)
    assert [trial.recall_20 for trial in choice.trials] == [0.0, 0.5, 0.0]


@pytest.mark.unit
def test_progress_is_told_after_each_trial() -> None:
    told: list[tuple[int, int]] = []
    choose_settings(Pointing, one_hot(4, 60, 59), one_hot(4, 60, 50), lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.unit
def test_of_equals_the_earlier_stands() -> None:
    choice = choose_settings(Pointing, one_hot(4, 60, 59), one_hot(4, 60, 50))
    assert {trial.recall_20 for trial in choice.trials} == {0.0}
    assert choice.settings == {"target": 40}


@pytest.mark.unit
@pytest.mark.parametrize("name", sorted(ANCHORS))
def test_without_validation_the_default_stands_and_nothing_is_fitted(name: str) -> None:
    train, _ = checkerboard()
    choice = choose_settings(ANCHORS[name], train, sp.csr_matrix(train.shape))
    assert choice.settings == ANCHORS[name].GRID[0]
    assert choice.trials == (Trial(ANCHORS[name].GRID[0], None),)


@pytest.mark.unit
def test_large_data_affords_the_default_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    train, validation = checkerboard()
    monkeypatch.setattr(contract, "LARGE_INTERACTIONS", train.nnz - 1)
    for anchor in ANCHORS.values():
        assert choose_settings(anchor, train, validation).trials == (Trial(anchor.GRID[0], None),)
    many = sp.csr_matrix((np.ones(1), ([0], [0])), shape=(1, MANY_ITEMS + 1))
    monkeypatch.undo()
    assert list(EASE.settings_to_try(many)) == [EASE.GRID[0]]


@pytest.mark.unit
def test_a_trial_is_what_the_evaluator_says_of_it() -> None:
    train, validation = random_interactions(40, 60, 0.1, 1), random_interactions(40, 60, 0.05, 2)
    validation = (validation - validation.multiply(train)).tocsr()
    validation.eliminate_zeros()
    choice = choose_settings(ANCHORS["itemknn"], train, validation)
    for trial in choice.trials:
        fitted = ANCHORS["itemknn"].with_settings(trial.settings).fit(train)
        found = evaluate(fitted, train, validation, validation, ("rlmrec",), (20,)).means("rlmrec")["recall_20"]
        assert trial.recall_20 == found


@pytest.mark.real_data
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "chosen"), [("itemknn", {"k": 50, "shrink": 50.0}), ("userknn", {"k": 200, "shrink": 0.0})]
)
def test_amazon_book_gets_the_settings_of_its_printed_rows(name: str, chosen: Settings, shared_data: Path) -> None:
    train, validation = (
        sp.load_npz(shared_data / "rlmrec_amazon" / f"{part}_mat.npz").tocsr() for part in ("trn", "val")
    )
    assert choose_settings(ANCHORS[name], train, validation).settings == chosen
