"""Answers that must not be published: found here, kept beside the motivations with the laws they break, counted.

A quarantined user or item gets a text from metadata like everybody without an answer, and its row says why. The laws
themselves are `models/language/quality`; how many may be missing is the gate's.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from assets.motivations.tables import MOTIVATION_TYPES, MOTIVATIONS, MotivationRow, readable, write_rows
from assets.tables import connect, read_column
from models.language.chat import ChatRequest
from models.language.quality import LAWS_OF_IDS, RULES, hard, judge_case
from models.language.quality.case import Case, Origin
from models.language.quality.identifiers import telling_ids

QUARANTINE = "quarantine.parquet"
_REASONS_SHOWN = 10
QUARANTINE_TYPES = {
    "entity_idx": "BIGINT",
    "entity_id": "VARCHAR",
    "rules": "VARCHAR[]",
    **{name: MOTIVATION_TYPES[name] for name in ("summary", "active", "passive", "reasoning", "provenance")},
    "prompt_sha256": "VARCHAR",
}


class Sieve:
    """Judges rows one after another; those that fail go to a file of its own, so that memory does not grow with them."""

    def __init__(self, ids: frozenset[str], scratch: Path) -> None:
        """
        Args:
            ids: see `ids_of`.
            scratch: a file that may be written until `write` is called.
        """
        self._ids, self._scratch = ids, scratch
        self._laws: Counter[str] = Counter()
        self._blemishes: Counter[str] = Counter()
        self.reasons: dict[int, str] = {}
        """Index -> why its answer is not published."""

    def passes(
        self, row: MotivationRow, request: ChatRequest | None = None, blemishes: tuple[str, ...] | None = None
    ) -> bool:
        """Whether an answer or an imported text (which has no request) may be published; each is asked about once.

        `blemishes` are those of `Answered`: what its chat model judged is not judged again.
        """
        flaws = judge_case(case_of(row, request, self._ids), RULES if blemishes is None else LAWS_OF_IDS)
        laws = [flaw.rule for flaw in hard(flaws)]
        if not laws:
            self._blemishes.update(flaw.rule for flaw in flaws)
            self._blemishes.update(blemishes or ())
            return True
        self._laws.update(laws)
        self.reasons[row.entity_idx] = f"quarantined: {', '.join(laws)}"
        columns = row.as_row() | {"rules": json.dumps(laws)}
        with self._scratch.open("a", encoding="utf-8") as file:
            file.write(json.dumps({name: columns[name] for name in QUARANTINE_TYPES}) + "\n")
        return False

    def write(self, folder: Path) -> None:
        """Write `quarantine.parquet` into `folder`; without rows where every answer passed."""

        def rows() -> Iterator[dict[str, Any]]:
            if self._scratch.exists():
                with self._scratch.open(encoding="utf-8") as file:
                    yield from map(json.loads, file)

        write_rows(rows(), QUARANTINE_TYPES, folder / QUARANTINE)

    def figures(self) -> dict[str, Any]:
        """Counts for people: entities, laws that forbade publication, and laws that kept rows break."""
        return {
            "quarantined": len(self.reasons),
            "quarantine": by_law(self._laws),
            "blemishes": by_law(self._blemishes),
        }


def case_of(row: MotivationRow, request: ChatRequest | None, ids: frozenset[str]) -> Case:
    """A row beside its prompt, where that is known."""
    return Case.of_parts(request, row.summary, row.active, row.passive, row.reasoning, origin_of(row.provenance), ids)


def origin_of(provenance: str) -> Origin:
    """Who made a text, from how its row is marked."""
    return "extracted" if provenance == "extractive" else "imported" if provenance == "imported" else "written"


def ids_of(interactions: Path) -> frozenset[str]:
    """The ids of all users and items that no text may name (`telling_ids`).

    Args:
        interactions: folder of the asset `interactions`.
    """

    paths = {entity: interactions / f"{entity}s.parquet" for entity in ("user", "item")}
    return telling_ids(
        name for entity, path in paths.items() if path.exists() for name in read_column(path, f"{entity}_id")
    )


def read_quarantine(motivations: Path) -> dict[int, list[str]]:
    """Index -> the laws that its answer broke.

    Raises:
        LmmrecError: the file is missing or damaged.
    """
    path = motivations / QUARANTINE
    with readable(path), connect() as connection:
        return dict(connection.execute("SELECT entity_idx, rules FROM read_parquet(?)", [str(path)]).fetchall())


def quarantine_figures(motivations: Path) -> dict[str, Any]:
    """What the UI shows of a stored table: quarantined answers by law, and fallback texts by reason.

    Raises:
        LmmrecError: a file is missing or damaged.
    """
    laws = read_quarantine(motivations)
    path = motivations / MOTIVATIONS
    with readable(path), connect() as connection:
        reasons = connection.execute(
            "SELECT reason, count(*) FROM read_parquet(?) WHERE provenance = 'fallback' GROUP BY 1 ORDER BY 2 DESC, 1",
            [str(path)],
        ).fetchall()
    return {
        "quarantined": len(laws),
        "quarantine": by_law(Counter(law for broken in laws.values() for law in broken)),
        "fallbacks": sum(count for _, count in reasons),
        "fallback_reasons": [{"reason": reason, "entities": count} for reason, count in reasons[:_REASONS_SHOWN]],
    }


def by_law(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    """A table for the UI, the commonest first."""
    ordered = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    return [{"rule": rule, "entities": count} for rule, count in ordered]
