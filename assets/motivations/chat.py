"""The chat model that an installation's settings name."""

from __future__ import annotations

from pathlib import Path

from assets.settings import Settings
from models.language.chat import ChatConfig, ChatModel
from models.language.chat_models import chat_model

STORE = "llm.sqlite"


def configured_chat_model(settings: Settings, home: Path) -> ChatModel:
    """Ready to be asked; nothing is called and no key is read yet."""
    return chat_model(
        ChatConfig(
            kind=settings.chat,
            model=settings.chat_model,
            base_url=settings.openai_base_url,
            concurrency=settings.chat_concurrency,
            row_tokens=settings.chat_row_tokens,
            ask_again=settings.chat_ask_again,
            timeout_s=settings.chat_timeout_s,
            batch_poll_s=settings.chat_batch_poll_s,
            budget_usd=settings.chat_budget_usd,
            store=home / STORE,
        )
    )
