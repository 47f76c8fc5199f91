"""Dagster assets that measure what texts are worth: of new items, of new users, and as train gets thinner. Wiring only."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg

from assets.cells import CellConfig, chosen_cells
from assets.evaluation.recipe import COLD_METHOD
from assets.lake import Address, Draft
from assets.partitions import GRID, keys_of
from assets.resources import (
    Inputs,
    Installation,
    asset_arguments,
    clear_failures,
    materialize_cells,
    table_schema,
)
from assets.training.methods import checkpoint_of


@dg.asset(
    **asset_arguments("cold_item_metrics"),
    partitions_def=GRID,
    pool="training",
    kinds={"scipy", "parquet"},
    description="Items taken away from train and ranked from their texts alone, by EASE or GF-CF: Recall and NDCG among "
    "themselves beside their hidden popularity, and what giving them a share of the lists costs known items.",
    metadata=table_schema(
        draw=("INTEGER", "which items were taken away"),
        new_items=("BIGINT", "how many"),
        users=("BIGINT", "users who have one of them"),
        reading=("VARCHAR", "ridge to EASE's columns, or the learned text map"),
        shrinkage=("DOUBLE", "of that reading, chosen on further items taken away"),
        recall_20=("DOUBLE", "among the new items"),
        ndcg_20=("DOUBLE", "among the new items"),
        popularity_recall_20=("DOUBLE", "the same in the order of their hidden popularity"),
        popularity_ndcg_20=("DOUBLE", "the same in the order of their hidden popularity"),
    ),
)
def cold_item_metrics(
    context: dg.AssetExecutionContext, config: CellConfig, installation: Installation
) -> dg.MaterializeResult[None]:
    from assets.evaluation.text_worth.cold_items import write_cold_items

    return cold_cells("cold_item_metrics", write_cold_items, context, config, installation)


@dg.asset(
    **asset_arguments("cold_user_metrics"),
    partitions_def=GRID,
    pool="training",
    kinds={"scipy", "parquet"},
    description="Users left out of the fit and served from what is popular, from first items, from a text, or from both.",
    metadata=table_schema(
        known_items=("INTEGER", "items of a new user that are known"),
        served_from=("VARCHAR", "popularity, history, text or both"),
        users=("BIGINT", "new users measured"),
        recall_20=("DOUBLE", "mean over them"),
        ndcg_20=("DOUBLE", "mean over them"),
        shrinkage=("DOUBLE", "of the reading of texts, chosen on other new users"),
        weight=("DOUBLE", "of the text beside the history, chosen on other new users"),
    ),
)
def cold_user_metrics(
    context: dg.AssetExecutionContext, config: CellConfig, installation: Installation
) -> dg.MaterializeResult[None]:
    from assets.evaluation.text_worth.cold_users import write_cold_users

    return cold_cells("cold_user_metrics", write_cold_users, context, config, installation)


def cold_cells(
    asset: str,
    write: Callable[[Path, Path, Path, str, int, Path], dict[str, Any]],
    context: dg.AssetExecutionContext,
    config: CellConfig,
    installation: Installation,
) -> dg.MaterializeResult[None]:
    """The cells of a measurement of what is new, beside the checkpoints whose settings they take over."""
    dataset, base_model = keys_of(context)

    def work(address: Address, draft: Draft, inputs: Inputs) -> None:
        assert address.variant is not None
        assert address.seed is not None
        folders = (inputs[checkpoint_of(COLD_METHOD)], inputs["split"], inputs["text_embeddings"])
        draft.metadata.update(write(*folders, address.variant, address.seed, draft.path))

    with clear_failures():
        cells = chosen_cells(asset, dataset, base_model, config)
    return materialize_cells(context, installation, cells, work, force=config.force)


@dg.asset(
    **asset_arguments("density_curve"),
    partitions_def=GRID,
    pool="training",
    kinds={"scipy", "parquet"},
    description="What item texts are worth as train is thinned: EASE or GF-CF tuned anew at each density, with real texts "
    "and with shuffled ones, and from how many interactions a user on they no longer pay.",
    metadata=table_schema(
        share=("DOUBLE", "share of the train pairs"),
        pairs_per_user=("DOUBLE", "train pairs a user"),
        texts=("VARCHAR", "real or shuffled"),
        form=("VARCHAR", "of texts that validation chose; none where texts weigh nothing"),
        users=("BIGINT", "users with test items"),
        base_recall_20=("DOUBLE", "of the text-free base"),
        base_ndcg_20=("DOUBLE", "of the text-free base"),
        popularity_recall_20=("DOUBLE", "of what is popular; a base below it is no base to gain over"),
        recall_20=("DOUBLE", "with texts; likewise ndcg_20"),
        recall_20_relative=(
            "DOUBLE",
            "difference as a share of the base's; low and high are the ends of its 95 % interval",
        ),
        recall_20_p=("DOUBLE", "p of the paired t test over users"),
        pays=("BOOLEAN", "p below 0.01, above what shuffled texts gain, and the base no worse than what is popular"),
    ),
)
def density_curve(
    context: dg.AssetExecutionContext, config: CellConfig, installation: Installation
) -> dg.MaterializeResult[None]:
    dataset, base_model = keys_of(context)

    def work(address: Address, draft: Draft, inputs: Inputs) -> None:
        from assets.evaluation.text_worth.density import write_density

        assert address.seed is not None
        draft.metadata.update(write_density(inputs, base_model, address.seed, draft.path))

    with clear_failures():
        cells = chosen_cells("density_curve", dataset, base_model, config)
    return materialize_cells(context, installation, cells, work, force=config.force)


ASSETS = [cold_item_metrics, cold_user_metrics, density_curve]
