"""Texts for users and items that no answer speaks of: what the catalogue says, marked as fallback.

Every user and item gets a row, so that vectors keep their order and nobody is dropped silently (RLMRec drops them). Items
fall back to title and categories, users to the titles of train items; where there is nothing, the text says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from assets.tables import connect, literal
from models.language.chat import Entity
from models.language.text import clean, cut_words

NOTHING_KNOWN = "Nothing is known."
_TITLES_PER_USER = 10
_WORDS = 100


def catalogue(entity: Entity, interactions: Path) -> list[tuple[int, str]]:
    """(index, id) of every user or item, by index."""
    with connect() as connection:
        return connection.execute(
            f"SELECT {entity}_idx, {entity}_id FROM read_parquet(?) ORDER BY 1",
            [str(interactions / f"{entity}s.parquet")],
        ).fetchall()


def fallback_texts(entity: Entity, inputs: Mapping[str, Path], wanted: set[int]) -> dict[int, str]:
    """A text from metadata for each wanted index.

    Args:
        entity: whose texts.
        inputs: folders of `items` and `interactions`, and for users `split`.
        wanted: indices that have no other text.
    """
    if not wanted:
        return {}
    titles = _titles(inputs)
    found = titles if entity == "item" else _titles_of_choices(inputs["split"], titles, wanted)
    return {index: found.get(index) or NOTHING_KNOWN for index in sorted(wanted)}


def imported_texts(entity: Entity, reviews: Path) -> dict[str, str]:
    """Id -> ready text that came with the dataset, cleaned; empty where none did."""
    path = reviews / "texts.parquet"
    if not path.exists():
        return {}
    with connect() as connection:
        rows = connection.execute(
            "SELECT entity_id, text FROM read_parquet(?) WHERE entity = ? AND text IS NOT NULL", [str(path), entity]
        ).fetchall()
    return {entity_id: text for entity_id, raw in rows if (text := clean(raw))}


def _titles(inputs: Mapping[str, Path]) -> dict[int, str]:
    """Item index -> title and categories."""
    with connect() as connection:
        rows = connection.execute(
            f"""SELECT c.item_idx, any_value(m.title), any_value(m.categories)
            FROM read_parquet({literal(inputs["interactions"] / "items.parquet")}) c
            JOIN read_parquet({literal(inputs["items"] / "items.parquet")}) m USING (item_id) GROUP BY 1"""
        ).fetchall()
    texts = {}
    for index, title, categories in rows:
        text = ". ".join(part for part in (clean(title or ""), clean(", ".join(categories or []))) if part)
        if text:
            texts[index] = cut_words(text, _WORDS)
    return texts


def _titles_of_choices(split: Path, titles: Mapping[int, str], wanted: set[int]) -> dict[int, str]:
    """User index -> titles of some train items, by item index."""
    with connect() as connection:
        rows = connection.execute(
            "SELECT user_idx, list(item_idx ORDER BY item_idx) FROM read_parquet(?) GROUP BY 1",
            [str(split / "train.parquet")],
        ).fetchall()
    texts = {}
    for user, items in rows:
        known = [titles[item] for item in items if item in titles] if user in wanted else []
        if known:
            texts[user] = cut_words("Chose: " + "; ".join(known[:_TITLES_PER_USER]), _WORDS)
    return texts
