"""From sources to the two messages of a prompt. Pure: the same sources give the same bytes.

Text of strangers enters in one place only, as JSON strings between two fence lines whose nonce follows from the content, so
that no review can know it beforehand. Which sources are shown is `sources.py`; who answers is `models/language`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from assets.motivations.config import PromptConfig
from models.language.chat import ChatRequest, Entity, Source
from models.language.motivation import MAX_WORDS
from models.language.text import clean, cut_words

_PLACE = re.compile(r"\{(fence|sources|max_words)\}")
_FENCE_LIKE = re.compile(r"={3,}")


def render(entity: Entity, request_id: str, sources: Sequence[Source], config: PromptConfig) -> ChatRequest:
    """The prompt about one user or item.

    Args:
        entity: which of the two.
        request_id: joins the answer to the entity; appears nowhere in the text.
        sources: what is shown, in this order; cleaned and cut here.
        config: version and sizes.
    """
    shown = tuple(_prepared(source, config.words_per_text) for source in sources)
    lines = "\n".join(
        json.dumps({"source": s.source_id, "kind": s.kind, "text": s.text}, ensure_ascii=False) for s in shown if s.text
    )
    nonce = hashlib.sha256(f"{config.version}\n{lines}".encode()).hexdigest()[:16]
    return ChatRequest(
        id=request_id,
        entity=entity,
        system=_fill(_template(f"{entity}_system"), {"max_words": str(MAX_WORDS[entity])}),
        user=_fill(_template("message"), {"fence": f"====={nonce}", "sources": lines}),
        sources=shown,
        max_words=MAX_WORDS[entity],
        prompt_version=config.version,
    )


def prompt_sha256(request: ChatRequest) -> str:
    """Names the prompt: equal for equal text."""
    return hashlib.sha256(json.dumps([request.system, request.user], ensure_ascii=False).encode()).hexdigest()


def _prepared(source: Source, words: int) -> Source:
    """Cleaned, without anything that looks like a fence, and cut."""
    return Source(source.source_id, source.kind, cut_words(_FENCE_LIKE.sub("==", clean(source.text)), words))


def _fill(template: str, values: Mapping[str, str]) -> str:
    """One pass over the template: placeholders inside inserted text stay as they are."""
    return _PLACE.sub(lambda match: values[match.group(1)], template)


@lru_cache(maxsize=8)
def _template(name: str) -> str:
    return Path(__file__).with_name("templates").joinpath(f"{name}.txt").read_text(encoding="utf-8").strip()
