"""The assets of training and evaluation, materialized by Dagster on a tiny lake: wiring, metadata, checks, reuse."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.evaluation.assets import ASSETS as EVALUATION
from assets.evaluation.checks import CHECKS as EVALUATION_CHECKS
from assets.lake import Address, Lake
from assets.partitions import grid_key
from assets.resources import Installation
from assets.training.assets import ASSETS as TRAINING
from assets.training.checks import CHECKS as TRAINING_CHECKS
from tests.assets.synthetic import write_lake

pytestmark = pytest.mark.slow
DATASET = "demo"  # the one name that is a partition in every installation
GRID_KEY = grid_key(DATASET, "lightgcn")


def run(names: list[str], partition: str | None = None, **config: Any) -> dg.ExecuteInProcessResult:
    assets = [asset for asset in [*TRAINING, *EVALUATION] if asset.key.to_user_string() in names]
    checks = [
        check
        for check in [*TRAINING_CHECKS, *EVALUATION_CHECKS]
        if next(iter(check.check_keys)).asset_key.to_user_string() in names
    ]
    return dg.materialize(
        [*assets, *checks],
        partition_key=partition,
        resources={"installation": Installation(device="cpu", threads=1)},
        run_config={"ops": {name: {"config": config} for name in names}} if config else None,
        raise_on_error=False,
    )


def metadata(result: dg.ExecuteInProcessResult, name: str) -> dict[str, Any]:
    (event,) = result.asset_materializations_for_node(name)
    return {
        key: value if isinstance(value, dg.TableMetadataValue) else value.value for key, value in event.metadata.items()
    }


def failure(result: dg.ExecuteInProcessResult) -> str:
    (event,) = [event for event in result.all_events if event.is_step_failure]
    data = event.step_failure_data.user_failure_data
    assert data is not None
    return str(data.description)


@pytest.fixture
def lake(home: Path) -> Lake:
    return write_lake(home, DATASET)


def test_from_split_to_leaderboard_and_a_second_time_for_nothing(lake: Lake) -> None:
    for name in ("base_checkpoint", "lmmrec_checkpoint", "base_metrics", "lmmrec_metrics"):
        result = run([name], GRID_KEY, seeds=[2023])
        assert result.success, failure(result)
    assert not (lake.home / "training").exists()  # no state of a training stays once its checkpoint is published
    trained = metadata(run(["lmmrec_checkpoint"], GRID_KEY, seeds=[2023]), "lmmrec_checkpoint")
    assert trained["cells_made"] == 0
    assert trained["training_curve"].count("data:image/png;base64,") == 2
    assert "**variant shuffled-text, seed 2023**" in trained["training_curve"]
    assert [record.data["variant"] for record in trained["cells"].records] == ["full", "shuffled-text"]
    measured = metadata(run(["lmmrec_metrics"], GRID_KEY, seeds=[2023], force=True), "lmmrec_metrics")
    assert measured["cells_made"] == 2
    assert measured["means"].count("| strict |") == 2
    assert run(["anchor_metrics"], DATASET).success
    published = run(["recommendations"], GRID_KEY)
    assert published.success, failure(published)
    assert lake.cells("recommendations") == [
        Address("recommendations", DATASET, "lightgcn", method) for method in ("base", "lmmrec")
    ]
    led = run(["leaderboard"])
    assert led.success, failure(led)
    assert metadata(led, "leaderboard")["rows_of_runs"] >= 11
    (complete,) = led.get_asset_check_evaluations()
    assert complete.passed, complete.description
    assert (lake.home / "warehouse.duckdb").exists()


def test_every_check_passes_on_what_was_made(lake: Lake) -> None:
    result = run(["base_checkpoint", "base_metrics", "recommendations"], GRID_KEY)
    assert result.success, failure(result)
    evaluations = {found.check_name: found for found in result.get_asset_check_evaluations()}
    assert set(evaluations) == {
        "base_checkpoint_is_usable",
        "base_checkpoint_beats_popularity",
        "base_metrics_are_sound",
        "recommendations_are_sound",
    }
    assert all(found.passed for found in evaluations.values() if found.blocking)


def test_lmmrec_without_text_vectors_fails_with_one_sentence_and_writes_nothing(home: Path) -> None:
    lake = write_lake(home, DATASET, with_text=False)
    result = run(["lmmrec_checkpoint"], GRID_KEY)
    assert not result.success
    assert failure(result).startswith("method 'lmmrec' needs text and demo has no text vectors")
    assert lake.cells("lmmrec_checkpoint") == []


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("base_checkpoint", {"seeds": []}, "give at least one"),
        ("base_checkpoint", {"seeds": [-1]}, "none below 0"),
        ("base_checkpoint", {"variants": ["shuffled-text"]}, "no variant 'shuffled-text'"),
        ("recommendations", {"methods": ["lmrec"]}, "unknown method 'lmrec': did you mean lmmrec"),
        ("recommendations", {}, "nothing has been trained on demo with lightgcn yet"),
        ("base_metrics", {}, "base_checkpoint/dataset=demo/base_model=lightgcn/variant=full/seed=2023 is not in"),
    ],
)
def test_wrong_launches_fail_with_one_sentence(lake: Lake, name: str, config: dict[str, Any], message: str) -> None:
    result = run([name], GRID_KEY, **config)
    assert not result.success
    assert message in failure(result)
    assert lake.cells(name) == []


def test_more_seeds_leave_the_recommendations_as_they_are(lake: Lake) -> None:
    from assets.evaluation.recipe import serving_cell

    assert run(["base_checkpoint"], GRID_KEY, seeds=[2024, 2023]).success
    cell = serving_cell(lake, DATASET, "lightgcn", "base")
    assert cell is not None
    assert cell.seed == 2023
