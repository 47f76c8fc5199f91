"""Dagster assets of the evaluation stage: metrics, anchors, recommendations, leaderboard, report. Wiring only.

Those that measure what texts are worth stand in `text_worth`.
"""

from collections.abc import Callable
from functools import partial

import dagster as dg

from assets.cells import CellConfig, MethodsConfig, chosen_cells
from assets.evaluation.experiments import TABLES
from assets.evaluation.recipe import RECOMMENDATIONS_PER_USER, metrics_of
from assets.evaluation.text_worth.assets import ASSETS as TEXT_ASSETS
from assets.lake import Address, Draft
from assets.partitions import DATASETS, GRID, keys_of
from assets.resources import (
    Inputs,
    Installation,
    asset_arguments,
    clear_failures,
    materialize,
    materialize_cells,
    table_schema,
)
from assets.training.methods import METHODS, Method, checkpoint_of

MEANS_SCHEMA = table_schema(
    dataset=("VARCHAR", "name in the catalogue"),
    base_model=("VARCHAR", "base model, or the anchor's name"),
    method=("VARCHAR", "base, an enhancer, or anchor"),
    variant=("VARCHAR", "full, or which control or ablation"),
    seed=("BIGINT", "seed of initialisation and sampling"),
    protocol=("VARCHAR", "rlmrec hides train items, strict validation items too"),
    metric=("VARCHAR", "recall, ndcg, coverage, gini or popularity"),
    k=("INTEGER", "length of the lists"),
    value=("DOUBLE", "mean over the evaluated users; coverage, gini and popularity over all lists together"),
    num_users=("BIGINT", "users with at least one test item"),
    epoch=("BIGINT", "epoch whose weights were kept; empty for anchors"),
)
_COMPARED = "against the base alone, paired over users; empty where there is nothing to compare"
LEADERBOARD = {
    "dataset": ("VARCHAR", "name in the catalogue"),
    "base_model": ("VARCHAR", "base model, or the anchor's name"),
    "method": ("VARCHAR", "base, an enhancer, or anchor"),
    "variant": ("VARCHAR", "full, or which control or ablation"),
    "protocol": ("VARCHAR", "rlmrec hides train items, strict validation items too"),
    "metric": ("VARCHAR", "recall or ndcg"),
    "k": ("INTEGER", "length of the lists"),
    "num_users": ("BIGINT", "users with at least one test item"),
    "train_seconds": ("DOUBLE", "mean over seeds; empty for anchors"),
    "mean": ("DOUBLE", "mean over seeds of the mean over users"),
    "std": ("DOUBLE", "sample standard deviation over seeds; empty for one seed"),
    "ci_low": ("DOUBLE", "lower end of the 95 % t interval over seeds"),
    "ci_high": ("DOUBLE", "upper end of it"),
    "num_seeds": ("BIGINT", "seeds behind the mean"),
    "base_mean": ("DOUBLE", _COMPARED),
    "difference": ("DOUBLE", _COMPARED),
    "relative": ("DOUBLE", "difference as a share of the base's mean"),
    "low": ("DOUBLE", "lower end of the 95 % bootstrap interval of the difference, over users"),
    "high": ("DOUBLE", "upper end of it"),
    "effect_size": ("DOUBLE", "Cohen's d of the paired differences"),
    "t_p": ("DOUBLE", "p of the paired t test"),
    "wilcoxon_p": ("DOUBLE", "p of the signed-rank test"),
    "t_p_holm": ("DOUBLE", "t_p after Holm's correction"),
    "wilcoxon_p_holm": ("DOUBLE", "wilcoxon_p after Holm's correction"),
    "seeds_p": ("DOUBLE", "p of a test over users and seeds; empty for one seed"),
    "seeds_p_holm": ("DOUBLE", "seeds_p after Holm's correction"),
    "verdict": ("VARCHAR", "better, worse or not significant"),
    "compared_seeds": ("BIGINT", "seeds that both sides have"),
}
RECOMMENDATIONS_SCHEMA = table_schema(
    user_id=("VARCHAR", "the publisher's id"),
    item_id=("VARCHAR", "the publisher's id"),
    rank=("INTEGER", "1 is best"),
    score=("DOUBLE", "the model's score; comparable within one user"),
    user_idx=("BIGINT", "position among the users"),
    item_idx=("BIGINT", "position among the items; those of the catalogue without interactions come after all others"),
    is_new=("BOOLEAN", "ranked from its text, because nobody has it yet"),
)


TABLE_DESCRIPTIONS = {
    "table-1": "Table I: the base alone, with each rival, with LMMRec and its controls, beside EASE, GF-CF and the anchors, "
    "with intervals over seeds and tests; as CSV, LaTeX and Markdown.",
    "table-2": "Table II: LMMRec whole and without each of its parts; as CSV, LaTeX and Markdown.",
    "figure-2": "Fig. 2: base and LMMRec with 5 to 30 % of pairs in train that never happened; as CSV, LaTeX and Markdown.",
}


def metrics_asset(method: Method) -> dg.AssetsDefinition:
    """The asset that holds the metrics of one method."""
    name = metrics_of(method.name)

    @dg.asset(
        **asset_arguments(name),
        partitions_def=GRID,
        pool="training",
        kinds={"pytorch", "parquet"},
        description=f"Recall and NDCG at 5, 10, 20 of every user on the test part for `{method.name}`, under both "
        "protocols, with means, coverage, Gini and popularity, and the rank of every test pair.",
        metadata=MEANS_SCHEMA,
    )
    def metrics(
        context: dg.AssetExecutionContext, config: CellConfig, installation: Installation
    ) -> dg.MaterializeResult[None]:
        dataset, base_model = keys_of(context)
        with clear_failures():
            cells = chosen_cells(name, dataset, base_model, config)
        return materialize_cells(context, installation, cells, metrics_work(method), force=config.force, spread=True)

    return metrics


def metrics_work(method: Method) -> Callable[[Address, Draft, Inputs], None]:
    """What makes the metrics of one cell, once its inputs are there; another process can be told it."""
    return partial(make_metrics, method.name)


def make_metrics(name: str, address: Address, draft: Draft, inputs: Inputs) -> None:
    from assets.evaluation.metrics import evaluate_cell

    draft.metadata.update(evaluate_cell(inputs[checkpoint_of(name)], inputs["split"], address, name, draft.path))


@dg.asset(
    **asset_arguments("anchor_metrics"),
    partitions_def=DATASETS,
    pool="training",
    kinds={"scipy", "parquet"},
    description="The same metrics for the anchors: popularity, item-kNN, user-kNN, EASE, GF-CF, ALS. They read no text, have "
    "their settings chosen on validation, and stand in every table, so that a gain is measured against something strong.",
    metadata=MEANS_SCHEMA,
)
def anchor_metrics(context: dg.AssetExecutionContext, installation: Installation) -> dg.MaterializeResult[None]:
    dataset = context.partition_key

    def work(draft: Draft, inputs: Inputs) -> None:
        from assets.evaluation.anchors import evaluate_anchors

        draft.metadata.update(evaluate_anchors(inputs["split"], dataset, draft.path))

    return materialize(context, installation, Address("anchor_metrics", dataset), work)


@dg.asset(
    **asset_arguments("recommendations"),
    partitions_def=GRID,
    pool="training",
    kinds={"pytorch", "parquet"},
    description=f"Top {RECOMMENDATIONS_PER_USER} items of every user with original ids, for each trained method; what a "
    "user already has is left out.",
    metadata=RECOMMENDATIONS_SCHEMA,
)
def recommendations(
    context: dg.AssetExecutionContext, config: MethodsConfig, installation: Installation
) -> dg.MaterializeResult[None]:
    from assets.evaluation.lookup import methods_to_serve

    dataset, base_model = keys_of(context)

    def work(address: Address, draft: Draft, inputs: Inputs) -> None:
        from assets.evaluation.recommendations import write_recommendations

        checkpoint = inputs[checkpoint_of(str(address.method))]
        figures = write_recommendations(checkpoint, inputs["interactions"], draft.path, RECOMMENDATIONS_PER_USER)
        draft.metadata.update(method=address.method, **figures)

    with clear_failures():
        methods = methods_to_serve(installation.lake, dataset, base_model, config.methods)
    cells = [Address("recommendations", dataset, base_model, method) for method in methods]
    return materialize_cells(context, installation, cells, work, force=config.force)


@dg.asset(
    **asset_arguments("selection"),
    partitions_def=DATASETS,
    pool="warehouse",
    kinds={"parquet"},
    description="Which model is published, and why: all candidates and anchors by Recall@20 on validation. One that reads "
    "texts is taken only where it beats the best text-free one beyond chance; an anchor that wins is published.",
    metadata=table_schema(
        place=("INTEGER", "1 is best by Recall@20"),
        method=("VARCHAR", "base, an enhancer, or anchor"),
        base_model=("VARCHAR", "base model, or the anchor's name"),
        seed=("BIGINT", "of the cell that serves; empty for anchors"),
        reads_text=("BOOLEAN", "whether texts play a part in its scores"),
        recall_20=("DOUBLE", "mean over users with validation items"),
        ndcg_20=("DOUBLE", "mean over the same users"),
        num_users=("BIGINT", "how many they are"),
        p=("DOUBLE", "paired t test against the one that is published, over users"),
        standing=("VARCHAR", "published, or why it could not be"),
    ),
)
def selection(context: dg.AssetExecutionContext, installation: Installation) -> dg.MaterializeResult[None]:
    dataset = context.partition_key

    def work(draft: Draft, inputs: Inputs) -> None:
        from assets.evaluation.selection import write_selection

        trusted = installation.entry(dataset).trust_user_texts
        draft.metadata.update(write_selection(installation.lake, dataset, draft.path, trusted))

    return materialize(context, installation, Address("selection", dataset), work)


@dg.asset(
    **asset_arguments("published_lists"),
    partitions_def=DATASETS,
    pool="training",
    kinds={"pytorch", "parquet"},
    description=f"Top {RECOMMENDATIONS_PER_USER} items of every user with original ids by the model that `selection` names; "
    "what `lmmrec recommend` shows unless another model is asked for. New items get the share of the places that the "
    "catalogue entry gives them (`new_item_share`), ranked from their texts.",
    metadata=RECOMMENDATIONS_SCHEMA,
)
def published_lists(context: dg.AssetExecutionContext, installation: Installation) -> dg.MaterializeResult[None]:
    dataset = context.partition_key

    def work(draft: Draft, inputs: Inputs) -> None:
        from assets.embeddings.embed import encoder_of
        from assets.evaluation.published import write_published

        lake, share = installation.lake, installation.entry(dataset).new_item_share
        encoder = encoder_of(installation.settings, lake.home)
        figures = write_published(lake, dataset, inputs, draft.path, RECOMMENDATIONS_PER_USER, share, encoder)
        draft.metadata.update(figures)

    return materialize(context, installation, Address("published_lists", dataset), work)


def table_asset(experiment: str, description: str) -> dg.AssetsDefinition:
    """The asset that holds one table of the paper, made of the cells that are there."""
    name = TABLES[experiment]

    @dg.asset(**asset_arguments(name), partitions_def=GRID, pool="warehouse", kinds={"csv"}, description=description)
    def table(context: dg.AssetExecutionContext, installation: Installation) -> dg.MaterializeResult[None]:
        dataset, base_model = keys_of(context)

        def work(draft: Draft, inputs: Inputs) -> None:
            from assets.evaluation.report.experiments import write_tables

            draft.metadata.update(write_tables(installation.lake, experiment, dataset, base_model, draft.path))

        return materialize(context, installation, Address(name, dataset, base_model), work)

    return table


@dg.asset(
    **asset_arguments("leaderboard"),
    pool="warehouse",
    kinds={"duckdb", "parquet"},
    description="Rebuilds warehouse.duckdb from all metrics in the lake and states who leads: means over seeds, and paired "
    "tests over users with Holm correction.",
    metadata=table_schema(**LEADERBOARD),
)
def leaderboard(context: dg.AssetExecutionContext, installation: Installation) -> dg.MaterializeResult[None]:
    def work(draft: Draft, inputs: Inputs) -> None:
        from assets.evaluation.leaderboard import build_leaderboard
        from assets.evaluation.warehouse import rebuild, warehouse_path, write_rows

        counts = rebuild(installation.lake)
        rows = build_leaderboard(warehouse_path(installation.lake.home))
        write_rows(rows, draft.path / "leaderboard.parquet", {name: kind for name, (kind, _) in LEADERBOARD.items()})
        draft.metadata.update({f"rows_of_{table}": count for table, count in counts.items()}, leaderboard=rows)

    return materialize(context, installation, Address("leaderboard"), work)


@dg.asset(
    **asset_arguments("report"),
    pool="warehouse",
    kinds={"html"},
    description="One self-contained HTML page: tables with tests and intervals, training curves, who gains, and text beside "
    "shuffled text. Also at reports/report.html of the home.",
)
def report(context: dg.AssetExecutionContext, installation: Installation) -> dg.MaterializeResult[None]:
    def work(draft: Draft, inputs: Inputs) -> None:
        from assets.evaluation.report import write_report
        from assets.evaluation.warehouse import warehouse_path
        from assets.lake import write_atomically

        lake = installation.lake
        draft.metadata.update(write_report(warehouse_path(lake.home), lake, draft.path, installation.settings.ui_url))
        page = lake.home / "reports" / "report.html"
        for file in draft.path.iterdir():  # the page links to the tables beside it
            write_atomically(page.with_name(file.name), file.read_bytes())
        draft.metadata["page"] = str(page)

    return materialize(context, installation, Address("report"), work)


ASSETS = [
    *(metrics_asset(method) for method in METHODS.values()),
    *TEXT_ASSETS,
    anchor_metrics,
    recommendations,
    selection,
    published_lists,
    *(table_asset(name, description) for name, description in TABLE_DESCRIPTIONS.items()),
    leaderboard,
    report,
]
