"""What the text vectors are made of: the validated motivations and the encoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assets.lake import Address
from assets.recipes import Recipe, Situation, same_dataset


def _config(address: Address, situation: Situation) -> Mapping[str, Any]:
    return {"encoder": situation.settings.encoder, "model": situation.settings.encoder_model}


RECIPES = (
    Recipe(
        asset="text_embeddings",
        group="embeddings",
        scope="dataset",
        code_version="1",
        upstream=("validated_motivations",),
        inputs=same_dataset("validated_motivations"),
        config=_config,
        needs_text=True,
    ),
)
