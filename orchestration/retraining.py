"""What a retraining has to do next: pure decisions behind the schedules and the sensor.

A retraining re-makes what is stale of what there is: the dataset stage, then the grid of each base model, then what is
published. Each step looks at the lake anew, so an unchanged intermediate result ends the chain early. How steps are
launched belongs to `schedules.py` and `sensors.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assets.datasets.catalog import find_dataset
from assets.lake import Lake
from assets.recipes import Recipe, Request, goes_with, usual
from assets.settings import Settings
from assets.training.tuning import ASSET as TUNING
from orchestration.candidates import CANDIDATE_METHODS, affordable
from orchestration.plan import Plan, make_plan
from orchestration.texts import has_texts

RETRAIN_TAG = "lmmrec/retrain"
"""Run tag whose value is the dataset; the sensor reacts to no other run."""
ROOT_TAG = "lmmrec/retrain_of"
"""Run tag that all runs of one retraining share: the id of its first run."""


@dataclass(frozen=True)
class Launch:
    """One run to request."""

    job: str
    dataset: str
    base_model: str | None
    assets: tuple[str, ...]
    """What is stale in that partition, upstream before downstream."""
    reasons: tuple[str, ...]
    """One line per stale partition or cell."""
    config: Mapping[str, Any]

    @property
    def name(self) -> str:
        return "-".join(part for part in (self.job, self.dataset, self.base_model) if part)


def standing_request(
    lake: Lake, recipes: Mapping[str, Recipe], settings: Settings, dataset: str, with_text: bool
) -> Request:
    """What the lake already holds of `dataset`, so that a retraining keeps up just that; the candidates where it is empty."""
    trained = [
        (recipe.method, cell)
        for recipe in recipes.values()
        if recipe.method and recipe.group == "training"
        for cell in lake.cells(recipe.asset, dataset=dataset)
    ]
    if not trained:
        base_models = affordable(lake, dataset, settings).base_models
        return Request(dataset, base_models, CANDIDATE_METHODS if with_text else CANDIDATE_METHODS[:1])
    order = [recipe.method for recipe in recipes.values() if recipe.method]
    return Request(
        dataset,
        base_models=tuple(sorted({cell.base_model for _, cell in trained if cell.base_model})),
        methods=tuple(dict.fromkeys(method for method in order if method and method in {name for name, _ in trained})),
        seeds=tuple(sorted({cell.seed for _, cell in trained if cell.seed is not None})),
        also=tuple(
            recipe.asset
            for recipe in recipes.values()
            if recipe.on_request and recipe.asset != TUNING and lake.cells(recipe.asset, dataset=dataset)
        ),
    )


def stale_now(lake: Lake, recipes: Mapping[str, Recipe], settings: Settings, dataset: str) -> Plan:
    """What a retraining of `dataset` would make, as far as can be told: whether there are texts, only its reviews tell."""
    entry, with_text = find_dataset(lake.home, dataset), has_texts(lake, dataset)
    if with_text is None:
        return make_plan(lake, recipes, Request(dataset), settings, entry, until="datasets")
    request = standing_request(lake, recipes, settings, dataset, with_text)
    return make_plan(lake, recipes, request, settings, entry, with_text=with_text)


def launches(plan: Plan, recipes: Mapping[str, Recipe]) -> list[Launch]:
    """The runs of `plan` in order: the dataset stage, the grid of each base model, what is served, what is published."""
    found = []
    dataset = plan.request.dataset
    groups: list[tuple[str, str | None, tuple[str, ...]]] = [("dataset_stage", None, ("dataset",))]
    groups += [("grid_stage", base_model, ("cell", "method")) for base_model in plan.request.base_models]
    groups += [("tables", base_model, ("pair",)) for base_model in plan.request.base_models]
    groups += [("serving_stage", None, ("served",)), ("publish", None, ("all",))]
    for job, base_model, scopes in groups:
        tasks = [task for task in plan.of_scope(recipes, *scopes) if base_model in (None, task.address.base_model)]
        if not tasks:
            continue
        assets = tuple(dict.fromkeys(task.address.asset for task in tasks))
        if job == "grid_stage" and not all(usual(recipes[asset]) for asset in assets):
            job = "comparison_stage"
        found.append(
            Launch(
                job,
                dataset,
                base_model,
                assets,
                tuple(f"{task.address}: {task.reason}" for task in tasks),
                run_config(plan.request, recipes, assets, base_model),
            )
        )
    return found


def next_launches(plan: Plan, recipes: Mapping[str, Recipe]) -> list[Launch]:
    """The runs that can start now: all of the earliest kind that has something to do."""
    every = launches(plan, recipes)
    return [launch for launch in every if launch.job == every[0].job]


def run_config(
    request: Request, recipes: Mapping[str, Recipe], assets: tuple[str, ...], base_model: str | None = None
) -> dict[str, Any]:
    """What of the request the assets have to be told beside their partition: of methods those that go with its base model."""
    ops: dict[str, Any] = {}
    methods = [method for method in request.methods if base_model is None or goes_with(base_model, method)]
    for asset in assets:
        if recipes[asset].scope == "cell":
            ops[asset] = {
                "config": {"seeds": list(request.seeds), "variants": list(recipes[asset].variants_in(request))}
            }
        elif recipes[asset].scope == "method":
            ops[asset] = {"config": {"methods": methods}}
    return {"ops": ops} if ops else {}
