"""What a checkpoint is made of: the split, the text vectors where its method reads them, and the plan of the cell.

What reads user texts comes after the look at whether these know validation pairs, but is not made of its figures. One recipe
per method of `methods.py`. How a cell is trained is `cells.py`; the device is no part of the config: numbers
differ between CPU and GPU in the last digits, which is recorded but makes nothing stale.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from assets.lake import Address, Lake
from assets.recipes import Recipe, Situation, same_dataset
from assets.training.leak import ASSET as LEAK
from assets.training.leak import READERS
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


def _upstream(method: Method) -> tuple[str, ...]:
    texts = ("text_embeddings",) if method.needs_text else ()
    return ("interactions", "split", *texts, *((LEAK,) if method.reads_user_texts else ()))


def _nothing(address: Address, situation: Situation) -> Mapping[str, Any]:
    return {}


LEAK_INPUTS = ("split", "text_embeddings", "user_prompts", "validated_motivations")
RECIPES = (
    Recipe(
        asset=LEAK,
        group="training",
        scope="dataset",
        code_version="1",
        upstream=LEAK_INPUTS,
        inputs=same_dataset(*LEAK_INPUTS),
        config=_nothing,
        needs_text=True,
        for_methods=READERS,
    ),
    *(
        Recipe(
            asset=checkpoint_of(method.name),
            group="training",
            scope="cell",
            code_version=method.code_version,
            upstream=_upstream(method),
            inputs=_inputs(method),
            config=_config(method),
            method=method.name,
            variants=method.variants,
            needs_text=method.needs_text,
            by_default=method.by_default,
        )
        for method in METHODS.values()
    ),
)
