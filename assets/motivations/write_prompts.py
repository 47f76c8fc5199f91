"""The prompt assets: material to rendered prompts, lineage and an estimate of what they cost.

Works for items and for users alike; which material there is comes from `sources.py`, the words from `prompts.py`.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from assets.motivations.config import PROMPTS as CONFIG
from assets.motivations.prompts import Rendered, prompt_sha256, render_within_limits
from assets.motivations.sources import Material, Shown, item_materials, require_text, user_materials
from assets.motivations.tables import PROMPT_TYPES, PROMPTS, SHOWN, SHOWN_TYPES, write_rows
from models.language.chat import ChatRequest, Entity
from models.language.text import estimate_tokens
from models.progress import track


def write_prompts(
    entity: Entity, dataset: str, inputs: Mapping[str, Path], folder: Path, spill: Path | None = None
) -> dict[str, Any]:
    """Write `prompts.parquet` and `shown.parquet` and return counts.

    Args:
        entity: whose prompts.
        dataset: its name, for messages.
        inputs: folders of `reviews`, `items`, `interactions`, `split`, and for users `item_motivations`.
        folder: where the files go.
        spill: where DuckDB may put what does not fit into memory; None means a temporary folder beside `folder`.

    Raises:
        LmmrecError: the dataset has no text at all.
    """
    require_text(dataset, inputs)
    shown: list[dict[str, Any]] = []
    tokens: list[int] = []
    taken: Counter[str] = Counter()

    def rows() -> Iterator[dict[str, Any]]:
        with (
            tempfile.TemporaryDirectory(dir=folder, prefix=".spill-") as scratch,
            track(f"{entity} prompts", unit="prompts") as step,
        ):
            for material, rendered in _iterate(entity, inputs, spill or Path(scratch)):
                kept = material.shown[: len(rendered.request.sources)]
                shown.extend(_lineage(material.entity_idx, kept))
                row = _row(material, kept, rendered)
                taken["texts_cut"] += rendered.texts_cut
                taken["sources_left_out"] += rendered.sources_left_out
                taken["prompts_shortened"] += bool(rendered.texts_cut or rendered.sources_left_out)
                tokens.append(row["estimated_tokens"])
                yield row
                step.advance()

    count = write_rows(rows(), PROMPT_TYPES, folder / PROMPTS)
    write_rows(shown, SHOWN_TYPES, folder / SHOWN)
    return {
        "prompts": count,
        "texts_shown": len(shown),
        "estimated_tokens": sum(tokens),
        "longest_prompt_tokens": max(tokens, default=0),
        **{name: taken[name] for name in ("prompts_shortened", "texts_cut", "sources_left_out")},
    }


def iterate_requests(entity: Entity, inputs: Mapping[str, Path], spill: Path) -> Iterator[tuple[Material, ChatRequest]]:
    """Every prompt with its material, by index."""
    return ((material, rendered.request) for material, rendered in _iterate(entity, inputs, spill))


def _iterate(entity: Entity, inputs: Mapping[str, Path], spill: Path) -> Iterator[tuple[Material, Rendered]]:
    materials = item_materials if entity == "item" else user_materials
    for material in materials(inputs, CONFIG, spill):
        sources = [part.source for part in material.shown]
        yield material, render_within_limits(entity, str(material.entity_idx), sources, CONFIG)


def _row(material: Material, shown: Sequence[Shown], rendered: Rendered) -> dict[str, Any]:
    request = rendered.request
    sources = [
        {
            "source_id": source.source_id,
            "kind": source.kind,
            "user_idx": part.user_idx,
            "item_idx": part.item_idx,
            "text": source.text,
        }
        for part, source in zip(shown, request.sources, strict=True)
    ]
    return {
        "entity_idx": material.entity_idx,
        "entity_id": material.entity_id,
        "system": request.system,
        "user": request.user,
        "sources": json.dumps(sources, ensure_ascii=False),
        "prompt_sha256": prompt_sha256(request),
        "estimated_tokens": estimate_tokens(request.system, request.user),
        "texts_cut": rendered.texts_cut,
        "sources_left_out": rendered.sources_left_out,
    }


def _lineage(entity_idx: int, shown: Sequence[Shown]) -> list[dict[str, Any]]:
    pairs = {
        (part.user_idx, part.item_idx, part.source.source_id): None
        for part in shown
        if part.user_idx is not None and part.item_idx is not None
    }
    return [
        {"entity_idx": entity_idx, "user_idx": user, "item_idx": item, "source_id": source}
        for user, item, source in pairs
    ]
