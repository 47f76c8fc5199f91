"""The rules on one motivations file: coverage, form, evidence, laws of single answers, and what only the whole table shows.

A rule of severity `error` holds back everything after it, a warning is only shown. Which columns there are, and how they come
about, is `judged.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.expectations import Finding, validate, vocabulary
from assets.motivations.judged import judged_rows
from assets.tables import read_sizes
from models.language.chat import Entity
from models.language.motivation import MAX_WORDS, WORD_TOLERANCE

if TYPE_CHECKING:
    import pandas as pd

MAX_ALIKE = 0.2
"""Share of summaries that say almost the same as another one, above which a warning is shown."""
MAX_COLLAPSED = 0.5
"""Share of written summaries that do, above which the model answers the same for everybody, and the gate closes."""
MAX_CONTRADICTING = 0.1
"""Share of written answers that may list the same motivation for and against."""
MAX_BLEMISHED = 0.2
"""Share of written answers that may contradict, repeat or ramble before a warning is shown."""
MIN_CITED = 0.9
"""Share of motivations that should cite a source."""
MIN_SUPPORT = 0.5
"""Share of a written answer's content words that its sources should hold, on average."""
FEW = 20
"""Written rows below which a share of them proves nothing."""
_READY_RULE = "what the writers of ready texts were shown is known"


def motivation_findings(
    entity: Entity, motivations: Path, prompts: Path, inputs: Mapping[str, Path], limits: Mapping[str, float]
) -> list[Finding]:
    """All rules on one motivations file.

    Args:
        entity: whose motivations.
        motivations: folder with `motivations.parquet` and `quarantine.parquet`.
        prompts: folder of the prompts that were answered.
        inputs: folders of `split`, which says how many entities there are, and of `interactions`, which names their ids.
        limits: `min_valid` and `max_fallback` of the dataset's gate.

    Raises:
        LmmrecError: a file is missing or damaged.
    """
    frame = judged_rows(entity, motivations, prompts, inputs["interactions"])
    users, items = read_sizes(inputs["split"])
    rules = _of_each_row(entity, users if entity == "user" else items)
    findings = validate(frame, [*rules, *_of_the_whole(entity, frame, limits)])
    ready = int((frame["provenance"] == "imported").sum())
    if ready:
        observed = f"{ready:,} of {len(frame):,} texts came ready; they may have seen validation or test pairs"
        findings.append(Finding(_READY_RULE, "provenance", False, observed, "warning"))
    return findings


def _of_each_row(entity: Entity, count: int) -> list[Any]:
    """One row an entity, each whole and free of what must not be published."""
    gxe = vocabulary()
    return [
        gxe.ExpectTableRowCountToEqual(value=count, meta={"rule": f"one row for each of the {count:,} {entity}s"}),
        gxe.ExpectColumnValuesToBeUnique(column="entity_idx", meta={"rule": "no entity twice"}),
        gxe.ExpectColumnValuesToBeBetween(
            column="entity_idx", min_value=0, max_value=max(0, count - 1), meta={"rule": "indices of the split"}
        ),
        gxe.ExpectColumnValuesToNotBeNull(column="summary", meta={"rule": "every entity has a summary"}),
        gxe.ExpectColumnValueLengthsToBeBetween(
            column="summary", min_value=3, max_value=20_000, meta={"rule": "no summary is empty or endless"}
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="words",
            max_value=WORD_TOLERANCE * MAX_WORDS[entity],
            meta={"rule": f"written summaries keep to about {MAX_WORDS[entity]} words"},
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="laws_broken", max_value=0, meta={"rule": "no published answer breaks a law that forbids it"}
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="astray", max_value=0, meta={"rule": "no quarantined answer is published"}
        ),
    ]


def _of_the_whole(entity: Entity, frame: pd.DataFrame, limits: Mapping[str, float]) -> list[Any]:
    """Shares; a rule on a column that concerns no row, or too few, is left out."""
    fallbacks, valid = limits["max_fallback"], limits["min_valid"]
    rules = [
        _at_most("fallback", fallbacks, f"at most {fallbacks:.0%} of the {entity}s carry a fallback text"),
        _at_most("alike", MAX_ALIKE, f"at most {MAX_ALIKE:.0%} of the summaries say what another says", "warning"),
        _at_least("answered", valid, f"at least {valid:.0%} of the prompts have a valid answer"),
        _at_least("cited", MIN_CITED, f"at least {MIN_CITED:.0%} of the motivations cite a source", "warning"),
        _at_least("support", MIN_SUPPORT, f"sources hold {MIN_SUPPORT:.0%} of what answers say", "warning"),
    ]
    if frame["collapsed"].notna().sum() >= FEW:
        rules += [
            _at_most("collapsed", MAX_COLLAPSED, "the model does not answer the same for everybody"),
            _at_most("contradicts", MAX_CONTRADICTING, "few answers list one motivation for and against"),
            _at_most("blemished", MAX_BLEMISHED, "few answers contradict, repeat or ramble", "warning"),
        ]
    return [rule for rule in rules if frame[rule.column].notna().any()]


def _at_most(column: str, limit: float, rule: str, severity: str = "critical") -> Any:
    return vocabulary().ExpectColumnMeanToBeBetween(
        column=column, max_value=limit, severity=severity, meta={"rule": rule}
    )


def _at_least(column: str, limit: float, rule: str, severity: str = "critical") -> Any:
    return vocabulary().ExpectColumnMeanToBeBetween(
        column=column, min_value=limit, severity=severity, meta={"rule": rule}
    )
