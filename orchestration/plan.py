"""What has to be made, and why: the comparison of a request with the lake, before anything is run.

Pure and light: neither Dagster nor torch is imported, so that "nothing to do" costs a second. A stale partition makes
everything stale that is made of it. Running a plan is `runner.py`; what an asset is made of is `assets/recipes.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from assets.datasets.catalog import DatasetEntry
from assets.lake import Address, Lake
from assets.recipes import STAGES, Recipe, Request, Situation, goes_with, stale_reason
from assets.settings import Settings
from models.bases import base_spec
from models.enhancers import refuse_mismatch
from models.errors import LmmrecError


@dataclass(frozen=True)
class Task:
    """One partition (or cell of it) to make."""

    address: Address
    reason: str


@dataclass(frozen=True)
class Plan:
    """What `request` takes, upstream before downstream."""

    request: Request
    tasks: tuple[Task, ...]
    up_to_date: tuple[Address, ...]

    def of_scope(self, recipes: Mapping[str, Recipe], *scopes: str) -> tuple[Task, ...]:
        """The tasks whose asset has one of `scopes`."""
        return tuple(task for task in self.tasks if recipes[task.address.asset].scope in scopes)


def make_plan(
    lake: Lake,
    recipes: Mapping[str, Recipe],
    request: Request,
    settings: Settings,
    entry: DatasetEntry,
    until: str = STAGES[-1],
    with_text: bool = True,
) -> Plan:
    """Compare what `request` asks for, up to and including stage `until`, with what the lake holds.

    Args:
        recipes: by asset name, upstream before downstream.
        with_text: False leaves out what needs texts, for methods and datasets that have none.
    """
    stages = STAGES[: STAGES.index(until) + 1]
    tasks: dict[Address, Task] = {}
    up_to_date = []
    for recipe in recipes.values():
        if recipe.group not in stages or (recipe.needs_text and not with_text):
            continue
        for address in recipe.cells(request):
            situation = Situation(settings, entry if address.dataset else None)
            reason = stale_reason(lake, recipe, address, situation) or _remade_input(
                lake, recipes, recipe, address, tasks.values()
            )
            if reason is None:
                up_to_date.append(address)
            else:
                tasks[address] = Task(address, reason)
    return Plan(request, tuple(tasks.values()), tuple(up_to_date))


def made_for(recipes: Mapping[str, Recipe], *assets: str) -> dict[str, Recipe]:
    """Of `recipes` those that `assets` are made of, and their own, in their order."""
    wanted, found = list(assets), set(assets)
    while wanted:
        new = set(recipes[wanted.pop()].upstream) - found
        wanted, found = [*wanted, *new], found | new
    return {name: recipe for name, recipe in recipes.items() if name in found}


def methods_need_text(recipes: Mapping[str, Recipe], methods: Sequence[str]) -> bool:
    """True where one of `methods` cannot do without texts."""
    return any(recipe.needs_text for recipe in recipes.values() if recipe.method in methods)


def known_methods(recipes: Mapping[str, Recipe]) -> tuple[str, ...]:
    """Methods that can be trained, in the order of their recipes."""
    return tuple(dict.fromkeys(recipe.method for recipe in recipes.values() if recipe.method))


def default_methods(recipes: Mapping[str, Recipe], base_models: Sequence[str]) -> tuple[str, ...]:
    """What a request without methods makes: every method that goes with one of `base_models`, but for rivals."""
    usual = known_methods({name: recipe for name, recipe in recipes.items() if recipe.by_default})
    return tuple(method for method in usual if any(goes_with(base_model, method) for base_model in base_models))


def check_request(request: Request, recipes: Mapping[str, Recipe], base_models: Sequence[str]) -> None:
    """Refuse names that nobody knows.

    Raises:
        LmmrecError: a base model, method or asset on request is unknown; the text lists the known ones.
    """
    for kind, asked, known in (
        ("base model", request.base_models, tuple(base_models)),
        ("method", request.methods, known_methods(recipes)),
        ("asset on request", request.also, tuple(name for name, recipe in recipes.items() if recipe.on_request)),
    ):
        for name in asked:
            if name not in known:
                raise LmmrecError(f"unknown {kind} '{name}': known are {', '.join(known)}.")


def pairs_left_out(request: Request) -> list[tuple[str, str]]:
    """(base model, method) pairs of the request whose method has nothing to work on in that base model."""
    pairs = [(base_model, method) for base_model in request.base_models for method in request.methods]
    return [pair for pair in pairs if not goes_with(*pair)]


def refuse_pairs(request: Request) -> None:
    """Refuse such pairs where they were asked for by name.

    Raises:
        LmmrecError: with the base models that can take the method.
    """
    for base_model, method in pairs_left_out(request):
        refuse_mismatch(base_spec(base_model).config(name=base_model), method)


def _remade_input(
    lake: Lake, recipes: Mapping[str, Recipe], recipe: Recipe, address: Address, tasks: Iterable[Task]
) -> str | None:
    planned = list(tasks)
    exact = set(recipe.inputs(lake, address)) if planned else set()
    for task in planned:
        grows = recipe.scope in ("method", "pair", "served", "all") and _feeds(
            recipes[task.address.asset], task.address, recipe, address
        )
        if task.address in exact or grows:
            return f"{task.address} is made anew"
    return None


def _feeds(source: Recipe, made: Address, recipe: Recipe, address: Address) -> bool:
    """True where `address` may read `made`, though its inputs are only known once that is there."""
    if source.asset not in recipe.upstream:
        return False
    if address.method and source.method and address.method != source.method:
        return False
    pairs = ((made.dataset, address.dataset), (made.base_model, address.base_model))
    return all(one is None or other is None or one == other for one, other in pairs)
