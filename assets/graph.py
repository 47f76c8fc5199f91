"""The graph: the recipes of all stages, in the order in which data flows.

Dagster's dependencies, the lake's records and every plan derive from it. What a recipe is stands in `assets/recipes.py`.
"""

from __future__ import annotations

from functools import lru_cache

from assets.datasets.recipe import RECIPES as DATASETS
from assets.embeddings.recipe import RECIPES as EMBEDDINGS
from assets.evaluation.recipe import RECIPES as EVALUATION
from assets.motivations.recipe import RECIPES as MOTIVATIONS
from assets.recipes import Recipe
from assets.training.recipe import RECIPES as TRAINING


@lru_cache(maxsize=1)
def recipes() -> dict[str, Recipe]:
    """All recipes by asset name, upstream before downstream."""
    return {recipe.asset: recipe for recipe in (*DATASETS, *MOTIVATIONS, *EMBEDDINGS, *TRAINING, *EVALUATION)}
