"""Which model is published, and why: everything that was measured for a dataset, compared on its validation part.

The best text-free model stands, anchors among them, unless a model that reads texts beats it beyond chance: of many
candidates one is ahead by luck. No test pair is looked at. Where the numbers come from is `metrics.py`, which lists are
made of the choice is `published.py`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.evaluation.anchors import METHOD as ANCHOR
from assets.evaluation.metrics import VALIDATION
from assets.evaluation.recipe import SELECTION_SIGNIFICANCE, selectable_cells
from assets.graph import recipes
from assets.lake import Address, Lake
from assets.tables import read_frame, write_frame
from assets.training.leak import suspicion
from assets.training.methods import METHODS

if TYPE_CHECKING:
    import pandas as pd

CANDIDATES, CHOICE = "candidates.parquet", "choice.json"
PUBLISHED = "published"
SUSPECT = "not eligible: the user texts that it reads seem to know validation pairs"
_TYPES = {
    "place": "INTEGER",
    "method": "VARCHAR",
    "base_model": "VARCHAR",
    "seed": "BIGINT",
    "reads_text": "BOOLEAN",
    "recall_20": "DOUBLE",
    "ndcg_20": "DOUBLE",
    "num_users": "BIGINT",
    "p": "DOUBLE",
    "standing": "VARCHAR",
}


@dataclass(frozen=True)
class Candidate:
    """One model that could be published."""

    method: str
    """A name of `METHODS`, or `anchor`."""
    base_model: str
    seed: int | None
    """None for anchors."""
    validation: pd.DataFrame
    """user_idx (ascending), recall_20, ndcg_20; the same users for all candidates of a dataset."""
    excluded: str = ""
    """Why it must not be chosen; empty where it may."""

    @property
    def is_anchor(self) -> bool:
        return self.method == ANCHOR

    @property
    def reads_text(self) -> bool:
        return not self.is_anchor and METHODS[self.method].needs_text

    @property
    def name(self) -> str:
        if self.is_anchor:
            return f"anchor {self.base_model}"
        return self.base_model if self.method == "base" else f"{self.method} on {self.base_model}"

    @property
    def recall(self) -> float:
        return float(self.validation["recall_20"].mean()) if len(self.validation) else 0.0

    def p_against(self, other: Candidate) -> float:
        """Two-sided p of the paired t test over users; 1 where there are fewer than two."""
        from models.ranking.significance import paired_t

        difference = (self.validation["recall_20"] - other.validation["recall_20"]).to_numpy()
        return paired_t(difference) if len(difference) > 1 else 1.0


@dataclass(frozen=True)
class Choice:
    """What is published."""

    chosen: Candidate
    why: str


def choose(candidates: Sequence[Candidate]) -> Choice:
    """The best text-free candidate by mean Recall@20 on validation, the earlier of equals, or the best one that reads texts
    where its lead over that has a paired p below `SELECTION_SIGNIFICANCE`.

    Args:
        candidates: at least one text-free among them; all over the same users, none where there is no validation part: then
            the first text-free one stands, unseen.
    """
    able = [one for one in candidates if not one.excluded]
    free = max((one for one in able if not one.reads_text), key=lambda one: one.recall)
    reading = max((one for one in able if one.reads_text), key=lambda one: one.recall, default=None)
    if not len(free.validation):
        return Choice(free, f"{free.name} is published unseen: the split has no validation part to compare models on.")
    if reading is None:
        others = len(able) - 1
        return Choice(free, f"{_is_published(free)}, the best of {others + 1} candidates, none of which reads texts.")
    p = reading.p_against(free)
    users = f"paired p = {p:.2g} over {len(free.validation):,} users"
    if reading.recall > free.recall and p < SELECTION_SIGNIFICANCE:
        lead = f"{reading.recall / free.recall - 1:+.1%}, " if free.recall else ""
        best_free = f"{free.recall:.4f} of {free.name}, the best that reads no text"
        return Choice(reading, f"{_is_published(reading)}, against {best_free} ({lead}{users}).")
    ahead = "a lead that may be chance" if reading.recall > free.recall else "no lead"
    return Choice(
        free,
        f"{_is_published(free)}, and reads no text: {reading.name}, the best that does, has {reading.recall:.4f}, "
        f"{ahead} ({users}).",
    )


def write_selection(lake: Lake, dataset: str, target: Path, trusted: bool = False) -> dict[str, Any]:
    """Write `candidates.parquet` (one row a model, best first) and `choice.json`; return figures.

    Args:
        trusted: `trust_user_texts` of the catalogue entry: what reads user texts may be chosen whatever these know.

    Raises:
        LmmrecError: the dataset has no anchors' numbers yet.
    """
    import pandas as pd

    candidates = read_candidates(lake, dataset, trusted)
    choice = choose(candidates)
    rows = candidate_rows(candidates, choice)
    write_frame(pd.DataFrame(rows, columns=list(_TYPES)), target / CANDIDATES, _TYPES)
    chosen = choice.chosen
    stored = {"method": chosen.method, "base_model": chosen.base_model, "seed": chosen.seed, "why": choice.why}
    (target / CHOICE).write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    return {PUBLISHED: chosen.name, "why": choice.why, "candidates": rows}


def candidate_rows(candidates: Sequence[Candidate], choice: Choice) -> list[dict[str, Any]]:
    """One row a candidate, best first; p is against the one that is published."""
    best_first = sorted(candidates, key=lambda one: -one.recall)
    return [
        {
            "place": place,
            "method": one.method,
            "base_model": one.base_model,
            "seed": one.seed,
            "reads_text": one.reads_text,
            "recall_20": one.recall if len(one.validation) else None,
            "ndcg_20": float(one.validation["ndcg_20"].mean()) if len(one.validation) else None,
            "num_users": len(one.validation),
            "p": None if one is choice.chosen else one.p_against(choice.chosen),
            "standing": PUBLISHED if one is choice.chosen else one.excluded,
        }
        for place, one in enumerate(best_first, start=1)
    ]


def read_candidates(lake: Lake, dataset: str, trusted: bool = False) -> list[Candidate]:
    """Trained models in the order of `METHODS`, then anchors; of each the cell that serves."""
    suspect = "" if trusted else suspicion(lake, dataset)
    found = []
    for cell in selectable_cells(lake, dataset):
        method = recipes()[cell.asset].method
        assert method is not None
        assert cell.base_model is not None
        excluded = suspect and METHODS[method].reads_user_texts
        frame = read_frame(lake.path(cell) / VALIDATION)
        found.append(Candidate(method, cell.base_model, cell.seed, frame, SUSPECT if excluded else ""))
    anchors = read_frame(lake.read(Address("anchor_metrics", dataset)) / VALIDATION)
    means = read_frame(lake.read(Address("anchor_metrics", dataset)) / "means.parquet", ["base_model"])
    for name in dict.fromkeys(means["base_model"]):
        rows = anchors[anchors["base_model"] == name].drop(columns="base_model").reset_index(drop=True)
        found.append(Candidate(ANCHOR, str(name), None, rows))
    return found


def read_choice(lake: Lake, dataset: str) -> dict[str, Any] | None:
    """method, base_model, seed, why; None where nothing has been selected yet."""
    address = Address("selection", dataset)
    if lake.record(address) is None:
        return None
    choice: dict[str, Any] = json.loads((lake.path(address) / CHOICE).read_bytes())
    return choice


def read_candidate_rows(lake: Lake, dataset: str) -> list[dict[str, Any]]:
    """The rows of `candidates.parquet`, with None where nothing stands."""
    frame = read_frame(lake.read(Address("selection", dataset)) / CANDIDATES)
    plain = frame.astype(object).where(frame.notna(), None)
    return [dict(zip(_TYPES, row, strict=True)) for row in plain[list(_TYPES)].to_numpy().tolist()]


def _is_published(one: Candidate) -> str:
    anchor = " (an anchor: a reference without training and without motivations)" if one.is_anchor else ""
    return f"{one.name}{anchor} is published: Recall@20 {one.recall:.4f} on validation"
