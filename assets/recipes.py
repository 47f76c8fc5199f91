"""What a recipe is: what one asset is made of (inputs, config, code version), and the question "is it still up to date?".

Each stage states the recipes of its assets in `assets/<stage>/recipe.py`; `assets/graph.py` puts them together. How an
asset is made belongs to its stage.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from assets.datasets.catalog import DatasetEntry
from assets.lake import Address, Lake
from assets.settings import Settings
from models import enhancers
from models.bases import BASES
from models.enhancers import ENHANCERS

Scope = Literal["dataset", "cell", "method", "pair", "served", "all"]
"""`dataset`: one partition a dataset; `cell`: dataset x base model x variant x seed; `method`: dataset x base model x
method; `pair`: dataset x base model; `served`: one partition a dataset, made of all its cells; `all`: one partition."""

STAGES = ("datasets", "motivations", "embeddings", "training", "evaluation")
"""The groups, in the order in which data flows."""


def preset_of(settings: Settings, entry: DatasetEntry) -> str:
    """How models of a dataset are trained: as its entry says, unless the installation says otherwise."""
    return entry.preset if settings.preset == "entry" else settings.preset


@dataclass(frozen=True)
class Situation:
    """What a recipe may look at beside the lake."""

    settings: Settings
    entry: DatasetEntry | None
    """None for assets of scope `all`."""

    @property
    def preset(self) -> str:
        """How models of the dataset are trained."""
        assert self.entry is not None
        return preset_of(self.settings, self.entry)


@dataclass(frozen=True)
class Request:
    """What somebody wants made."""

    dataset: str
    base_models: tuple[str, ...] = ("lightgcn",)
    methods: tuple[str, ...] = ("base", "lmmrec")
    seeds: tuple[int, ...] = (2023,)
    variants: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By method, in the place of those that the method usually has."""
    also: tuple[str, ...] = ()
    """Assets `on_request` that are wanted."""


@dataclass(frozen=True)
class Recipe:
    """One asset."""

    asset: str
    group: str
    scope: Scope
    code_version: str
    """Raised by hand when the same inputs and config would give other content."""
    upstream: tuple[str, ...]
    """Names of the assets that this one reads: Dagster's dependencies."""
    inputs: Callable[[Lake, Address], Sequence[Address]]
    """The partitions that one partition of this asset reads."""
    config: Callable[[Address, Situation], Mapping[str, Any]]
    """What beside the inputs decides the content; plain JSON."""
    method: str | None = None
    """The method whose cells this asset holds (scope `cell`)."""
    variants: tuple[str, ...] = ("full",)
    """The variants of that method which a run makes unless told otherwise (scope `cell`)."""
    needs_text: bool = field(default=False)
    """True where a dataset without texts cannot have this asset."""
    for_methods: tuple[str, ...] = ()
    """Where it is made for the sake of some methods only, which; nobody makes it for others."""
    by_default: bool = True
    """False where only a request that names the method makes this asset."""
    on_request: bool = False
    """True where it takes so long that only a request that names this asset makes it."""

    def variants_in(self, request: Request) -> tuple[str, ...]:
        """The variants that `request` wants of this asset's method."""
        return request.variants.get(self.method or "", self.variants)

    def cells(self, request: Request) -> list[Address]:
        """The partitions of this asset that `request` asks for."""
        if self.on_request and self.asset not in request.also:
            return []
        if self.for_methods and not set(self.for_methods) & set(request.methods):
            return []
        if self.scope == "all":
            return [Address(self.asset)]
        if self.scope in ("dataset", "served"):
            return [Address(self.asset, request.dataset)]
        if self.scope == "pair":
            return [Address(self.asset, request.dataset, base_model) for base_model in request.base_models]
        if self.scope == "method":
            return [
                Address(self.asset, request.dataset, base_model, method)
                for base_model in request.base_models
                for method in request.methods
                if goes_with(base_model, method)
            ]
        if self.method not in request.methods:
            return []
        return [
            Address(self.asset, request.dataset, base_model, variant=variant, seed=seed)
            for base_model in request.base_models
            if goes_with(base_model, self.method)
            for variant in self.variants_in(request)
            for seed in request.seeds
        ]


def usual(recipe: Recipe) -> bool:
    """True where a launch of everything makes it."""
    return recipe.by_default and not recipe.on_request


def goes_with(base_model: str, method: str | None) -> bool:
    """False for an enhancer on a base model without what it works on: a run of many leaves that cell out."""
    spec = BASES.get(base_model)
    if method in (None, "base") or spec is None or method not in ENHANCERS:
        return True
    return enhancers.goes_with(spec.config(name=base_model), str(method))


def same_dataset(*assets: str) -> Callable[[Lake, Address], list[Address]]:
    """Inputs: the partitions of `assets` for the same dataset."""
    return lambda lake, address: [Address(asset, address.dataset) for asset in assets]


def plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """`config` as it comes back from a record."""
    loaded: dict[str, Any] = json.loads(json.dumps(dict(config), sort_keys=True, default=str))
    return loaded


def input_digests(lake: Lake, recipe: Recipe, address: Address) -> dict[str, str]:
    """Digests of the inputs as they are in the lake now.

    Raises:
        LmmrecError: an input is missing.
    """
    digests = {}
    for source in recipe.inputs(lake, address):
        lake.read(source)
        digest = lake.digest(source)
        assert digest is not None
        digests[str(source)] = digest
    return digests


def stale_reason(lake: Lake, recipe: Recipe, address: Address, situation: Situation) -> str | None:
    """Why a partition has to be made (again), or None where it is up to date."""
    record = lake.record(address)
    if record is None:
        if refused := lake.withdrawn(address):
            return f"did not pass its checks: {refused}"
        return "not there yet" if not lake.path(address).exists() else "a file is gone or damaged"
    if record.code_version != recipe.code_version:
        return f"made by code version {record.code_version}, now {recipe.code_version}"
    config = plain(recipe.config(address, situation))
    changed = sorted(key for key in config.keys() | record.config.keys() if config.get(key) != record.config.get(key))
    if changed:
        return f"config changed: {', '.join(changed)}"
    digests = {str(source): lake.digest(source) for source in recipe.inputs(lake, address)}
    moved = sorted(
        name for name in digests.keys() | record.inputs.keys() if digests.get(name) != record.inputs.get(name)
    )
    if moved:
        return f"input changed: {', '.join(moved)}"
    return None
