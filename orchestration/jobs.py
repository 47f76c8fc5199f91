"""The jobs: one per shape of partition, because one run cannot span two.

`dataset_stage` makes what there is one of per dataset, `grid_stage` what there is one of per dataset and base model,
`comparison_stage` rivals as well and what else is made on request alone, `tables` the tables of the paper,
`serving_stage` what is chosen of a dataset's grid, `publish` the leaderboard and the report. Which partitions a run takes is
decided by whoever launches it (the command line, a schedule, a backfill, a person in the UI).
"""

from __future__ import annotations

from typing import Any

import dagster as dg

from assets.graph import recipes
from assets.recipes import Request, usual
from orchestration.experiments import NOISE_SEEDS, figure_two, merged, table_one, table_two
from orchestration.retraining import run_config

MAX_CONCURRENT_STEPS = 2
"""Steps of one run at once; each is a process of its own and may hold a model."""


EXECUTOR = dg.multiprocess_executor.configured(
    {
        "max_concurrent": MAX_CONCURRENT_STEPS,
        "start_method": {
            "forkserver": {
                "preload_modules": ["orchestration.definitions", "pandas", "duckdb", "great_expectations", "torch"]
            }
        },
    }
)
"""Steps in forked processes, whose server has imported the heavy libraries once for the whole run; also for what the UI and
backfills launch from a selection of assets."""

_SCOPES = {
    name: tuple(
        recipe.asset for recipe in recipes().values() if recipe.scope in scopes and (usual(recipe) or not of_usual)
    )
    for name, scopes, of_usual in (
        ("dataset", ("dataset",), False),
        ("grid", ("cell", "method"), True),
        ("comparison", ("cell", "method"), False),
        ("pair", ("pair",), False),
        ("served", ("served",), False),
        ("all", ("all",), False),
    )
}

dataset_stage = dg.define_asset_job(
    "dataset_stage",
    selection=dg.AssetSelection.assets(*_SCOPES["dataset"]),
    executor_def=EXECUTOR,
    description="From raw reviews to text vectors, and the anchors' numbers: everything there is one of per dataset.",
)
grid_stage = dg.define_asset_job(
    "grid_stage",
    selection=dg.AssetSelection.assets(*_SCOPES["grid"]),
    executor_def=EXECUTOR,
    description="Training, metrics and recommendations of one base model on one dataset.",
)
comparison_stage = dg.define_asset_job(
    "comparison_stage",
    selection=dg.AssetSelection.assets(*_SCOPES["comparison"]),
    executor_def=EXECUTOR,
    description="The same with rivals, and with what takes so long that only a request that names it makes it.",
)
tables = dg.define_asset_job(
    "tables",
    selection=dg.AssetSelection.assets(*_SCOPES["pair"]),
    executor_def=EXECUTOR,
    description="Table I, Table II and Fig. 2 of one base model on one dataset, from the cells that are there.",
)
serving_stage = dg.define_asset_job(
    "serving_stage",
    selection=dg.AssetSelection.assets(*_SCOPES["served"]),
    executor_def=EXECUTOR,
    description="Which model of a dataset is published, by validation, and its lists.",
)
publish = dg.define_asset_job(
    "publish",
    selection=dg.AssetSelection.assets(*_SCOPES["all"]),
    executor_def=EXECUTOR,
    description="The warehouse, the leaderboard and the report over everything in the lake.",
)


def _experiment(name: str, request: Request, shown: tuple[str, ...], description: str) -> Any:
    """A job whose launchpad already asks for the cells of an experiment; a partition is a dataset and a base model."""
    cells = tuple(
        recipe.asset
        for recipe in recipes().values()
        if recipe.scope == "cell"
        and recipe.method in request.methods
        and not recipe.for_methods
        and not recipe.on_request
    )
    return dg.define_asset_job(
        name,
        selection=dg.AssetSelection.assets(*cells, *shown),
        executor_def=EXECUTOR,
        config=run_config(request, recipes(), cells),
        description=description,
    )


experiment = _experiment(
    "experiment",
    merged(*table_one("", "")[:1], *table_two("", "")),
    ("table_1", "table_2"),
    "Table I and Table II of one base model on one dataset: rivals, controls and ablations over five seeds. EASE, GF-CF and "
    "anchors stand beside them where they have been made.",
)
noise = _experiment(
    "noise",
    figure_two("", "", NOISE_SEEDS)[0],
    ("figure_2",),
    "Fig. 2 of one base model on one dataset: base and LMMRec on train with 5 to 30 % of pairs that never happened.",
)
JOBS = [dataset_stage, grid_stage, comparison_stage, experiment, noise, tables, serving_stage, publish]
