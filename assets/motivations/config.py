"""How prompts are written: everything that changes their text, in one frozen object.

It is part of the config of the prompt assets, so a change here makes them stale and nothing else needs to be told.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class PromptConfig(BaseModel):
    """Sizes and version of the prompts (the paper names no sizes; these follow RLMRec's practice)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str = "1"
    """Version of the templates in `templates/`; raised with every change of their words."""
    reviews_per_item: int = Field(default=10, ge=1)
    """Train reviews shown for one item, at most."""
    items_per_user: int = Field(default=10, ge=1)
    """Train items shown for one user, at most."""
    words_per_text: int = Field(default=150, ge=1)
    """Words of one review, description or summary that are shown, at most."""
    seed: int = 2023
    """Seed of the choice among more reviews or items than are shown."""


PROMPTS = PromptConfig()
