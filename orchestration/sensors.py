"""The sensor that carries a retraining on: after each of its runs it launches what is stale next.

Reacts only to runs that carry the tag of a retraining, so that a run started by hand never starts another. What comes next
is decided in `retraining.py`.
"""

from collections.abc import Iterator

import dagster as dg

from assets.graph import recipes
from assets.partitions import grid_key
from assets.resources import Installation
from orchestration.jobs import JOBS
from orchestration.retraining import RETRAIN_TAG, ROOT_TAG, Launch, next_launches, stale_now
from orchestration.schedules import retrain


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=[retrain, *JOBS],
    request_jobs=JOBS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=15,
    description="Carries a retraining on: dataset stage, then training, then leaderboard and report.",
)
def carry_on_retraining(
    context: dg.RunStatusSensorContext, installation: Installation
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    run = context.dagster_run
    dataset = run.tags.get(RETRAIN_TAG)
    if dataset is None:
        yield dg.SkipReason(f"run {run.run_id} belongs to no retraining")
        return
    root = run.tags.get(ROOT_TAG, run.run_id)
    wanted = next_launches(stale_now(installation.lake, recipes(), installation.settings, dataset), recipes())
    if run.job_name == "publish" or not wanted:
        yield dg.SkipReason(f"the retraining of {dataset} is complete")
        return
    for launch in wanted:
        yield request_of(launch, root)


def request_of(launch: Launch, root: str) -> dg.RunRequest:
    """The run request of one launch; its key keeps one retraining from starting the same thing twice."""
    return dg.RunRequest(
        run_key=f"{root}-{launch.name}-{launch.assets[0]}",
        job_name=launch.job,
        partition_key=partition_of(launch),
        asset_selection=[dg.AssetKey(asset) for asset in launch.assets],
        run_config=dict(launch.config),
        tags={RETRAIN_TAG: launch.dataset, ROOT_TAG: root},
    )


def partition_of(launch: Launch) -> str | None:
    """The partition key that the job of a launch takes."""
    if launch.job == "publish":
        return None
    return grid_key(launch.dataset, launch.base_model) if launch.base_model else launch.dataset


SENSORS = [carry_on_retraining]
