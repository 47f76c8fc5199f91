"""The chat models by name. A new one is a module beside this file and a line here; none is imported before it is wanted."""

from __future__ import annotations

from models.language.chat import ChatConfig, ChatModel


def chat_model(config: ChatConfig) -> ChatModel:
    """The chat model of `config`; nothing is called and no key is read yet."""
    if config.kind == "extractive":
        from models.language.extractive import ExtractiveModel

        return ExtractiveModel()
    if config.kind == "openai-batch":
        from models.language.openai_batch import OpenAIBatchModel

        return OpenAIBatchModel(config)
    from models.language.openai_chat import OpenAIChatModel

    return OpenAIChatModel(config)
