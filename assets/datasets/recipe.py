"""What the assets of this stage are made of. How each is made is in its own module; wiring is `assets.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assets.datasets.catalog import DatasetEntry
from assets.datasets.sources import Kind, fingerprint
from assets.lake import Address, Lake
from assets.recipes import Recipe, Situation, same_dataset
from assets.settings import home_directory


def _raw_config(kind: Kind, entry: DatasetEntry) -> Mapping[str, Any]:
    config: dict[str, Any] = {
        "format": entry.format,
        "source": fingerprint(entry, kind, home_directory()),
        "quarantine_limit": entry.quarantine_limit,
    }
    if entry.format == "published-split" and kind == "reviews":
        config["seed"] = entry.split.seed
    return config


def _reviews_config(address: Address, situation: Situation) -> Mapping[str, Any]:
    assert situation.entry is not None
    return _raw_config("reviews", situation.entry)


def _items_config(address: Address, situation: Situation) -> Mapping[str, Any]:
    assert situation.entry is not None
    return _raw_config("items", situation.entry)


def _interactions_config(address: Address, situation: Situation) -> Mapping[str, Any]:
    entry = situation.entry
    assert entry is not None
    return {
        "min_rating": entry.min_rating,
        "user_fraction": entry.user_fraction,
        "core": entry.core,
        "seed": entry.split.seed if entry.user_fraction < 1 else None,
    }


def _split_config(address: Address, situation: Situation) -> Mapping[str, Any]:
    assert situation.entry is not None
    return situation.entry.split.model_dump(mode="json")


def _nothing(lake: Lake, address: Address) -> list[Address]:
    return []


RECIPES = (
    Recipe("reviews", "datasets", "dataset", "1", (), _nothing, _reviews_config),
    Recipe("items", "datasets", "dataset", "1", (), _nothing, _items_config),
    Recipe("interactions", "datasets", "dataset", "1", ("reviews",), same_dataset("reviews"), _interactions_config),
    Recipe("split", "datasets", "dataset", "1", ("interactions",), same_dataset("interactions"), _split_config),
)
