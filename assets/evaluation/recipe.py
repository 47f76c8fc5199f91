"""What numbers and recommendations are made of.

Metrics come from a checkpoint and the split, recommendations from the first seed's checkpoint and everything a user already
has, the leaderboard and the report from all metrics in the lake. How each is computed belongs to the other modules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from assets.evaluation.experiments import ABLATIONS, STRONG, TABLES
from assets.lake import Address, Lake
from assets.recipes import Recipe, Situation, same_dataset
from assets.training.data import CONTROLS
from assets.training.leak import ASSET as LEAK
from assets.training.methods import METHODS, Method, checkpoint_of
from assets.training.noise import NOISE

KS = (5, 10, 20)
"""Cut-offs of every metric."""
PROTOCOLS: tuple[Literal["rlmrec", "strict"], ...] = ("rlmrec", "strict")
"""Both are always computed and stored side by side."""
ANCHORS = ("popularity", "itemknn", "userknn", "ease", "gfcf", "als")
"""References without gradient training, in every table; a test holds them against the registry in `models.anchors`."""
RECOMMENDATIONS_PER_USER = 20
SELECTION_SIGNIFICANCE = 0.01
"""A model that reads texts is published only where its lead on validation has a paired p below this."""
COLD_SHARE = 0.1
"""Share of the items that are taken away, to see how they are ranked from their texts."""
COLD_DRAWS = 3
DIAL_SHARES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3)
"""Shares of the places that new items are given, to see what that costs."""
KNOWN_ITEMS = (0, 1, 2, 5)
"""How many items of a new user are known, to see how she is served."""
DENSITY_SHARES = (0.05, 0.1, 0.25, 0.5, 1.0)
"""Shares of train at which it is measured what texts are worth."""
COLD_METHOD = "text-prior"
"""The method whose cells tell which base model reads which texts."""


def metrics_of(method: str) -> str:
    """Name of the asset that holds a method's metrics (asset names know no dash)."""
    return f"{method.replace('-', '_')}_metrics"


METRIC_ASSETS = (*(metrics_of(method) for method in METHODS), "anchor_metrics")
"""Assets whose cells hold `means.parquet`, `per_user.parquet` and `hits.parquet`."""


def serving_cell(lake: Lake, dataset: str, base_model: str, method: str) -> Address | None:
    """The checkpoint that recommends: variant `full`, lowest seed there is, so that more seeds do not change the lists."""
    cells = lake.cells(checkpoint_of(method), dataset=dataset, base_model=base_model, variant="full")
    return min(cells, key=lambda cell: cell.seed or 0, default=None)


def _metrics_inputs(method: Method) -> Callable[[Lake, Address], Sequence[Address]]:
    def inputs(lake: Lake, address: Address) -> Sequence[Address]:
        checkpoint = Address(
            checkpoint_of(method.name),
            address.dataset,
            address.base_model,
            variant=address.variant,
            seed=address.seed,
        )
        return [Address("split", address.dataset), checkpoint]

    return inputs


def _metrics_config(address: Address, situation: Situation) -> Mapping[str, Any]:
    return {"ks": list(KS), "protocols": list(PROTOCOLS)}


def _anchor_inputs(lake: Lake, address: Address) -> Sequence[Address]:
    return [Address("split", address.dataset)]


def _anchor_config(address: Address, situation: Situation) -> Mapping[str, Any]:
    return {**_metrics_config(address, situation), "anchors": list(ANCHORS)}


def _cold_inputs(lake: Lake, address: Address) -> Sequence[Address]:
    return [*_metrics_inputs(METHODS[COLD_METHOD])(lake, address), Address("text_embeddings", address.dataset)]


def _cold_config(address: Address, situation: Situation) -> Mapping[str, Any]:
    return {"share": COLD_SHARE, "draws": COLD_DRAWS, "dial": list(DIAL_SHARES)}


def _cold_user_config(address: Address, situation: Situation) -> Mapping[str, Any]:
    return {"known_items": list(KNOWN_ITEMS)}


def selectable_cells(lake: Lake, dataset: str) -> list[Address]:
    """Of each trained model with numbers the cell that serves: variant `full`, lowest seed; in the order of `METHODS`."""
    found: dict[tuple[str, str | None], Address] = {}
    for method in METHODS:
        for cell in lake.cells(metrics_of(method), dataset=dataset, variant="full"):
            first = found.get((method, cell.base_model))
            if first is None or (cell.seed or 0) < (first.seed or 0):
                found[method, cell.base_model] = cell
    return list(found.values())


def _selection_inputs(lake: Lake, address: Address) -> Sequence[Address]:
    assert address.dataset
    leak = Address(LEAK, address.dataset)
    texts = [leak] if lake.record(leak) else []
    return [Address("anchor_metrics", address.dataset), *selectable_cells(lake, address.dataset), *texts]


def _selection_config(address: Address, situation: Situation) -> Mapping[str, Any]:
    assert situation.entry is not None
    trusted = {"trust_user_texts": True} if situation.entry.trust_user_texts else {}
    return {"by": "recall_20", "part": "validation", "significance": SELECTION_SIGNIFICANCE} | trusted


def _published_inputs(lake: Lake, address: Address) -> Sequence[Address]:
    from assets.evaluation.selection import read_choice

    assert address.dataset
    assets = ("selection", "interactions", "split", "anchor_metrics")
    found = [Address(asset, address.dataset) for asset in assets]
    texts = [Address(asset, address.dataset) for asset in ("items", "text_embeddings", "validated_motivations")]
    cold = lake.cells("cold_item_metrics", dataset=address.dataset, variant="full")
    found += [part for part in (*texts, *cold) if lake.record(part)]
    choice = read_choice(lake, address.dataset)
    if choice is not None and choice["seed"] is not None:
        name, base_model = checkpoint_of(choice["method"]), choice["base_model"]
        found.append(Address(name, address.dataset, base_model, variant="full", seed=choice["seed"]))
    return found


def _published_config(address: Address, situation: Situation) -> Mapping[str, Any]:
    assert situation.entry is not None
    return {**_recommendation_config(address, situation), "new_item_share": situation.entry.new_item_share}


def _recommendation_inputs(lake: Lake, address: Address) -> Sequence[Address]:
    assert address.dataset
    assert address.base_model
    assert address.method
    cell = serving_cell(lake, address.dataset, address.base_model, address.method)
    missing = Address(
        checkpoint_of(address.method), address.dataset, address.base_model, variant="full", seed=2023
    )  # asked for by name, so that the lake can say what is missing
    return [Address("interactions", address.dataset), cell or missing]


def _recommendation_config(address: Address, situation: Situation) -> Mapping[str, Any]:
    return {"per_user": RECOMMENDATIONS_PER_USER}


def _all_metrics(lake: Lake, address: Address) -> Sequence[Address]:
    cells = [cell for asset in METRIC_ASSETS for cell in lake.cells(asset)]
    datasets = sorted({cell.dataset for cell in cells if cell.dataset})
    splits = [Address("split", dataset) for dataset in datasets if lake.record(Address("split", dataset))]
    return [*splits, *cells]


def _table_inputs(variants: tuple[str, ...]) -> Callable[[Lake, Address], Sequence[Address]]:
    """The numbers that a table of the paper may show: all of its dataset and base model, the strong bases and the anchors."""

    def inputs(lake: Lake, address: Address) -> Sequence[Address]:
        beside = STRONG if set(CONTROLS) <= set(variants) else ()
        cells = [
            cell
            for asset in METRIC_ASSETS[:-1]
            for base_model in dict.fromkeys((address.base_model, *beside))
            for cell in lake.cells(asset, dataset=address.dataset, base_model=base_model)
            if cell.variant in variants
        ]
        return [Address("anchor_metrics", address.dataset), *cells]

    return inputs


def _density_config(address: Address, situation: Situation) -> Mapping[str, Any]:
    return {"shares": list(DENSITY_SHARES)}


def _links(address: Address, situation: Situation) -> Mapping[str, Any]:
    return {"ui_url": situation.settings.ui_url}


def _report_inputs(lake: Lake, address: Address) -> Sequence[Address]:
    shown = ("selection", "published_lists", "cold_item_metrics", "cold_user_metrics", "density_curve")
    return [
        Address("leaderboard"),
        *_all_metrics(lake, address),
        *(cell for asset in shown for cell in lake.cells(asset)),
    ]


def _nothing(address: Address, situation: Situation) -> Mapping[str, Any]:
    return {}


RECIPES = (
    *(
        Recipe(
            asset=metrics_of(method.name),
            group="evaluation",
            scope="cell",
            code_version="2",
            upstream=("split", checkpoint_of(method.name)),
            inputs=_metrics_inputs(method),
            config=_metrics_config,
            method=method.name,
            variants=method.variants,
            needs_text=method.needs_text,
            by_default=method.by_default,
        )
        for method in METHODS.values()
    ),
    *(
        Recipe(
            asset=asset,
            group="evaluation",
            scope="cell",
            code_version=code_version,
            upstream=("split", "text_embeddings", checkpoint_of(COLD_METHOD)),
            inputs=_cold_inputs,
            config=config,
            method=COLD_METHOD,
            variants=METHODS[COLD_METHOD].variants,
            needs_text=True,
        )
        for asset, config, code_version in (
            ("cold_item_metrics", _cold_config, "1"),
            ("cold_user_metrics", _cold_user_config, "2"),
        )
    ),
    Recipe(
        asset="density_curve",
        group="evaluation",
        scope="cell",
        code_version="2",
        upstream=("split", "text_embeddings"),
        inputs=same_dataset("split", "text_embeddings"),
        config=_density_config,
        method=COLD_METHOD,
        needs_text=True,
        on_request=True,
    ),
    Recipe(
        asset="anchor_metrics",
        group="evaluation",
        scope="dataset",
        code_version="3",
        upstream=("split",),
        inputs=_anchor_inputs,
        config=_anchor_config,
    ),
    Recipe(
        asset="recommendations",
        group="evaluation",
        scope="method",
        code_version="2",
        upstream=("interactions", *(checkpoint_of(method) for method in METHODS)),
        inputs=_recommendation_inputs,
        config=_recommendation_config,
    ),
    Recipe(
        asset="selection",
        group="evaluation",
        scope="served",
        code_version="1",
        upstream=(LEAK, *METRIC_ASSETS),
        inputs=_selection_inputs,
        config=_selection_config,
    ),
    Recipe(
        asset="published_lists",
        group="evaluation",
        scope="served",
        code_version="1",
        upstream=(
            "items",
            "interactions",
            "split",
            "text_embeddings",
            "anchor_metrics",
            "cold_item_metrics",
            "selection",
        ),
        inputs=_published_inputs,
        config=_published_config,
    ),
    *(
        Recipe(
            asset=TABLES[name],
            group="evaluation",
            scope="pair",
            code_version="1",
            upstream=METRIC_ASSETS,
            inputs=_table_inputs(variants),
            config=_nothing,
            on_request=True,
        )
        for name, variants in (
            ("table-1", ("full", *CONTROLS)),
            ("table-2", ("full", *ABLATIONS)),
            ("figure-2", ("full", *NOISE)),
        )
    ),
    Recipe(
        asset="leaderboard",
        group="evaluation",
        scope="all",
        code_version="2",
        upstream=METRIC_ASSETS,
        inputs=_all_metrics,
        config=_nothing,
    ),
    Recipe(
        asset="report",
        group="evaluation",
        scope="all",
        code_version="4",
        upstream=("published_lists", "cold_user_metrics", "density_curve", "leaderboard"),
        inputs=_report_inputs,
        config=_links,
    ),
)
