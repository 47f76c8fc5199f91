"""Noise of Fig. 2: just as many pairs that never happened, the same for every method, and none of validation or test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assets.lake import Address
from assets.tables import read_matrix
from assets.training.data import load_data
from assets.training.noise import NOISE, with_noise
from assets.training.plan import plan_cell
from models.errors import LmmrecError
from tests.assets.synthetic import DATASET, write_lake

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lake(tmp_path_factory.mktemp("home")).read(Address("split", DATASET))


@pytest.mark.parametrize("share", NOISE.values())
def test_train_keeps_its_pairs_and_gets_the_share_of_others(split: Path, share: float) -> None:
    train, noisy = read_matrix(split, "train"), with_noise(split, share, 2023)
    assert noisy.nnz - train.nnz == round(share * train.nnz)
    assert (noisy.multiply(train) != train).nnz == 0
    assert set(noisy.data) == {1.0}


def test_no_pair_of_validation_or_test_is_drawn(split: Path) -> None:
    for seed in range(20):
        added = with_noise(split, 0.3, seed) - read_matrix(split, "train")
        for part in ("validation", "test"):
            assert added.multiply(read_matrix(split, part)).nnz == 0


def test_the_draw_depends_on_seed_and_share_alone(split: Path) -> None:
    one, same, other = (with_noise(split, 0.1, seed) for seed in (1, 1, 2))
    assert (one != same).nnz == 0
    assert (one != other).nnz > 0


def test_every_method_meets_the_same_pairs_and_clean_validation(split: Path) -> None:
    plans = [
        plan_cell(Address("cell", DATASET, "lightgcn", variant="noise-10", seed=5), method, "lmmrec")
        for method in ("base", "lmmrec")
    ]
    assert [plan.noise for plan in plans] == [0.1, 0.1]
    assert all(plan.as_config()["noise"] == 0.1 for plan in plans)
    found = [load_data(split, None, None, plan.seed, plan.noise) for plan in plans]
    assert (found[0].train != found[1].train).nnz == 0
    assert (found[0].validation != read_matrix(split, "validation")).nnz == 0


def test_clean_cells_say_nothing_of_noise_so_that_older_ones_stay_up_to_date() -> None:
    cell = Address("cell", DATASET, "lightgcn", variant="full", seed=5)
    assert "noise" not in plan_cell(cell, "base", "lmmrec").as_config()


def test_noise_is_drawn_uniformly(tmp_path: Path) -> None:
    split = write_lake(tmp_path).read(Address("split", DATASET))
    train = read_matrix(split, "train")
    counted = sum((with_noise(split, 2.0, seed) - train).toarray() for seed in range(30))
    free = sum(read_matrix(split, part).toarray() for part in ("train", "validation", "test")) == 0
    expected = counted.sum() / free.sum()
    assert counted[~free].sum() == 0
    assert np.abs(counted[free] - expected).max() < 7 * np.sqrt(expected)


def test_a_full_matrix_is_refused_in_one_sentence(split: Path) -> None:
    with pytest.raises(LmmrecError, match="too few"):
        with_noise(split, 50.0, 1)
