"""From sources to the two messages of a prompt. Pure: the same sources give the same bytes.

Text of strangers enters in one place only, as JSON strings between two fence lines whose nonce follows from the content, so
that no review can know it beforehand. Which sources are shown is `sources.py`; who answers is `models/language`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path

from assets.motivations.config import PromptConfig
from models.language.chat import ChatRequest, Entity, Source
from models.language.motivation import MAX_WORDS
from models.language.text import clean, cut_characters, cut_words, estimate_tokens

_PLACE = re.compile(r"\{(fence|sources|max_words)\}")
_TOKENS_OF_FENCES = 24
"""Three fence lines of 21 characters, with room."""
_FENCE_LIKE = re.compile(r"[=＝═⹀゠]{3,}")
_TURN = re.compile(
    r"<[|｜][^<>|｜]{0,64}[|｜]>|\[/?(?:INST|SYSTEM_PROMPT|TOOL_CALLS)\]|<</?SYS>>|</?s>|<(?:bos|eos|pad|unk)>|<(?:start|end)_of_turn>",
    re.IGNORECASE,
)
"""What chat templates put between turns: many servers read it in a message as if the template had written it."""


@dataclass(frozen=True)
class Rendered:
    """A prompt, and what had to be taken away to keep within the limits."""

    request: ChatRequest
    texts_cut: int
    """Texts of which only the beginning is shown."""
    sources_left_out: int
    """Sources that are not shown at all; always the last ones."""


def render(entity: Entity, request_id: str, sources: Sequence[Source], config: PromptConfig) -> ChatRequest:
    """The prompt about one user or item; see `render_within_limits`."""
    return render_within_limits(entity, request_id, sources, config).request


def render_within_limits(entity: Entity, request_id: str, sources: Sequence[Source], config: PromptConfig) -> Rendered:
    """The prompt about one user or item, and what was taken away.

    Args:
        entity: which of the two.
        request_id: joins the answer to the entity; appears nowhere in the text.
        sources: what is shown, in this order; cleaned and cut here. Where the whole is too long, the last ones are left out,
            those that share an id together.
        config: version and sizes.
    """
    harmless = [_harmless(source.text) for source in sources]
    texts = [_cut(text, config) for text in harmless]
    shown = [Source(source.source_id, source.kind, text) for source, text in zip(sources, texts, strict=True)]
    system = _fill(_template(f"{entity}_system"), {"max_words": str(MAX_WORDS[entity])})
    frame = estimate_tokens(system, _template("message")) + _TOKENS_OF_FENCES
    kept = _that_fit(shown, config.tokens_per_prompt - frame)
    lines = "\n".join(filter(None, map(_line, kept)))
    nonce = hashlib.sha256(f"{config.version}\n{lines}".encode()).hexdigest()[:16]
    request = ChatRequest(
        id=request_id,
        entity=entity,
        system=system,
        user=_fill(_template("message"), {"fence": f"====={nonce}", "sources": lines}),
        sources=tuple(kept),
        max_words=MAX_WORDS[entity],
        prompt_version=config.version,
    )
    cut = sum(before != after for before, after in zip(harmless, texts[: len(kept)], strict=False))
    return Rendered(request, cut, len(sources) - len(kept))


def prompt_sha256(request: ChatRequest) -> str:
    """Names the prompt: equal for equal text."""
    return hashlib.sha256(json.dumps([request.system, request.user], ensure_ascii=False).encode()).hexdigest()


def _that_fit(sources: Sequence[Source], tokens: int) -> list[Source]:
    """The longest beginning that takes no more tokens and parts no sources of one id; the first id stays in any case."""
    kept, used = 0, 0
    for _, group in groupby(sources, key=lambda source: source.source_id):
        together = list(group)
        used += sum(estimate_tokens(_line(source)) + 1 for source in together)
        if kept and used > tokens:
            break
        kept += len(together)
    return list(sources[:kept])


def _line(source: Source) -> str:
    """The source as the prompt shows it; nothing where it says nothing."""
    if not source.text:
        return ""
    return json.dumps({"source": source.source_id, "kind": source.kind, "text": source.text}, ensure_ascii=False)


def _harmless(text: str) -> str:
    """Cleaned, without anything that looks like a fence or like the turn of a chat."""
    text = clean(text)
    while (without := _TURN.sub(" ", text)) != text:  # what is left may join into another one
        text = clean(without)
    return _FENCE_LIKE.sub("==", text)


def _cut(text: str, config: PromptConfig) -> str:
    return cut_characters(cut_words(text, config.words_per_text), config.characters_per_text)


def _fill(template: str, values: Mapping[str, str]) -> str:
    """One pass over the template: placeholders inside inserted text stay as they are."""
    return _PLACE.sub(lambda match: values[match.group(1)], template)


@lru_cache(maxsize=8)
def _template(name: str) -> str:
    return Path(__file__).with_name("templates").joinpath(f"{name}.txt").read_text(encoding="utf-8").strip()
