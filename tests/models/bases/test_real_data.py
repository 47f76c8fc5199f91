"""PolyCF's filter on the public Amazon-book split: with GF-CF's settings it is GF-CF, to the known digits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from models.anchors.gfcf import GFCF
from models.bases.signal_fit import fitted_filter
from models.graph import binary_csr
from models.ranking.evaluate import evaluate
from tests.models.bases.test_signal_filter import gfcf_settings

pytestmark = [pytest.mark.real_data, pytest.mark.slow]


def test_on_amazon_book_the_closed_form_has_the_known_metrics(shared_data: Path) -> None:
    folder = shared_data / "rlmrec_amazon"
    train, validation, test = (binary_csr(sp.load_npz(folder / f"{part}_mat.npz")) for part in ("trn", "val", "tst"))
    filters = fitted_filter(gfcf_settings(128), train, 0)
    users = np.arange(0, train.shape[0], 100)
    expected = GFCF(rank=128, alpha=0.3).fit(train).score(users)
    np.testing.assert_allclose(filters.score(torch.from_numpy(users)), expected, atol=1e-5)

    class AsScorer:
        def score(self, user_idx: np.ndarray) -> torch.Tensor:
            return filters.score(torch.from_numpy(user_idx))

    means = evaluate(AsScorer(), train, validation, test, ("rlmrec",)).means("rlmrec")
    assert [round(means[f"recall_{k}"], 4) for k in (5, 10, 20)] == [0.0803, 0.1180, 0.1680]
