"""What a checkpoint is made of: the split, the text vectors where its method reads them, and the plan of the cell.

What reads user texts comes after the look at whether these know validation pairs, but is not made of its figures. One recipe
per method of `methods.py`. How a cell is trained is `cells.py`; the device is no part of the config: numbers
differ between CPU and GPU in the last digits, which is recorded but makes nothing stale.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from assets.lake import Address, Lake
from assets.recipes import Recipe, Situation, same_dataset
from assets.training.leak import ASSET as LEAK
from assets.training.leak import READERS
from assets.training.methods import METHODS, Method, checkpoint_of
from assets.training.plan import plan_cell
from assets.training.tuning import ASSET as TUNING
from assets.training.tuning import SEED as TUNING_SEED
from assets.training.tuning import SPACE


def _inputs(method: Method) -> Callable[[Lake, Address], Sequence[Address]]:
    """What a cell is trained from; where its method was tuned on its base model, what was chosen as well."""
    assets = ("interactions", "split", *(("text_embeddings",) if method.needs_text else ()))

    def inputs(lake: Lake, address: Address) -> Sequence[Address]:
        tuning = Address(TUNING, address.dataset, address.base_model, method.name)
        found = [Address(asset, address.dataset) for asset in assets]
        return [*found, tuning] if lake.record(tuning) else found

    return inputs


def _config(method: Method) -> Callable[[Address, Situation], Mapping[str, Any]]:
    def config(address: Address, situation: Situation) -> Mapping[str, Any]:
        assert situation.entry is not None
        config = plan_cell(address, method.name, situation.preset).as_config()
        return config | ({"warm_start": True} if situation.entry.warm_start else {})

    return config


def _upstream(method: Method) -> tuple[str, ...]:
    texts = ("text_embeddings",) if method.needs_text else ()
    tuned = () if method.name == "text-prior" else (TUNING,)
    return ("interactions", "split", *texts, *((LEAK,) if method.reads_user_texts else ()), *tuned)


def _tuning_inputs(lake: Lake, address: Address) -> Sequence[Address]:
    texts = ("text_embeddings",) if METHODS[str(address.method)].needs_text else ()
    return [Address(asset, address.dataset) for asset in ("split", *texts)]


def _tuning_config(address: Address, situation: Situation) -> Mapping[str, Any]:
    plan = plan_cell(replace(address, method=None, variant="full", seed=0), str(address.method), situation.preset)
    space = {name: list(values) for name, values in SPACE.items()}
    return {**plan.as_config(), "seed": TUNING_SEED, "trials": situation.settings.trials, "space": space}


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
    Recipe(
        asset=TUNING,
        group="training",
        scope="method",
        code_version="1",
        upstream=("split", "text_embeddings", LEAK),
        inputs=_tuning_inputs,
        config=_tuning_config,
        on_request=True,
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
