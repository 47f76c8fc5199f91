"""What an experiment asks for: the rows of Table I, once each, as cells that any other run shares."""

from __future__ import annotations

import os

import pytest

from assets.evaluation.experiments import ABLATIONS, TABLES
from assets.graph import recipes
from assets.lake import Address
from assets.recipes import Request
from assets.settings import load_settings
from assets.training.data import CONTROLS
from assets.training.noise import NOISE
from models.enhancers import ENHANCERS
from models.errors import LmmrecError
from orchestration.cli import status_of
from orchestration.cli.experiment import _set
from orchestration.experiments import NOISE_SEEDS, SEEDS, merged, requests_of, table_one, table_two
from orchestration.plan import made_for, pairs_left_out
from orchestration.retraining import run_config

pytestmark = pytest.mark.unit


def cells(requests: tuple[Request, ...]) -> list[Address]:
    """Checkpoints that are asked for."""
    trained = [recipe for recipe in recipes().values() if recipe.group == "training" and recipe.scope == "cell"]
    return [cell for request in requests for recipe in trained for cell in recipe.cells(request)]


def rows(base_model: str, requests: tuple[Request, ...]) -> set[tuple[str, str | None]]:
    return {(cell.asset, cell.variant) for cell in cells(requests) if cell.base_model == base_model}


def test_table_one_is_base_rivals_lmmrec_and_its_controls_over_all_seeds() -> None:
    found = table_one("demo", "lightgcn")
    rivals = {f"{name}_checkpoint" for name in ("uist", "once", "autograph", "rlmrec_con")}
    assert rows("lightgcn", found) == {
        ("base_checkpoint", "full"),
        *((rival, "full") for rival in rivals),
        *(("lmmrec_checkpoint", variant) for variant in ("full", *CONTROLS)),
    }
    assert {cell.seed for cell in cells(found) if cell.base_model == "lightgcn"} == set(SEEDS)
    assert len(cells(found)) == len(set(cells(found)))


def test_the_strong_bases_stand_beside_it_with_and_without_texts() -> None:
    found = table_one("demo", "weightedgcl")
    for strong in ("ease", "gfcf"):
        assert {asset for asset, _ in rows(strong, found)} == {"base_checkpoint", "text_prior_checkpoint"}
        assert {cell.seed for cell in cells(found) if cell.base_model == strong} == {SEEDS[0]}


def test_every_control_gives_each_enhancer_on_embeddings_that_is_asked_for_both() -> None:
    found = table_one("demo", "lightgcn", every_control=True)
    for name in found[0].methods[1:]:
        assert ENHANCERS[name].needs_text
        asset = f"{name.replace('-', '_')}_checkpoint"
        assert {variant for one, variant in rows("lightgcn", found) if one == asset} == {"full", *CONTROLS}


def test_it_makes_the_leaderboard_and_what_that_is_made_of_and_nothing_else() -> None:
    found = made_for(recipes(), "leaderboard")
    assert {
        "reviews",
        "split",
        "text_embeddings",
        "uist_checkpoint",
        "lmmrec_metrics",
        "anchor_metrics",
    } <= found.keys()
    assert not {"recommendations", "report", "cold_item_metrics", "selection"} & found.keys()
    assert all(set(recipe.upstream) <= found.keys() for recipe in found.values())
    assert list(found) == [name for name in recipes() if name in found]


def test_every_pair_that_it_asks_for_can_be_trained_and_is_told_its_variants() -> None:
    for request in table_one("demo", "polycf"):
        assert not pairs_left_out(request)
    request = table_one("demo", "lightgcn", (1, 2))[0]
    config = run_config(request, recipes(), ("lmmrec_checkpoint", "uist_metrics"))
    assert config["ops"]["lmmrec_checkpoint"]["config"] == {"seeds": [1, 2], "variants": ["full", *CONTROLS]}
    assert config["ops"]["uist_metrics"]["config"] == {"seeds": [1, 2], "variants": ["full"]}


def test_jobs_of_the_ui_ask_for_the_cells_of_their_tables() -> None:
    from orchestration.jobs import experiment, noise

    asked = {job.name: job.config["ops"] for job in (experiment, noise)}
    of_tables = merged(table_one("", "")[0], *table_two("", ""))
    assert asked["experiment"]["lmmrec_checkpoint"]["config"] == {
        "seeds": list(SEEDS),
        "variants": ["full", *CONTROLS, *ABLATIONS],
    }
    assert set(asked["experiment"]) == {
        f"{method.replace('-', '_')}_{kind}" for method in of_tables.methods for kind in ("checkpoint", "metrics")
    }
    assert asked["noise"]["base_metrics"]["config"] == {"seeds": list(NOISE_SEEDS), "variants": ["full", *NOISE]}


def test_all_of_them_make_a_shared_row_once_and_tune_only_where_trials_are_asked_for() -> None:
    requests = requests_of(tuple(TABLES), "demo", ("lightgcn", "weightedgcl"))
    wanted = {cell for request in requests for cell in cells((request,))}
    trained = [cell for cell in wanted if cell.base_model == "lightgcn"]
    assert len(trained) == 5 * (1 + 4 + 3 + 4) + len(NOISE_SEEDS) * 2 * len(NOISE)
    assert sum(request.base_models == ("ease", "gfcf") for request in requests) == 1
    assert not any("tuning" in request.also for request in requests)
    tuned = requests_of(("table-1",), "demo", ("lightgcn",), trials=2)[0]
    (tuning,) = (recipe.cells(tuned) for recipe in recipes().values() if recipe.asset == "tuning")
    assert [cell.method for cell in tuning] == ["base", "uist", "once", "autograph", "rlmrec-con", "lmmrec"]


def test_options_become_settings_and_every_core_gets_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("THREADS", "PROCESSES", "TRIALS", "PRESET"):
        monkeypatch.setenv(f"LMMREC_{name}", "")
        monkeypatch.delenv(f"LMMREC_{name}")
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(6)))
    _set(LMMREC_PROCESSES=None, LMMREC_TRIALS=None, LMMREC_PRESET=None)
    usual = load_settings()
    assert (usual.processes, usual.threads, usual.trials, usual.preset) == (6, 1, 0, "entry")
    _set(LMMREC_PROCESSES=2, LMMREC_TRIALS=3, LMMREC_PRESET="budget")
    asked = load_settings()
    assert (asked.processes, asked.threads, asked.trials, asked.preset) == (2, 1, 3, "budget")


def test_every_option_of_a_setting_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[str, object] = {}

    def seen(**given: object) -> None:
        found.update(given)
        raise LmmrecError("seen.")

    monkeypatch.setattr("orchestration.cli.experiment._set", seen)
    asked = ["experiment", "all", "--dataset", "demo", "--processes", "3", "--trials", "2", "--preset", "budget"]
    assert status_of(asked) == 1
    assert found == {"LMMREC_PROCESSES": 3, "LMMREC_TRIALS": 2, "LMMREC_PRESET": "budget"}
