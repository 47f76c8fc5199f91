"""Tuning: as many trials for every method, all kept, the same every time, and nothing of test read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from assets.lake import Address, Lake
from assets.training.methods import METHODS
from assets.training.plan import plan_cell
from assets.training.recipe import RECIPES
from assets.training.tuning import ASSET, CHOSEN, TRIALS, read_trials, settings_of, tune, tuned, with_settings
from models.errors import LmmrecError
from models.training.config import TrainingConfig
from tests.assets.synthetic import DATASET, write_lake

pytestmark = pytest.mark.integration

SHORT = TrainingConfig(batch_size=256, learning_rate=3e-3, max_epochs=4, evaluate_every=1)
TUNED = [name for name in METHODS if name != "text-prior"]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return write_lake(tmp_path_factory.mktemp("home"))


def address(method: str) -> Address:
    return Address(ASSET, DATASET, "lightgcn", method)


def folders(lake: Lake) -> dict[str, Path]:
    return {asset: lake.read(Address(asset, DATASET)) for asset in ("split", "text_embeddings")}


@pytest.mark.parametrize("method", ["base", "lmmrec", "uist"])
def test_all_trials_are_kept_and_the_first_is_the_method_as_it_is(lake: Lake, tmp_path: Path, method: str) -> None:
    figures = tune(address(method), method, SHORT, 3, folders(lake), tmp_path, threads=1)
    rows = read_trials(tmp_path)
    assert [row["trial"] for row in rows] == [0, 1, 2]
    plan = plan_cell(Address("cell", DATASET, "lightgcn", variant="full", seed=1), method)
    default = settings_of(plan)
    assert {name: rows[0][name] for name in default} == default
    best = max(row["recall_20"] for row in rows)
    assert [row["recall_20"] for row in rows if row["chosen"]] == [best]
    chosen = json.loads((tmp_path / CHOSEN).read_bytes())
    assert figures["recall_20"] == best >= figures["recall_20_untuned"]
    assert ("weight" in chosen) == (method != "base")
    assert settings_of(tuned(plan, tmp_path)) == chosen


def test_two_tunings_give_the_same_bytes_and_test_plays_no_part(lake: Lake, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    tune(address("base"), "base", SHORT, 3, folders(lake), tmp_path / "one", threads=1)
    (tmp_path / "home").mkdir()
    without_test = write_lake(tmp_path / "home")
    (without_test.read(Address("split", DATASET)) / "test.parquet").unlink()
    split = without_test.path(Address("split", DATASET))
    tune(address("base"), "base", SHORT, 3, {"split": split}, tmp_path / "two", threads=1)
    for file in (TRIALS, CHOSEN):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


@pytest.mark.parametrize("method", TUNED)
def test_settings_go_into_a_plan_and_come_out_again(method: str) -> None:
    for variant in ("full", "noise-10", *(["shuffled-text"] if method != "base" else [])):
        plan = plan_cell(Address("cell", DATASET, "lightgcn", variant=variant, seed=1), method)
        wanted = {name: value * 0.5 for name, value in settings_of(plan).items()}
        changed = with_settings(plan, wanted)
        assert settings_of(changed) == pytest.approx(wanted)
        assert (changed.noise, changed.text_control, changed.seed) == (plan.noise, plan.text_control, 1)


def test_an_ablation_stays_one() -> None:
    plan = plan_cell(Address("cell", DATASET, "lightgcn", variant="without-mcs", seed=1), "lmmrec")
    changed = with_settings(plan, {"learning_rate": 0.1, "l2": 0.0, "weight": 0.5})
    assert changed.enhancer is not None
    assert changed.enhancer.model_dump()["mcs_weight"] == 0.0


def test_cells_read_what_was_chosen_as_soon_as_it_is_there(lake: Lake) -> None:
    recipe = next(one for one in RECIPES if one.asset == "lmmrec_checkpoint")
    cell = Address("lmmrec_checkpoint", DATASET, "lightgcn", variant="full", seed=1)
    assert address("lmmrec") not in recipe.inputs(lake, cell)
    with lake.write(address("lmmrec"), code_version="1", config={}, inputs={}) as draft:
        np.save(draft.path / "some.npy", np.zeros(1))
    assert address("lmmrec") in recipe.inputs(lake, cell)
    assert address("lmmrec") not in recipe.inputs(lake, Address("lmmrec_checkpoint", DATASET, "simgcl", variant="full"))


def test_no_trials_are_refused_with_the_setting(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(LmmrecError, match="LMMREC_TRIALS"):
        tune(address("base"), "base", SHORT, 0, folders(lake), tmp_path)
