"""What the assets of this stage are made of: prompts, answers, the gate.

Prompts depend on how they are written (version, sizes, seed), motivations on who answers, the gate on its limits. How many
requests run at once and what they may cost decides no content and stands in no config.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assets.lake import Address
from assets.motivations.config import PROMPTS
from assets.recipes import Recipe, Situation, same_dataset

ITEM_PROMPT_INPUTS = ("reviews", "items", "interactions", "split")
USER_PROMPT_INPUTS = (*ITEM_PROMPT_INPUTS, "item_motivations")
GATE_INPUTS = ("interactions", "split", "item_prompts", "item_motivations", "user_prompts", "user_motivations")


def _prompt_config(address: Address, situation: Situation) -> Mapping[str, Any]:
    return PROMPTS.model_dump(mode="json")


def _chat_config(address: Address, situation: Situation) -> Mapping[str, Any]:
    settings = situation.settings
    if settings.chat == "extractive":
        return {"chat": "extractive", "model": None}
    return {"chat": "openai", "model": settings.chat_model}  # One by one or in batches: the answers are the same.


def _gate_config(address: Address, situation: Situation) -> Mapping[str, Any]:
    assert situation.entry is not None
    return situation.entry.gate.model_dump(mode="json")


def _recipe(asset: str, inputs: tuple[str, ...], config: Any, code_version: str) -> Recipe:
    return Recipe(
        asset=asset,
        group="motivations",
        scope="dataset",
        code_version=code_version,
        upstream=inputs,
        inputs=same_dataset(*inputs),
        config=config,
        needs_text=True,
    )


RECIPES = (
    _recipe("item_prompts", ITEM_PROMPT_INPUTS, _prompt_config, "2"),
    _recipe("item_motivations", ("reviews", "items", "interactions", "item_prompts"), _chat_config, "2"),
    _recipe("user_prompts", USER_PROMPT_INPUTS, _prompt_config, "2"),
    _recipe("user_motivations", ("reviews", "items", "interactions", "split", "user_prompts"), _chat_config, "2"),
    _recipe("validated_motivations", GATE_INPUTS, _gate_config, "2"),
)
