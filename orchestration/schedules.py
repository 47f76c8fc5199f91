"""One retraining schedule per dataset of the catalogue, stopped until somebody switches it on.

A tick starts the job `retrain`, which writes down what is stale and why; the sensor launches the rest. So a tick always
leaves a trace, also where there was nothing to do. What is stale is decided in `retraining.py`.
"""

from collections.abc import Iterator

import dagster as dg

from assets.datasets.catalog import DatasetEntry, load_catalogue
from assets.graph import recipes
from assets.partitions import DATASETS
from assets.resources import Installation, clear_failures
from assets.settings import home_directory
from models.errors import LmmrecError
from orchestration.retraining import RETRAIN_TAG, launches, stale_now

WEEKLY = "0 3 * * 1"
"""Monday 03:00 UTC, where the catalogue entry names no time."""


@dg.op(description="Compares the dataset with the lake and writes down what is stale, and why.")
def find_stale(context: dg.OpExecutionContext, installation: Installation) -> dg.Output[None]:
    with clear_failures():
        plan = stale_now(installation.lake, recipes(), installation.settings, context.partition_key)
    lines = [f"- {reason}" for launch in launches(plan, recipes()) for reason in launch.reasons]
    for line in lines:
        context.log.info(line.removeprefix("- "))
    return dg.Output(
        None,
        metadata={
            "stale": len(lines),
            "up_to_date": len(plan.up_to_date),
            "reasons": dg.MetadataValue.md("\n".join(lines) or "nothing is stale"),
        },
    )


@dg.job(
    partitions_def=DATASETS,
    executor_def=dg.in_process_executor,
    description="First step of a retraining: finds what is stale; with the tag `lmmrec/retrain` the sensor makes it.",
)
def retrain() -> None:
    find_stale()


def schedule_of(dataset: str, entry: DatasetEntry) -> dg.ScheduleDefinition:
    """The retraining schedule of one dataset.

    Raises:
        LmmrecError: the entry's `schedule` is no cron line.
    """

    def tick(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
        yield dg.RunRequest(partition_key=dataset, tags={RETRAIN_TAG: dataset})

    try:
        return dg.ScheduleDefinition(
            name=schedule_name(dataset),
            job=retrain,
            cron_schedule=entry.schedule or WEEKLY,
            execution_timezone="UTC",
            execution_fn=tick,
            default_status=dg.DefaultScheduleStatus.STOPPED,
            description=f"Re-makes what is stale of `{dataset}`: dataset stage, training, leaderboard and report.",
        )
    except dg.DagsterInvalidDefinitionError:
        raise LmmrecError(
            f"dataset '{dataset}': schedule '{entry.schedule}' is no cron line: write five fields, such as '{WEEKLY}'."
        ) from None


def schedule_name(dataset: str) -> str:
    """Dagster takes letters, digits and underscores; each other character becomes its code, so that names stay apart."""
    return "retrain_" + "".join(
        char if char.isalnum() else "_" if char == "_" else f"_{ord(char):x}_" for char in dataset
    )


SCHEDULES = [schedule_of(name, entry) for name, entry in load_catalogue(home_directory()).items()]
