"""Dagster wiring of the motivations stage: prompts, answers, and the gate behind its checks."""

import dagster as dg

from assets.lake import Address, Draft
from assets.motivations.ancestry import ancestry_findings
from assets.motivations.chat import configured_chat_model
from assets.motivations.config import PROMPTS
from assets.motivations.generate import write_motivations
from assets.motivations.publish import publish
from assets.motivations.write_prompts import write_prompts
from assets.partitions import DATASETS
from assets.resources import Inputs, Installation, asset_arguments, materialize, table_schema
from models.language.chat import Entity

PROMPT_SCHEMA = table_schema(
    entity_idx=("BIGINT", "Position of the user or item"),
    entity_id=("VARCHAR", "Publisher's id"),
    system=("VARCHAR", "System message"),
    user=("VARCHAR", "Rendered message: the fenced sources"),
    sources=("VARCHAR", "JSON list of what is shown, with the interaction that each text comes from"),
    prompt_sha256=("VARCHAR", "Names the prompt"),
    estimated_tokens=("BIGINT", "Input tokens, estimated at four bytes a token"),
    texts_cut=("BIGINT", "Texts of which only the beginning is shown"),
    sources_left_out=("BIGINT", "Sources that did not fit into the prompt"),
)
MOTIVATION_SCHEMA = table_schema(
    entity_idx=("BIGINT", "Position of the user or item"),
    entity_id=("VARCHAR", "Publisher's id"),
    summary=("VARCHAR", "Amass: the text that is turned into a vector"),
    active=("STRUCT(motivation, evidence, strength)[]", "Reasons for choosing"),
    passive=("STRUCT(motivation, evidence, strength)[]", "Reasons against"),
    reasoning=("VARCHAR[]", "Steps of the chain of thought"),
    provenance=("VARCHAR", "extractive, openai:<model>, imported or fallback"),
    reason=("VARCHAR", "Why a fallback was needed"),
    prompt_sha256=("VARCHAR", "The prompt that was answered"),
)


def _prompts(
    context: dg.AssetExecutionContext, installation: Installation, entity: Entity
) -> dg.MaterializeResult[None]:
    dataset = context.partition_key

    def work(draft: Draft, inputs: Inputs) -> None:
        draft.metadata.update(write_prompts(entity, dataset, inputs, draft.path))
        draft.metadata["prompt_version"] = PROMPTS.version

    return materialize(context, installation, Address(f"{entity}_prompts", dataset), work)


def _motivations(
    context: dg.AssetExecutionContext, installation: Installation, entity: Entity
) -> dg.MaterializeResult[None]:
    dataset = context.partition_key
    gate = installation.entry(dataset).gate

    def work(draft: Draft, inputs: Inputs) -> None:
        model = configured_chat_model(installation.settings, installation.lake.home)
        draft.metadata.update(write_motivations(entity, inputs, model, draft.path, gate.min_valid))
        draft.metadata["chat_model"] = model.provenance

    return materialize(context, installation, Address(f"{entity}_motivations", dataset), work)


@dg.asset(
    **asset_arguments("item_prompts"),
    partitions_def=DATASETS,
    kinds={"duckdb", "parquet"},
    description="One prompt for each item that has a description or train reviews: title, categories, description, reviews.",
    metadata=PROMPT_SCHEMA,
)
def item_prompts(context: dg.AssetExecutionContext, installation: Installation) -> dg.MaterializeResult[None]:
    return _prompts(context, installation, "item")


@dg.asset(
    **asset_arguments("item_motivations"),
    partitions_def=DATASETS,
    kinds={"llm", "parquet"},
    pool="chat",
    description="Why people choose or avoid each item: motivations with evidence, and a summary. One row an item.",
    metadata=MOTIVATION_SCHEMA,
)
def item_motivations(context: dg.AssetExecutionContext, installation: Installation) -> dg.MaterializeResult[None]:
    return _motivations(context, installation, "item")


@dg.asset(
    **asset_arguments("user_prompts"),
    partitions_def=DATASETS,
    kinds={"duckdb", "parquet"},
    description="One prompt for each user: titles and summaries of train items, and what the user wrote about them.",
    metadata=PROMPT_SCHEMA,
)
def user_prompts(context: dg.AssetExecutionContext, installation: Installation) -> dg.MaterializeResult[None]:
    return _prompts(context, installation, "user")


@dg.asset(
    **asset_arguments("user_motivations"),
    partitions_def=DATASETS,
    kinds={"llm", "parquet"},
    pool="chat",
    description="What moves each user: motivations with evidence, and a summary. One row a user.",
    metadata=MOTIVATION_SCHEMA,
)
def user_motivations(context: dg.AssetExecutionContext, installation: Installation) -> dg.MaterializeResult[None]:
    return _motivations(context, installation, "user")


@dg.asset(
    **asset_arguments("validated_motivations"),
    partitions_def=DATASETS,
    kinds={"greatexpectations", "parquet"},
    description=(
        "The gate: exists only when every blocking check on prompts and motivations passed. Everything after reads its texts "
        "from here."
    ),
    metadata=MOTIVATION_SCHEMA,
)
def validated_motivations(context: dg.AssetExecutionContext, installation: Installation) -> dg.MaterializeResult[None]:
    dataset = context.partition_key
    limits = installation.entry(dataset).gate.model_dump()

    def work(draft: Draft, inputs: Inputs) -> None:
        ancestry = ancestry_findings(installation.lake, dataset)
        draft.metadata.update(publish(dataset, inputs, limits, draft.path, ancestry))

    return materialize(context, installation, Address("validated_motivations", dataset), work)


ASSETS = [item_prompts, item_motivations, user_prompts, user_motivations, validated_motivations]
