"""The rules of the quality gate, as findings: the asset checks show them, and `validated_motivations` obeys them.

Pure functions of the files of this stage. The leak rule works from lineage: every text that a prompt shows names its
interaction, and each of those must be a train pair. How findings look in the UI is `assets/checking.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.expectations import Finding, validate, vocabulary
from assets.motivations.config import PROMPTS as PROMPT_CONFIG
from assets.motivations.tables import PROMPTS, SHOWN, read_motivations
from assets.tables import connect, literal, read_frame, read_sizes
from models.language.chat import Entity
from models.language.motivation import MAX_WORDS, WORD_TOLERANCE

if TYPE_CHECKING:
    import pandas as pd

MAX_REPEATED = 0.2
"""Share of summaries that say the same as another one, above which a warning is shown."""
MIN_GROUNDED = 0.9
"""Share of motivations that should cite a source."""
_READY_RULE = "what the writers of ready texts were shown is known"


def prompt_findings(entity: Entity, prompts: Path, split: Path) -> list[Finding]:
    """Train text only, from lineage; and prompts that are complete and unique.

    Args:
        entity: whose prompts.
        prompts: folder of the prompt asset.
        split: folder of `split`.
    """
    gxe = vocabulary()
    lineage = [
        gxe.ExpectColumnValuesToBeInSet(
            column="part", value_set=["train"], meta={"rule": "every text shown belongs to a train pair"}
        )
    ]
    own = "item_idx" if entity == "item" else "user_idx"
    table = [
        gxe.ExpectColumnValuesToBeUnique(column="entity_idx", meta={"rule": "one prompt an entity"}),
        gxe.ExpectColumnValuesToBeBetween(
            column="without_lineage", max_value=0, meta={"rule": "every text shown has its lineage"}
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="of_others", max_value=0, meta={"rule": f"a prompt shows pairs of its own {own} only"}
        ),
        gxe.ExpectColumnValueLengthsToEqual(
            column="prompt_sha256", value=64, meta={"rule": "every prompt has its hash"}
        ),
        gxe.ExpectColumnValuesToBeBetween(column="estimated_tokens", min_value=1, meta={"rule": "no prompt is empty"}),
        gxe.ExpectColumnValuesToBeBetween(
            column="estimated_tokens",
            max_value=PROMPT_CONFIG.tokens_per_prompt,
            meta={"rule": f"no prompt has more than {PROMPT_CONFIG.tokens_per_prompt:,} tokens"},
        ),
    ]
    return [*validate(_shown_by_part(prompts, split), lineage), *validate(_prompt_rows(prompts, own), table)]


def motivation_findings(
    entity: Entity, motivations: Path, prompts: Path, split: Path, limits: Mapping[str, float]
) -> list[Finding]:
    """Coverage, form, evidence and repetition of one motivations file.

    Args:
        entity: whose motivations.
        motivations: folder with `motivations.parquet`.
        prompts: folder of the prompts that were answered.
        split: folder of `split`; says how many entities there are.
        limits: `min_valid` and `max_fallback` of the dataset's gate.
    """
    gxe = vocabulary()
    frame = _motivation_rows(entity, motivations, prompts)
    users, items = read_sizes(split)
    count = users if entity == "user" else items
    rules = [
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
            column="generated_words",
            max_value=WORD_TOLERANCE * MAX_WORDS[entity],
            meta={"rule": f"written summaries keep to about {MAX_WORDS[entity]} words"},
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="foreign_evidence", max_value=0, meta={"rule": "evidence cites sources of its own prompt"}
        ),
        gxe.ExpectColumnMeanToBeBetween(
            column="fallback",
            max_value=limits["max_fallback"],
            meta={"rule": f"at most {limits['max_fallback']:.0%} of the {entity}s carry a fallback text"},
        ),
        gxe.ExpectColumnMeanToBeBetween(
            column="repeated",
            max_value=MAX_REPEATED,
            severity="warning",
            meta={"rule": f"at most {MAX_REPEATED:.0%} of the summaries repeat another"},
        ),
    ]
    if frame["answered"].notna().any():
        rules.append(
            gxe.ExpectColumnMeanToBeBetween(
                column="answered",
                min_value=limits["min_valid"],
                meta={"rule": f"at least {limits['min_valid']:.0%} of the prompts have a valid answer"},
            )
        )
    if frame["grounded"].notna().any():
        rules.append(
            gxe.ExpectColumnMeanToBeBetween(
                column="grounded",
                min_value=MIN_GROUNDED,
                severity="warning",
                meta={"rule": f"at least {MIN_GROUNDED:.0%} of the motivations cite a source"},
            )
        )
    findings = validate(frame, rules)
    ready = int((frame["provenance"] == "imported").sum())
    if ready:
        observed = f"{ready:,} of {len(frame):,} texts came ready; they may have seen validation or test pairs"
        findings.append(Finding(_READY_RULE, "provenance", False, observed, "warning"))
    return findings


def gate_findings(inputs: Mapping[str, Path], limits: Mapping[str, float]) -> dict[str, list[Finding]]:
    """All rules on all files of the stage, by asset.

    Args:
        inputs: folders of `split`, `item_prompts`, `item_motivations`, `user_prompts`, `user_motivations`.
        limits: as for `motivation_findings`.
    """
    found: dict[str, list[Finding]] = {}
    for entity in ("item", "user"):
        prompts, motivations = inputs[f"{entity}_prompts"], inputs[f"{entity}_motivations"]
        found[f"{entity}_prompts"] = prompt_findings(entity, prompts, inputs["split"])
        found[f"{entity}_motivations"] = motivation_findings(entity, motivations, prompts, inputs["split"], limits)
    return found


def _shown_by_part(prompts: Path, split: Path) -> pd.DataFrame:
    """One row a text shown: the part of the split that its pair belongs to (`none` where it belongs to none).

    Lineage is read twice, from `shown.parquet` and from the sources that were rendered; both must hold.
    """
    parts = " UNION ALL ".join(
        f"SELECT user_idx, item_idx, '{part}' AS part FROM read_parquet({literal(split / f'{part}.parquet')})"
        for part in ("train", "validation", "test")
    )
    with connect() as connection:
        return connection.execute(
            f"""WITH shown AS (
                SELECT user_idx, item_idx FROM read_parquet({literal(prompts / SHOWN)})
                UNION ALL SELECT user_idx, item_idx FROM ({_rendered_sources(prompts)}) WHERE user_idx IS NOT NULL
            )
            SELECT coalesce(p.part, 'none') AS part FROM shown LEFT JOIN ({parts}) p USING (user_idx, item_idx)"""
        ).df()


def _prompt_rows(prompts: Path, own: str) -> pd.DataFrame:
    with connect() as connection:
        return connection.execute(
            f"""WITH rendered AS ({_rendered_sources(prompts)}),
            flaws AS (SELECT r.entity_idx,
                count(*) FILTER (WHERE r.kind = 'review' AND s.source_id IS NULL) AS without_lineage,
                count(*) FILTER (WHERE r.user_idx IS NOT NULL AND r.{own} <> r.entity_idx) AS of_others
                FROM rendered r LEFT JOIN read_parquet({literal(prompts / SHOWN)}) s
                ON s.entity_idx = r.entity_idx AND s.source_id = r.source_id
                    AND s.user_idx = r.user_idx AND s.item_idx = r.item_idx
                GROUP BY r.entity_idx)
            SELECT p.entity_idx, p.prompt_sha256, p.estimated_tokens, coalesce(f.without_lineage, 0) AS without_lineage,
                coalesce(f.of_others, 0) AS of_others
            FROM read_parquet({literal(prompts / PROMPTS)}) p LEFT JOIN flaws f USING (entity_idx)"""
        ).df()


def _rendered_sources(prompts: Path) -> str:
    """SQL: one row a source of a rendered prompt."""
    shape = '[{"source_id":"VARCHAR","kind":"VARCHAR","user_idx":"BIGINT","item_idx":"BIGINT"}]'
    return f"""SELECT entity_idx, unnest(from_json(sources, {literal(shape)}), recursive := true)
        FROM read_parquet({literal(prompts / PROMPTS)})"""


def _motivation_rows(entity: Entity, motivations: Path, prompts: Path) -> pd.DataFrame:
    """One row an entity with what the rules look at; NaN where a rule does not concern it."""
    import pandas as pd

    frame = read_motivations(motivations / "motivations.parquet")
    asked = read_frame(prompts / PROMPTS, ["entity_idx", "sources"])
    sources = {
        int(index): {source["source_id"] for source in json.loads(shown)}
        for index, shown in zip(asked["entity_idx"], asked["sources"], strict=True)
    }
    keys = [" ".join(sorted(set(str(summary).lower().split()))) for summary in frame["summary"]]
    repeats = pd.Series(keys).duplicated(keep="first").tolist()
    rows: list[dict[str, Any]] = []
    for row, repeated in zip(frame.to_dict("records"), repeats, strict=True):
        cited = [motivation["evidence"] for motivation in (*(row["active"] or ()), *(row["passive"] or ()))]
        known = sources.get(row["entity_idx"], set())
        fallback, ready = row["provenance"] == "fallback", row["provenance"] == "imported"
        rows.append(
            {
                "entity_idx": row["entity_idx"],
                "summary": row["summary"],
                "provenance": row["provenance"],
                "generated_words": None if fallback or ready else float(len(str(row["summary"] or "").split())),
                "foreign_evidence": sum(source not in known for evidence in cited for source in evidence),
                "grounded": sum(bool(evidence) for evidence in cited) / len(cited) if cited else None,
                "answered": float(not fallback) if row["entity_idx"] in sources else None,
                "fallback": float(fallback),
                "repeated": float(repeated and not fallback),
            }
        )
    columns = ["entity_idx", "summary", "provenance", "generated_words", "foreign_evidence"]
    table = pd.DataFrame(rows, columns=[*columns, "grounded", "answered", "fallback", "repeated"])
    return table.astype({"generated_words": float, "grounded": float, "answered": float})
