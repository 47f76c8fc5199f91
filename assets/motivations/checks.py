"""Asset checks of the motivations stage: the rules of `gate.py` as partitioned, blocking checks."""

import dagster as dg

from assets.checking import check_result
from assets.lake import Address
from assets.motivations.gate import motivation_findings, prompt_findings
from assets.partitions import DATASETS
from assets.resources import Installation
from models.language.chat import Entity


def _check_prompts(
    context: dg.AssetCheckExecutionContext, installation: Installation, entity: Entity
) -> dg.AssetCheckResult:
    lake, dataset = installation.lake, context.partition_key
    address = Address(f"{entity}_prompts", dataset)
    findings = prompt_findings(entity, lake.read(address), lake.read(Address("split", dataset)))
    return check_result(findings, guards=(lake, address))


def _check_motivations(
    context: dg.AssetCheckExecutionContext, installation: Installation, entity: Entity
) -> dg.AssetCheckResult:
    lake, dataset = installation.lake, context.partition_key
    motivations, prompts, split = (
        lake.read(Address(asset, dataset)) for asset in (f"{entity}_motivations", f"{entity}_prompts", "split")
    )
    limits = installation.entry(dataset).gate.model_dump()
    findings = motivation_findings(entity, motivations, prompts, split, limits)
    return check_result(findings, guards=(lake, Address(f"{entity}_motivations", dataset)))


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
