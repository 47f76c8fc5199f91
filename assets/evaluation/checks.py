"""Asset checks of the evaluation stage: blocking for numbers and lists that cannot be right, a warning for gaps."""

import dagster as dg

from assets.checking import check_cells, check_result
from assets.evaluation.recipe import METRIC_ASSETS, metrics_of
from assets.graph import recipes
from assets.lake import Address
from assets.partitions import DATASETS, GRID, keys_of
from assets.resources import Installation
from assets.training.methods import METHODS, Method


def metrics_check(method: Method) -> dg.AssetChecksDefinition:
    """Blocking: the numbers of every cell of the partition are possible and complete."""

    @dg.asset_check(
        asset=metrics_of(method.name),
        name=f"{metrics_of(method.name)}_are_sound",
        blocking=True,
        partitions_def=GRID,
        description="Within 0 and 1, under both protocols, over all users with test items, means equal to their users'.",
    )
    def are_sound(context: dg.AssetCheckExecutionContext, installation: Installation) -> dg.AssetCheckResult:
        from assets.evaluation.rules import metric_findings

        dataset, base_model = keys_of(context)
        lake = installation.lake
        split = lake.read(Address("split", dataset))
        cells = lake.cells(metrics_of(method.name), dataset=dataset, base_model=base_model)
        return check_cells(lake, cells, lambda cell: metric_findings(lake.read(cell), split))

    return are_sound


@dg.asset_check(
    asset="anchor_metrics",
    blocking=True,
    partitions_def=DATASETS,
    description="Within 0 and 1, under both protocols, over all users with test items, means equal to their users'.",
)
def anchor_metrics_are_sound(context: dg.AssetCheckExecutionContext, installation: Installation) -> dg.AssetCheckResult:
    from assets.evaluation.rules import metric_findings

    lake, dataset = installation.lake, context.partition_key
    split = lake.read(Address("split", dataset))
    return check_cells(lake, [Address("anchor_metrics", dataset)], lambda cell: metric_findings(lake.read(cell), split))


@dg.asset_check(
    asset="recommendations",
    blocking=True,
    partitions_def=GRID,
    description="Nothing that a user already has, no gaps in the ranks, no item twice, scores finite and falling.",
)
def recommendations_are_sound(
    context: dg.AssetCheckExecutionContext, installation: Installation
) -> dg.AssetCheckResult:
    from assets.evaluation.rules import recommendation_findings

    dataset, base_model = keys_of(context)
    lake = installation.lake
    interactions = lake.read(Address("interactions", dataset))
    cells = lake.cells("recommendations", dataset=dataset, base_model=base_model)
    return check_cells(lake, cells, lambda cell: recommendation_findings(lake.read(cell), interactions))


@dg.asset_check(
    asset="selection",
    partitions_def=DATASETS,
    description="What is published was compared with others on validation, and is no anchor.",
)
def selection_is_a_trained_model(
    context: dg.AssetCheckExecutionContext, installation: Installation
) -> dg.AssetCheckResult:
    from assets.evaluation.rules import selection_findings

    return check_result(selection_findings(installation.lake.read(Address("selection", context.partition_key))))


@dg.asset_check(
    asset="published_lists",
    blocking=True,
    partitions_def=DATASETS,
    description="Nothing that a user already has, no gaps in the ranks, no item twice, scores finite and falling.",
)
def published_lists_are_sound(
    context: dg.AssetCheckExecutionContext, installation: Installation
) -> dg.AssetCheckResult:
    from assets.evaluation.rules import recommendation_findings

    lake, dataset = installation.lake, context.partition_key
    interactions = lake.read(Address("interactions", dataset))
    cells = [Address("published_lists", dataset)]
    return check_cells(lake, cells, lambda cell: recommendation_findings(lake.read(cell), interactions))


@dg.asset_check(
    asset="leaderboard",
    description="Every comparison has all its sides: anchors, the base with the same seeds, the shuffled-text control.",
)
def leaderboard_is_complete(installation: Installation) -> dg.AssetCheckResult:
    from assets.evaluation.rules import completeness_findings

    cells = [
        (recipes()[asset].method or "anchor", cell)
        for asset in METRIC_ASSETS
        for cell in installation.lake.cells(asset)
    ]
    with_text = [method.name for method in METHODS.values() if method.needs_text]
    return check_result(completeness_findings(cells, with_text), {"cells": len(cells)})


CHECKS = [
    *(metrics_check(method) for method in METHODS.values()),
    anchor_metrics_are_sound,
    recommendations_are_sound,
    selection_is_a_trained_model,
    published_lists_are_sound,
    leaderboard_is_complete,
]
