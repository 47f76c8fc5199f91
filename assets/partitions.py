"""Dagster partitions: one per dataset of the catalogue, and the grid of dataset x base model.

Keys of the grid are made with `grid_key` and read with `keys_of`, never by joining strings (Dagster orders the parts by
dimension name).
"""

from __future__ import annotations

import dagster as dg

from assets.datasets.catalog import load_catalogue
from assets.settings import home_directory

BASE_MODELS = (
    "lightgcn",
    "weightedgcl",
    "polycf",
    "polycf-embedding",
    "polycf-signal",
    "simgcl",
    "bprmf",
    "ease",
    "gfcf",
)
"""Names of the base models; a test holds them against the registry in `models.bases`, which is too heavy to import here."""

DATASETS = dg.StaticPartitionsDefinition(list(load_catalogue(home_directory())))
GRID = dg.MultiPartitionsDefinition(
    {"dataset": DATASETS, "base_model": dg.StaticPartitionsDefinition(list(BASE_MODELS))}
)


def grid_key(dataset: str, base_model: str) -> dg.MultiPartitionKey:
    return dg.MultiPartitionKey({"dataset": dataset, "base_model": base_model})


def keys_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> tuple[str, str]:
    """(dataset, base model) of a step on the grid."""
    key = context.partition_key
    assert isinstance(key, dg.MultiPartitionKey)
    keys = key.keys_by_dimension
    return keys["dataset"], keys["base_model"]
