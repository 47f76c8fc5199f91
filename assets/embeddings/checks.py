"""Asset check of the embeddings stage."""

import dagster as dg

from assets.checking import check_result
from assets.embeddings.findings import embedding_findings
from assets.lake import Address
from assets.partitions import DATASETS
from assets.resources import Installation


@dg.asset_check(
    asset="text_embeddings",
    blocking=True,
    partitions_def=DATASETS,
    description="Finite vectors of the right dimension in the right order, made from the texts that passed the gate.",
)
def text_embeddings_fit_their_texts(
    context: dg.AssetCheckExecutionContext, installation: Installation
) -> dg.AssetCheckResult:
    lake, dataset = installation.lake, context.partition_key
    vectors, texts = (lake.read(Address(asset, dataset)) for asset in ("text_embeddings", "validated_motivations"))
    return check_result(embedding_findings(vectors, texts), guards=(lake, Address("text_embeddings", dataset)))


CHECKS = [text_embeddings_fit_their_texts]
