"""A retraining: a schedule per dataset, and a chain that goes on only after its own runs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from assets.datasets.catalog import DatasetEntry, load_catalogue
from models.errors import LmmrecError
from orchestration.definitions import defs
from orchestration.retraining import RETRAIN_TAG, ROOT_TAG, Launch
from orchestration.schedules import SCHEDULES, WEEKLY, retrain, schedule_name, schedule_of
from orchestration.sensors import carry_on_retraining, request_of

pytestmark = pytest.mark.unit

MONDAY = datetime(2024, 1, 1, 3, tzinfo=UTC)


def test_every_dataset_has_a_stopped_schedule() -> None:
    assert [schedule.name for schedule in SCHEDULES] == [
        schedule_name(name) for name in load_catalogue(Path("nowhere"))
    ]
    for schedule in SCHEDULES:
        assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
        assert schedule.cron_schedule == WEEKLY
        assert schedule.execution_timezone == "UTC"


def test_the_catalogue_entry_names_the_time() -> None:
    assert schedule_of("shop", DatasetEntry(format="demo", schedule="30 4 * * *")).cron_schedule == "30 4 * * *"


@pytest.mark.parametrize("line", ["weekly", "99 * * * *", "* * *"])
def test_a_schedule_that_is_no_cron_line_is_named_with_its_dataset(line: str) -> None:
    with pytest.raises(LmmrecError, match=r"dataset 'shop': schedule .* is no cron line"):
        schedule_of("shop", DatasetEntry(format="demo", schedule=line))


def test_names_of_schedules_stay_apart() -> None:
    names = ["my-shop", "my.shop", "my_shop", "myshop"]
    assert len({schedule_name(name) for name in names}) == len(names)


def test_a_tick_asks_for_the_retraining_of_its_dataset() -> None:
    with dg.build_schedule_context(
        scheduled_execution_time=MONDAY, repository_def=defs.get_repository_def()
    ) as context:
        ticked = SCHEDULES[0].evaluate_tick(context)
    assert ticked.run_requests is not None
    (request,) = ticked.run_requests
    assert request.partition_key == "demo"
    assert request.tags[RETRAIN_TAG] == "demo"


def finished_run(instance: dg.DagsterInstance, tags: dict[str, str]) -> dg.RunStatusSensorContext:
    result = defs.resolve_job_def("retrain").execute_in_process(partition_key="demo", instance=instance, tags=tags)
    assert result.success
    return dg.build_run_status_sensor_context(
        sensor_name=carry_on_retraining.name,
        dagster_event=result.get_run_success_event(),
        dagster_instance=instance,
        dagster_run=result.dagster_run,
        resources={"installation": defs.resources["installation"]} if defs.resources else None,
    )


@pytest.mark.usefixtures("home")
def test_the_first_step_writes_down_what_is_stale_and_the_sensor_launches_it() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        context = finished_run(instance, {RETRAIN_TAG: "demo"})
        answers = list(carry_on_retraining(context))  # type: ignore[call-overload]
    (request,) = answers
    assert isinstance(request, dg.RunRequest)
    assert request.job_name == "dataset_stage"
    assert request.partition_key == "demo"
    assert request.asset_selection is not None
    assert [key.to_user_string() for key in request.asset_selection] == ["reviews", "items", "interactions", "split"]
    assert request.tags[RETRAIN_TAG] == "demo"
    assert request.tags[ROOT_TAG] == context.dagster_run.run_id


@pytest.mark.usefixtures("home")
def test_runs_that_belong_to_no_retraining_start_nothing() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        (answer,) = list(carry_on_retraining(finished_run(instance, {})))  # type: ignore[call-overload]
    assert isinstance(answer, dg.SkipReason)


def test_one_retraining_asks_for_the_same_launch_under_the_same_key() -> None:
    launch = Launch("grid_stage", "demo", "lightgcn", ("base_checkpoint",), (), {})
    first, again, other = (request_of(launch, root) for root in ("run-1", "run-1", "run-2"))
    assert first.run_key == again.run_key != other.run_key
    assert first.partition_key == "lightgcn|demo"


def test_the_first_step_is_a_job_of_its_own() -> None:
    assert retrain.name == "retrain"
