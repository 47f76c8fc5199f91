"""What every model that ranks must do; each base model, enhancer and anchor inherits this suite with its own `fitted`."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from models.ranking.topk import top_k
from tests.models.strategies import checkerboard, random_interactions


class RankerBehaviour:
    """Subclasses say how to fit; `personal` is False where all users are meant to get the same list."""

    personal = True

    def fitted(self, train: sp.csr_matrix) -> Any:
        raise NotImplementedError

    def test_it_finds_the_held_out_item_of_a_checkerboard(self) -> None:
        train, held_out = checkerboard()
        items, _ = top_k(self.fitted(train), np.arange(train.shape[0]), 1, train)
        if self.personal:
            assert items[:, 0].tolist() == held_out.indices.tolist()

    def test_a_batch_scores_as_its_users_one_by_one(self) -> None:
        train = random_interactions(12, 9, 0.3, 0)
        model = self.fitted(train)
        together = np.asarray(model.score(np.array([3, 0, 11, 3])))
        assert together.shape == (4, 9)
        assert together.dtype == np.float32
        for row, user in enumerate([3, 0, 11, 3]):
            np.testing.assert_allclose(
                together[row], np.asarray(model.score(np.array([user])))[0], rtol=1e-5, atol=1e-6
            )

    def test_fitting_twice_gives_the_same_bytes(self) -> None:
        train = random_interactions(12, 9, 0.3, 0)
        first, second = (np.asarray(self.fitted(train).score(np.arange(12))) for _ in range(2))
        np.testing.assert_array_equal(first, second)

    def test_asking_for_more_items_than_there_are_gives_what_there_is(self) -> None:
        train = random_interactions(12, 9, 0.3, 0)
        items, _ = top_k(self.fitted(train), np.arange(12), 50, train)
        assert items.shape == (12, 50)
        assert (items >= 0).sum(axis=1).tolist() == (9 - np.diff(train.indptr)).tolist()

    def test_users_and_items_without_interactions_do_no_harm(self) -> None:
        train = sp.csr_matrix(np.pad(random_interactions(10, 8, 0.4, 1).toarray(), ((0, 2), (0, 1))))
        assert np.isfinite(np.asarray(self.fitted(train).score(np.arange(12)))).all()
