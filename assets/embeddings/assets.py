"""Dagster wiring of the embeddings stage."""

import dagster as dg

from assets.embeddings.embed import encoder_of, write_embeddings
from assets.embeddings.vectors import STORE
from assets.lake import Address, Draft
from assets.partitions import DATASETS
from assets.resources import Inputs, Installation, asset_arguments, materialize, table_schema
from models.language.encoders import TextEncoder


def installed_encoder(installation: Installation) -> TextEncoder:
    """The encoder that the settings name."""
    return encoder_of(installation.settings, installation.lake.home)


@dg.asset(
    **asset_arguments("text_embeddings"),
    partitions_def=DATASETS,
    kinds={"numpy", "sentencetransformers"},
    description="One vector for each user and item, made from the summary of its motivations; rows follow the indices.",
    metadata=table_schema(
        entity=("VARCHAR", "user or item"),
        entity_idx=("BIGINT", "Row of users.npy or items.npy"),
        text_sha256=("VARCHAR", "The text that was encoded"),
    ),
)
def text_embeddings(context: dg.AssetExecutionContext, installation: Installation) -> dg.MaterializeResult[None]:
    def work(draft: Draft, inputs: Inputs) -> None:
        encoder = installed_encoder(installation)
        store = installation.lake.home / STORE
        draft.metadata.update(write_embeddings(inputs["validated_motivations"], encoder, store, draft.path))

    return materialize(context, installation, Address("text_embeddings", context.partition_key), work)


ASSETS = [text_embeddings]
