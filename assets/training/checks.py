"""Asset checks of the training stage: blocking where a checkpoint cannot be used, a warning where it is no use."""

import dagster as dg

from assets.checking import check_cells, check_result
from assets.expectations import Finding
from assets.lake import Address
from assets.partitions import DATASETS, GRID, keys_of
from assets.resources import Installation
from assets.training.leak import ASSET as LEAK
from assets.training.leak import leak_findings
from assets.training.methods import METHODS, Method, checkpoint_of


def checkpoint_check(method: Method) -> dg.AssetChecksDefinition:
    """Blocking: every cell of the partition is finite and fits the split."""

    @dg.asset_check(
        asset=checkpoint_of(method.name),
        name=f"{checkpoint_of(method.name)}_is_usable",
        blocking=True,
        partitions_def=GRID,
        description="History and weights are finite, and the ids are those of interactions, in their order.",
    )
    def is_usable(context: dg.AssetCheckExecutionContext, installation: Installation) -> dg.AssetCheckResult:
        from assets.training.rules import checkpoint_findings

        dataset, base_model = keys_of(context)
        lake = installation.lake
        interactions = lake.read(Address("interactions", dataset))
        cells = lake.cells(checkpoint_of(method.name), dataset=dataset, base_model=base_model)
        return check_cells(lake, cells, lambda cell: checkpoint_findings(lake.read(cell), interactions))

    return is_usable


def popularity_check(method: Method) -> dg.AssetChecksDefinition:
    """Warning: a cell of the partition does not beat popularity on validation."""

    @dg.asset_check(
        asset=checkpoint_of(method.name),
        name=f"{checkpoint_of(method.name)}_beats_popularity",
        partitions_def=GRID,
        description="The best validation Recall@20 of every cell is above that of recommending what is popular.",
    )
    def beats_popularity(context: dg.AssetCheckExecutionContext, installation: Installation) -> dg.AssetCheckResult:
        from assets.training.rules import popularity_finding

        dataset, base_model = keys_of(context)
        lake = installation.lake
        split = lake.read(Address("split", dataset))
        cells = lake.cells(checkpoint_of(method.name), dataset=dataset, base_model=base_model)
        findings: list[Finding] = [found for cell in cells for found in popularity_finding(lake.read(cell), split)]
        return check_result(findings, {"cells": len(cells)})

    return beats_popularity


@dg.asset_check(
    asset=LEAK,
    blocking=True,
    partitions_def=DATASETS,
    description="Text alone ranks validation pairs no better than test pairs; ready texts count as suspect until they pass.",
)
def user_texts_know_train_alone(
    context: dg.AssetCheckExecutionContext, installation: Installation
) -> dg.AssetCheckResult:
    lake, dataset = installation.lake, context.partition_key
    address = Address(LEAK, dataset)
    findings = leak_findings(lake.read(address), installation.entry(dataset).trust_user_texts)
    return check_result(findings, guards=(lake, address))


CHECKS = [
    user_texts_know_train_alone,
    *(check(method) for method in METHODS.values() for check in (checkpoint_check, popularity_check)),
]
