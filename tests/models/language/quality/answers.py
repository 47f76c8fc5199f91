"""A good answer beside its prompt, and ways to spoil it."""

from __future__ import annotations

from typing import Any

from assets.motivations.config import PromptConfig
from assets.motivations.prompts import render
from models.language.chat import ChatRequest, Source
from models.language.motivation import Motivation, MotivationAnswer

SOURCES = (
    Source("title", "title", "Brumby & Sons Travel Kettle, Amazon.com exclusive"),
    Source("categories", "categories", "Kitchen, Travel"),
    Source(
        "description", "description", "A foldable kettle of 0.6 litres for 230 volts. Model 978014103614 from Tirol."
    ),
    Source(
        "r1",
        "review",
        "I took it camping with my daughter, it boils in four minutes and folds flat. No noise at night.",
    ),
    Source(
        "r2",
        "review",
        "Great for hotel rooms! The lid leaks when you pour, and I paid 1,250 Kč. Cannot recommend the handle.",
    ),
)


def request(*extra: Source) -> ChatRequest:
    """The prompt about the kettle."""
    return render("item", "0", [*SOURCES, *extra], PromptConfig())


def answer(**changes: Any) -> MotivationAnswer:
    """A good answer about the kettle, with some parts replaced."""
    parts: dict[str, Any] = {
        "reasoning": ("It is a small kettle for travellers.", "Campers praise it, one customer complains."),
        "active": (
            Motivation(motivation="boils water quickly while camping", evidence=("r1",), strength=0.8),
            Motivation(motivation="folds flat for hotel rooms", evidence=("r1", "r2"), strength=0.6),
        ),
        "passive": (Motivation(motivation="leaking lid when pouring", evidence=("r2",), strength=0.5),),
        "summary": (
            "Chosen by campers and hotel guests who want hot water within minutes from a quiet kettle that folds away; those "
            "who mind a leaking lid or a weak handle are disappointed."
        ),
    }
    return MotivationAnswer(**(parts | changes))


def motivation(text: str, *evidence: str) -> Motivation:
    """One motivation of middling strength."""
    return Motivation(motivation=text, evidence=evidence or ("r1",), strength=0.5)
