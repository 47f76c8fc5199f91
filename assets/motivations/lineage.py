"""The leak rule: every text that a prompt shows belongs to a train pair of its own user or item.

Works from lineage alone: what the prompt's sources name and what `shown.parquet` names are both held against the split.
Whether those files are still the ones that were written, from the split of now, is `ancestry.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from assets.expectations import Finding, validate, vocabulary
from assets.motivations.config import PROMPTS as CONFIG
from assets.motivations.tables import PROMPTS, SHOWN, readable
from assets.tables import connect, literal
from models.language.chat import Entity

if TYPE_CHECKING:
    import pandas as pd


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
    table = [
        gxe.ExpectColumnValuesToBeUnique(column="entity_idx", meta={"rule": "one prompt an entity"}),
        gxe.ExpectColumnValuesToBeBetween(
            column="without_lineage", max_value=0, meta={"rule": "every text shown has its lineage"}
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="of_others", max_value=0, meta={"rule": f"a prompt shows pairs of its own {entity} only"}
        ),
        gxe.ExpectColumnValueLengthsToEqual(
            column="prompt_sha256", value=64, meta={"rule": "every prompt has its hash"}
        ),
        gxe.ExpectColumnValuesToBeBetween(column="estimated_tokens", min_value=1, meta={"rule": "no prompt is empty"}),
        gxe.ExpectColumnValuesToBeBetween(
            column="estimated_tokens",
            max_value=CONFIG.tokens_per_prompt,
            meta={"rule": f"no prompt has more than {CONFIG.tokens_per_prompt:,} tokens"},
        ),
    ]
    return [*validate(_shown_by_part(prompts, split), lineage), *validate(_prompt_rows(prompts, entity), table)]


def _shown_by_part(prompts: Path, split: Path) -> pd.DataFrame:
    """One row a text shown: the part of the split that its pair belongs to (`none` where it belongs to none).

    Lineage is read twice, from `shown.parquet` and from the sources that were rendered; both must hold.
    """
    parts = " UNION ALL ".join(
        f"SELECT user_idx, item_idx, '{part}' AS part FROM read_parquet({literal(split / f'{part}.parquet')})"
        for part in ("train", "validation", "test")
    )
    with readable(prompts / SHOWN), connect() as connection:
        return connection.execute(
            f"""WITH shown AS (
                SELECT user_idx, item_idx FROM read_parquet({literal(prompts / SHOWN)})
                UNION ALL SELECT user_idx, item_idx FROM ({_rendered_sources(prompts)}) WHERE user_idx IS NOT NULL
            )
            SELECT coalesce(p.part, 'none') AS part FROM shown LEFT JOIN ({parts}) p USING (user_idx, item_idx)"""
        ).df()


def _prompt_rows(prompts: Path, entity: Entity) -> pd.DataFrame:
    """One row a prompt with what is wrong with its sources.

    What the publisher says about an item belongs to no pair; all that a user is shown comes through one.
    """
    needs_pair = "r.kind NOT IN ('title', 'categories', 'description')" if entity == "item" else "true"
    with readable(prompts / PROMPTS), connect() as connection:
        return connection.execute(
            f"""WITH rendered AS ({_rendered_sources(prompts)}),
            flaws AS (SELECT r.entity_idx,
                count(*) FILTER (WHERE {needs_pair} AND s.source_id IS NULL) AS without_lineage,
                count(*) FILTER (WHERE r.user_idx IS NOT NULL AND r.{entity}_idx <> r.entity_idx) AS of_others
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
