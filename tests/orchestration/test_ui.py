"""The real web server and daemon: `demo` through GraphQL, a backfill that one dataset fails, and a history that stays."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from assets.datasets.catalog import load_catalogue
from assets.graph import recipes
from assets.lake import Address, Lake
from assets.recipes import usual
from orchestration.retraining import RETRAIN_TAG, ROOT_TAG
from orchestration.schedules import schedule_name
from tests.orchestration import shop
from tests.orchestration.dagster_api import Ui, processes_of, serving

pytestmark = pytest.mark.e2e

RUN_WITHIN_S = 900
ANCHOR_WINS = "selection: selection_is_a_trained_model"
"""Warns on the demo where an anchor is better than the one base model that is trained here."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two shops: one whose customers say why they buy, and one where hardly anybody writes a word."""
    folder = tmp_path_factory.mktemp("ui") / "home"
    folder.mkdir()
    rows = shop.reviews()
    silent = [row | {"body": row["body"] if number % 40 == 0 else ""} for number, row in enumerate(rows)]
    shop.declare(
        folder,
        talking=shop.entry(shop.write_reviews(folder / "talking.csv", rows)),
        silent=shop.entry(shop.write_reviews(folder / "silent.csv", silent)),
    )
    return folder


@pytest.fixture(scope="module")
def ui(home: Path) -> Iterator[Ui]:
    with serving(home) as running:
        yield running


def test_the_datasets_of_the_home_are_partitions(ui: Ui, home: Path) -> None:
    found = ui.query('{ assetNodeOrError(assetKey: {path: ["reviews"]}) { ... on AssetNode { partitionKeys } } }')
    assert found["assetNodeOrError"]["partitionKeys"] == list(load_catalogue(home))


def test_demo_is_made_through_graphql_and_its_checks_read_back(ui: Ui, home: Path) -> None:
    lake = Lake(home)
    first = ui.launch("dataset_stage", {"dagster/partition": "demo"})
    assert ui.wait_for_run(first, RUN_WITHIN_S) == "SUCCESS"
    second = ui.launch(
        "grid_stage",
        {
            "dagster/partition": "lightgcn|demo",
            "dagster/partition/base_model": "lightgcn",
            "dagster/partition/dataset": "demo",
        },
    )
    assert ui.wait_for_run(second, RUN_WITHIN_S) == "SUCCESS"
    served = ui.launch("serving_stage", {"dagster/partition": "demo"})
    assert ui.wait_for_run(served, RUN_WITHIN_S) == "SUCCESS"
    third = ui.launch("publish", {})
    assert ui.wait_for_run(third, RUN_WITHIN_S) == "SUCCESS"
    every = json.loads(Path(__file__).with_name("graph.json").read_text(encoding="utf-8"))["checks"]
    expected = [check for check in every if usual(recipes()[check.split(":")[0]])]
    checks = {name: good for run in (first, second, served, third) for name, good in ui.checks_of_run(run).items()}
    assert sorted(checks) == expected
    assert [name for name, passed in checks.items() if not passed] in ([], [ANCHOR_WINS])
    assert lake.record(Address("validated_motivations", "demo")) is not None
    assert (home / "reports" / "report.html").exists()


def test_a_backfill_trains_only_the_dataset_that_passes_the_gate(ui: Ui, home: Path) -> None:
    datasets = ["talking", "silent"]
    keys = {"dataset": datasets, "cell": [f"lightgcn|{name}" for name in datasets]}
    backfill = ui.backfill(
        {
            name: keys[recipe.scope]
            for name, recipe in recipes().items()
            if recipe.scope in keys and recipe.method != "base" and usual(recipe)
        }
    )
    status = ui.wait_for_backfill(backfill, RUN_WITHIN_S)
    assert status in ("COMPLETED_FAILED", "FAILED")
    lake = Lake(home)
    assert {cell.dataset for cell in lake.cells("lmmrec_checkpoint")} - {"demo"} == {"talking"}
    assert lake.record(Address("split", "silent")) is not None
    assert lake.record(Address("validated_motivations", "silent")) is None
    runs = [run for run in ui.runs() if run["tags"].get("dagster/backfill") == backfill]
    by_partition = {run["tags"]["dagster/partition"]: run["status"] for run in runs}
    assert by_partition == {"talking": "SUCCESS", "silent": "FAILURE", "lightgcn|talking": "SUCCESS"}


def test_a_tick_of_the_schedule_asks_for_the_retraining(ui: Ui) -> None:
    ticked = ui.tick(schedule_name("talking"))
    assert ticked["error"] is None
    (request,) = ticked["runRequests"]
    tags = {tag["key"]: tag["value"] for tag in request["tags"]}
    assert tags[RETRAIN_TAG] == tags["dagster/partition"] == "talking"


def test_a_retraining_goes_on_from_run_to_run_until_nothing_is_stale(ui: Ui, home: Path) -> None:
    """The vectors come out the same, so nothing is trained; what the backfill left out is made."""
    (Lake(home).path(Address("text_embeddings", "talking")) / "users.npy").unlink()
    root = ui.launch("retrain", {"dagster/partition": "talking", RETRAIN_TAG: "talking"})
    assert ui.wait_for_run(root, RUN_WITHIN_S) == "SUCCESS"
    followers: dict[str, dict[str, object]] = {}
    deadline = time.monotonic() + RUN_WITHIN_S
    while time.monotonic() < deadline and "publish" not in followers:
        time.sleep(2)
        followers = {run["jobName"]: run for run in ui.runs() if run["tags"].get(ROOT_TAG) == root}
    assert ui.wait_for_run(str(followers["publish"]["runId"]), RUN_WITHIN_S) == "SUCCESS"
    assert {job: ui.assets_of_run(str(run["runId"])) for job, run in followers.items()} == {
        "dataset_stage": {"text_embeddings", "user_text_leak"},
        "grid_stage": {"recommendations"},
        "serving_stage": {"selection", "published_lists"},
        "publish": {"leaderboard", "report"},
    }


def test_history_survives_a_restart_and_nothing_is_left_running(ui: Ui, home: Path) -> None:
    before = {run["runId"] for run in ui.runs()}
    ui.process.terminate()
    assert ui.process.wait(60) == 0
    assert processes_of(home) == []
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", ui.port))
    with serving(home) as again:
        assert {run["runId"] for run in again.runs()} == before
