"""One row a user or item, with everything that the rules on motivations look at.

The laws of single answers are asked again of what is stored, whoever wrote it; what only the table shows (repetition) is
found here. What is demanded of these columns is `rules.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.motivations.config import PROMPTS as CONFIG
from assets.motivations.quarantine import case_of, ids_of, origin_of, read_quarantine
from assets.motivations.tables import MotivationRow, read_answered
from models.language.chat import ChatRequest, Entity
from models.language.quality import judge_case
from models.language.quality.grounding import support_of
from models.language.quality.near_duplicates import near_another

if TYPE_CHECKING:
    import pandas as pd

_ALWAYS = ("entity_idx", "summary", "provenance", "fallback", "astray", "laws_broken")
_SOMETIMES = ("answered", "words", "cited", "support", "alike", "collapsed", "contradicts", "blemished")
"""Figures that do not concern every row: NaN there."""


def judged_rows(entity: Entity, motivations: Path, prompts: Path, interactions: Path) -> pd.DataFrame:
    """The stored motivations, each judged beside its prompt.

    Args:
        entity: whose motivations.
        motivations: folder of the motivations asset.
        prompts: folder of the prompts that were answered.
        interactions: folder of `interactions`, which names the ids.

    Returns:
        `entity_idx`, `summary`, `provenance`; `fallback` (1 or 0); `astray` (1 where a quarantined answer is published
        nevertheless); `laws_broken` (how many laws that forbid publication the row breaks); and, NaN where it does not
        concern the row: `answered` (1 or 0 for a row with a prompt), `words` of the summary, `cited` (share of motivations
        with evidence), `support` (share of its content words that the sources hold), `alike` (1 where another row says
        almost the same), `collapsed` (the same for what language models wrote), `contradicts` and `blemished` (1 where such
        an answer breaks a law that forbids nothing).

    Raises:
        LmmrecError: a file is missing or damaged.
    """
    import pandas as pd

    quarantined, ids = read_quarantine(motivations), ids_of(interactions)
    rows = [
        _judged(row, request, ids) | {"astray": float(row.entity_idx in quarantined and row.provenance != "fallback")}
        for row, request in read_answered(motivations, prompts, entity, CONFIG.version)
    ]
    told = [row for row in rows if not row["fallback"]]
    for row, near in zip(told, near_another([row["summary"] or "" for row in told]).tolist(), strict=True):
        row["alike"] = float(near)
        row["collapsed"] = float(near) if origin_of(row["provenance"]) == "written" else None
    return pd.DataFrame(rows, columns=[*_ALWAYS, *_SOMETIMES]).astype(dict.fromkeys(_SOMETIMES, float))


def _judged(row: MotivationRow, request: ChatRequest | None, ids: frozenset[str]) -> dict[str, Any]:
    fallback = row.provenance == "fallback"
    found: dict[str, Any] = {
        "entity_idx": row.entity_idx,
        "summary": row.summary,
        "provenance": row.provenance,
        "fallback": float(fallback),
        "laws_broken": 0,
        "answered": float(not fallback) if request is not None else None,
    }
    if fallback or not row.summary:
        return found
    case = case_of(row, request, ids)
    flaws = judge_case(case)
    found["laws_broken"] = sum(flaw.hard for flaw in flaws)
    cited = [bool(motivation.evidence) for motivation in (*row.active, *row.passive)]
    found["cited"] = sum(cited) / len(cited) if cited else None
    if case.origin != "imported":
        found["words"] = float(len(row.summary.split()))
    if case.origin == "written":
        names = {flaw.rule for flaw in flaws if not flaw.hard}
        found |= {"contradicts": float("contradiction" in names), "blemished": float(bool(names))}
        found["support"] = support_of(case) if case.sources else None
    return found
