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
    characters_per_text: int = Field(default=1_500, ge=20)
    """Characters of one of them, at most: scripts without spaces, and strangers who type none, have no words to count."""
    tokens_per_prompt: int = Field(default=6_000, ge=1_000)
    """Estimated tokens of one prompt, at most; with its answer it fits a context of 8k. What does not fit is left out from
    the end: the last reviews of an item, the last choices of a user."""
    seed: int = 2023
    """Seed of the choice among more reviews or items than are shown."""


PROMPTS = PromptConfig()
