"""What a launch may choose about one partition of the grid: which variants and seeds, and whether to make them anew.

A Dagster partition of the grid is dataset x base model (Dagster allows two dimensions); its cells are variant x seed. This
is the launchpad's side of it; which cells exist is the lake's.
"""

import dagster as dg
from pydantic import Field

from assets.graph import recipes
from assets.lake import Address
from assets.recipes import goes_with
from models.errors import LmmrecError


class CellConfig(dg.Config):
    """Config of the assets that hold one cell per variant and seed."""

    seeds: list[int] = Field(default=[2023], description="Seeds of initialisation and sampling, one cell each.")
    variants: list[str] = Field(default=[], description="Variants to make; empty means those that the method names.")
    force: bool = Field(default=False, description="Make cells again that are up to date.")


class MethodsConfig(dg.Config):
    """Config of the assets that hold one cell per method."""

    methods: list[str] = Field(default=[], description="Methods; empty means those with a checkpoint in the lake.")
    force: bool = Field(default=False, description="Make cells again that are up to date.")


def chosen_cells(asset: str, dataset: str, base_model: str, config: CellConfig) -> list[Address]:
    """The cells that `config` asks for; none where a launch of everything meets a method that its base model cannot carry.

    Raises:
        LmmrecError: no seed, or a seed below 0.
    """
    if not config.seeds or min(config.seeds) < 0:
        raise LmmrecError(f"seeds {config.seeds} of {asset}: give at least one, none below 0, for example [2023].")
    recipe = recipes()[asset]
    if not config.variants and not goes_with(base_model, recipe.method):
        return []
    variants = config.variants or list(recipe.variants)
    return [
        Address(asset, dataset, base_model, variant=variant, seed=seed) for variant in variants for seed in config.seeds
    ]
