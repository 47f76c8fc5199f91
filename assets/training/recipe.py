"""What a checkpoint is made of: the split, the text vectors where its method reads them, and the plan of the cell.

One recipe per method of `methods.py`. How a cell is trained is `cells.py`; the device is no part of the config: numbers
differ between CPU and GPU in the last digits, which is recorded but makes nothing stale.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from assets.lake import Address, Lake
from assets.recipes import Recipe, Situation
from assets.training.methods import METHODS, Method, checkpoint_of
from assets.training.plan import plan_cell


def _inputs(method: Method) -> Callable[[Lake, Address], Sequence[Address]]:
    assets = ("interactions", "split", *(("text_embeddings",) if method.needs_text else ()))
    return lambda lake, address: [Address(asset, address.dataset) for asset in assets]


def _config(method: Method) -> Callable[[Address, Situation], Mapping[str, Any]]:
    def config(address: Address, situation: Situation) -> Mapping[str, Any]:
        assert situation.entry is not None
        config = plan_cell(address, method.name, situation.entry.preset).as_config()
        return config | ({"warm_start": True} if situation.entry.warm_start else {})

    return config


RECIPES = tuple(
    Recipe(
        asset=checkpoint_of(method.name),
        group="training",
        scope="cell",
        code_version=method.code_version,
        upstream=("interactions", "split", *(("text_embeddings",) if method.needs_text else ())),
        inputs=_inputs(method),
        config=_config(method),
        method=method.name,
        variants=method.variants,
        needs_text=method.needs_text,
        by_default=method.by_default,
    )
    for method in METHODS.values()
)
