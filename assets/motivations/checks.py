"""Asset checks of the motivations stage: the rules of the gate as partitioned, blocking checks."""

from itertools import chain

import dagster as dg

from assets.checking import check_result
from assets.lake import Address
from assets.motivations.ancestry import ancestry_findings, up_to
from assets.motivations.lineage import prompt_findings
from assets.motivations.quarantine import quarantine_figures
from assets.motivations.rules import motivation_findings
from assets.partitions import DATASETS
from assets.resources import Installation, clear_failures
from models.language.chat import Entity


def _check_prompts(
    context: dg.AssetCheckExecutionContext, installation: Installation, entity: Entity
) -> dg.AssetCheckResult:
    lake, dataset = installation.lake, context.partition_key
    address = Address(f"{entity}_prompts", dataset)
    with clear_failures():
        findings = prompt_findings(entity, lake.read(address), lake.read(Address("split", dataset)))
        ancestry = ancestry_findings(lake, dataset, up_to(address.asset)).values()
    return check_result([*chain(*ancestry), *findings], guards=(lake, address))


def _check_motivations(
    context: dg.AssetCheckExecutionContext, installation: Installation, entity: Entity
) -> dg.AssetCheckResult:
    lake, dataset = installation.lake, context.partition_key
    address = Address(f"{entity}_motivations", dataset)
    limits = installation.entry(dataset).gate.model_dump()
    with clear_failures():
        motivations, prompts = lake.read(address), lake.read(Address(f"{entity}_prompts", dataset))
        inputs = {asset: lake.read(Address(asset, dataset)) for asset in ("split", "interactions")}
        findings = motivation_findings(entity, motivations, prompts, inputs, limits)
        ancestry = ancestry_findings(lake, dataset, up_to(address.asset)).values()
        figures = quarantine_figures(motivations)
    return check_result([*chain(*ancestry), *findings], figures, guards=(lake, address))


@dg.asset_check(
    asset="item_prompts",
    blocking=True,
    partitions_def=DATASETS,
    description="Prompts show train text only, by lineage; each is complete and there is one an item.",
)
def item_prompts_show_train_text_only(
    context: dg.AssetCheckExecutionContext, installation: Installation
) -> dg.AssetCheckResult:
    return _check_prompts(context, installation, "item")


@dg.asset_check(
    asset="user_prompts",
    blocking=True,
    partitions_def=DATASETS,
    description="Prompts show train text only, by lineage; each is complete and there is one a user.",
)
def user_prompts_show_train_text_only(
    context: dg.AssetCheckExecutionContext, installation: Installation
) -> dg.AssetCheckResult:
    return _check_prompts(context, installation, "user")


@dg.asset_check(
    asset="item_motivations",
    blocking=True,
    partitions_def=DATASETS,
    description="One valid, grounded motivation row an item, with few fallbacks.",
)
def item_motivations_are_valid(
    context: dg.AssetCheckExecutionContext, installation: Installation
) -> dg.AssetCheckResult:
    return _check_motivations(context, installation, "item")


@dg.asset_check(
    asset="user_motivations",
    blocking=True,
    partitions_def=DATASETS,
    description="One valid, grounded motivation row a user, with few fallbacks.",
)
def user_motivations_are_valid(
    context: dg.AssetCheckExecutionContext, installation: Installation
) -> dg.AssetCheckResult:
    return _check_motivations(context, installation, "user")


CHECKS = [
    item_prompts_show_train_text_only,
    user_prompts_show_train_text_only,
    item_motivations_are_valid,
    user_motivations_are_valid,
]
