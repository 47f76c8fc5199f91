"""The asset checks of the datasets stage: wiring from a partition of the lake to its rules in `rules.py`.

A blocking check that fails withdraws its partition, so that no later run builds on it.
"""

from collections.abc import Callable
from pathlib import Path

import dagster as dg

from assets.checking import check_result
from assets.expectations import Finding
from assets.lake import Address
from assets.partitions import DATASETS
from assets.resources import Installation


def _look(
    context: dg.AssetCheckExecutionContext,
    installation: Installation,
    asset: str,
    look: Callable[[Path], list[Finding]],
    *,
    blocking: bool = True,
) -> dg.AssetCheckResult:
    address = Address(asset, context.partition_key)
    findings = look(installation.lake.read(address))
    return check_result(findings, guards=(installation.lake, address) if blocking else None)


@dg.asset_check(
    asset="reviews",
    blocking=True,
    partitions_def=DATASETS,
    description="Every review has both ids and a finite rating.",
)
def reviews_are_complete(context: dg.AssetCheckExecutionContext, installation: Installation) -> dg.AssetCheckResult:
    from assets.datasets.rules import look_at_reviews

    return _look(context, installation, "reviews", look_at_reviews)


@dg.asset_check(
    asset="reviews", partitions_def=DATASETS, description="Most reviews have a text; no row was quarantined."
)
def reviews_have_text(context: dg.AssetCheckExecutionContext, installation: Installation) -> dg.AssetCheckResult:
    from assets.datasets.rules import look_at_texts

    return _look(context, installation, "reviews", look_at_texts, blocking=False)


@dg.asset_check(asset="items", blocking=True, partitions_def=DATASETS, description="Item ids are there and unique.")
def items_are_unique(context: dg.AssetCheckExecutionContext, installation: Installation) -> dg.AssetCheckResult:
    from assets.datasets.rules import look_at_items

    return _look(context, installation, "items", look_at_items)


@dg.asset_check(
    asset="interactions",
    blocking=True,
    partitions_def=DATASETS,
    description="Indices are dense and agree with the ids; a pair stands once.",
)
def interactions_are_dense(context: dg.AssetCheckExecutionContext, installation: Installation) -> dg.AssetCheckResult:
    from assets.datasets.rules import look_at_interactions

    return _look(context, installation, "interactions", look_at_interactions)


@dg.asset_check(
    asset="split",
    blocking=True,
    partitions_def=DATASETS,
    description="Parts are disjoint and every user and item has a train pair.",
)
def split_is_sound(context: dg.AssetCheckExecutionContext, installation: Installation) -> dg.AssetCheckResult:
    from assets.datasets.rules import look_at_split

    entry = installation.entry(context.partition_key)
    by_ratio = entry.format != "published-split" and entry.split.kind == "ratio"
    return _look(context, installation, "split", lambda folder: look_at_split(folder, train_edge_required=by_ratio))


CHECKS = [reviews_are_complete, reviews_have_text, items_are_unique, interactions_are_dense, split_is_sound]
