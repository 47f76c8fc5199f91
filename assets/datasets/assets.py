"""The assets of the datasets stage: raw reviews and items, interactions, split.

Wiring only: each reads its inputs, calls one function of this folder, and reports figures. The files and columns are
stated in the schemas below.
"""

from pathlib import Path
from typing import Any

import dagster as dg

from assets.lake import Address, Draft
from assets.partitions import DATASETS
from assets.resources import Inputs, Installation, asset_arguments, materialize, table_schema
from assets.settings import home_directory

KINDS = {"duckdb", "parquet"}


@dg.asset(
    **asset_arguments("reviews"),
    partitions_def=DATASETS,
    kinds=KINDS,
    description=(
        "Who rated what, when, and what they wrote: the publisher's file cleaned and typed. Every raw row is kept, collapsed "
        "as a duplicate, or quarantined with its line and the reason; too many faulty rows stop the run."
    ),
    metadata=table_schema(
        user_id=("VARCHAR", "the publisher's id of the user"),
        item_id=("VARCHAR", "the publisher's id of the item"),
        rating=("DOUBLE", "on the publisher's scale; empty where there is none"),
        text=("VARCHAR", "the review, NFC, without NUL, cut at 32,768 characters; empty where none was written"),
        timestamp=("TIMESTAMP", "UTC; empty where unknown"),
    ),
)
def reviews(context: dg.AssetExecutionContext, installation: Installation) -> dg.MaterializeResult[None]:
    from assets.datasets import sources
    from assets.datasets.formats import FORMATS, published
    from assets.datasets.reviews import REVIEWS, write_reviews

    entry = installation.entry(context.partition_key)

    def work(draft: Draft, inputs: Inputs) -> None:
        if entry.path is not None:
            draft.metadata.update(published.write_reviews(Path(entry.path), entry.split.seed, draft.path))
        else:
            chosen = FORMATS[entry.format]
            with sources.workbench(draft.path, installation.threads) as (connection, workspace):
                raw = sources.open_raw(entry, "reviews", home_directory(), workspace)
                assert raw is not None
                draft.metadata.update(sources.provenance(raw))
                tally = write_reviews(connection, chosen.reviews, chosen.rules, raw, draft.path, entry.quarantine_limit)
            draft.metadata.update(tally.metadata())
        draft.metadata["sample"] = _sample(draft.path / REVIEWS)

    return materialize(context, installation, Address("reviews", context.partition_key), work)


@dg.asset(
    **asset_arguments("items"),
    partitions_def=DATASETS,
    kinds=KINDS,
    description="What is known about the items beside the reviews; empty where the dataset has no metadata file.",
    metadata=table_schema(
        item_id=("VARCHAR", "the publisher's id of the item, unique"),
        title=("VARCHAR", "name or title"),
        description=("VARCHAR", "one text; parts are joined by a space"),
        categories=("VARCHAR[]", "categories, genres, tags, in the publisher's order"),
    ),
)
def items(context: dg.AssetExecutionContext, installation: Installation) -> dg.MaterializeResult[None]:
    from assets.datasets import sources
    from assets.datasets.formats import FORMATS, published
    from assets.datasets.items import ITEMS, write_items, write_no_items

    entry = installation.entry(context.partition_key)

    def work(draft: Draft, inputs: Inputs) -> None:
        if entry.path is not None:
            draft.metadata["items_described"] = published.write_items(Path(entry.path), draft.path)
        else:
            with sources.workbench(draft.path, installation.threads) as (connection, workspace):
                raw = sources.open_raw(entry, "items", home_directory(), workspace)
                if raw is None:
                    write_no_items(connection, draft.path)
                    draft.metadata["items_described"] = 0
                else:
                    reader = FORMATS[entry.format].items
                    draft.metadata.update(sources.provenance(raw))
                    tally = write_items(connection, reader, raw, draft.path, entry.quarantine_limit)
                    draft.metadata.update(tally.metadata())
        draft.metadata["sample"] = _sample(draft.path / ITEMS)

    return materialize(context, installation, Address("items", context.partition_key), work)


@dg.asset(
    **asset_arguments("interactions"),
    partitions_def=DATASETS,
    kinds=KINDS,
    description=(
        "Reviews after rating filter, user sample, one row a user and item (the newest) and bipartite k-core, with dense "
        "indices beside the original ids. What each filter left is in the metadata."
    ),
    metadata=table_schema(
        user_idx=("BIGINT", "position in users.parquet, dense from 0, in the order of the ids"),
        item_idx=("BIGINT", "position in items.parquet, dense from 0, in the order of the ids"),
        user_id=("VARCHAR", "the publisher's id of the user"),
        item_id=("VARCHAR", "the publisher's id of the item"),
        rating=("DOUBLE", "of the newest review"),
        timestamp=("TIMESTAMP", "of the newest review, UTC"),
    ),
)
def interactions(context: dg.AssetExecutionContext, installation: Installation) -> dg.MaterializeResult[None]:
    from assets.datasets import sources
    from assets.datasets.interactions import (
        INTERACTIONS,
        Filters,
        steps_metadata,
        write_interactions,
        write_published_interactions,
    )
    from assets.datasets.reviews import REVIEWS

    entry = installation.entry(context.partition_key)
    filters = Filters(entry.min_rating, entry.user_fraction, entry.core, entry.split.seed)

    def work(draft: Draft, inputs: Inputs) -> None:
        with sources.workbench(draft.path, installation.threads) as (connection, _):
            if entry.path is not None:
                steps = write_published_interactions(connection, inputs["reviews"], draft.path)
            else:
                steps = write_interactions(connection, inputs["reviews"] / REVIEWS, filters, draft.path)
        draft.metadata.update(steps_metadata(steps))
        draft.metadata["sample"] = _sample(draft.path / INTERACTIONS)

    return materialize(context, installation, Address("interactions", context.partition_key), work)


@dg.asset(
    **asset_arguments("split"),
    partitions_def=DATASETS,
    kinds=KINDS,
    description=(
        "Interactions as train, validation and test. By ratio, every user and item keeps at least one train interaction. "
        "Three files of index pairs, and sizes.json with the numbers of users and items."
    ),
    metadata=table_schema(
        user_idx=("BIGINT", "row; the same in train.parquet, validation.parquet and test.parquet"),
        item_idx=("BIGINT", "column"),
    ),
)
def split(context: dg.AssetExecutionContext, installation: Installation) -> dg.MaterializeResult[None]:
    from assets.datasets import sources
    from assets.datasets.split import write_split

    entry = installation.entry(context.partition_key)

    def work(draft: Draft, inputs: Inputs) -> None:
        with sources.workbench(draft.path, installation.threads) as (connection, _):
            draft.metadata.update(write_split(connection, inputs["interactions"], entry.split, draft.path))

    return materialize(context, installation, Address("split", context.partition_key), work)


def _sample(path: Path, rows: int = 5) -> list[dict[str, Any]]:
    """The first rows of a table for people to look at, short and without control characters."""
    from assets.datasets.formats.rows import excerpt
    from assets.tables import connect, literal

    with connect() as connection:
        frame = connection.execute(f"SELECT * FROM read_parquet({literal(path)}) LIMIT {rows}")
        names = [column[0] for column in frame.description]
        found = frame.fetchall()
    return [
        {name: None if value is None else excerpt(str(value)) for name, value in zip(names, row, strict=True)}
        for row in found
    ]


ASSETS = [reviews, items, interactions, split]
