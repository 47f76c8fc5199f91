"""From the names that a person types to what the lake holds: datasets, users, items, methods, titles, motivations.

Every miss is one sentence that names what there is, nearest spelling first. Reading is through DuckDB with the name as a
parameter; nothing is computed here.
"""

from __future__ import annotations

import difflib
import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assets.datasets.catalog import find_dataset
from assets.evaluation.recipe import serving_cell
from assets.lake import Address, Lake
from assets.partitions import BASE_MODELS
from assets.tables import connect
from assets.training.methods import METHODS
from models.errors import LmmrecError

_SHOWN = 5


@dataclass(frozen=True)
class Motivations:
    """What the gate let through for one user or item."""

    summary: str
    active: tuple[dict[str, Any], ...]
    """Each with `motivation`, `evidence` (source ids or quotes) and `strength` in 0..1."""
    passive: tuple[dict[str, Any], ...]
    provenance: str


def check_names(home: Path, dataset: str, base_model: str | None = None, method: str | None = None) -> None:
    """Refuse a dataset, base model or method that does not exist.

    Raises:
        LmmrecError: with what is known.
    """
    find_dataset(home, dataset)
    if base_model is not None and base_model not in BASE_MODELS:
        raise LmmrecError(f"unknown base model '{base_model}': {_known(base_model, BASE_MODELS)}.")
    if method is not None and method not in METHODS:
        raise LmmrecError(f"unknown method '{method}': {_known(method, METHODS)}.")


def served_methods(lake: Lake, dataset: str, base_model: str) -> list[str]:
    """Methods with a checkpoint in the lake, in the order of `METHODS`."""
    return [method for method in METHODS if serving_cell(lake, dataset, base_model, method) is not None]


def methods_to_serve(lake: Lake, dataset: str, base_model: str, asked: Sequence[str]) -> list[str]:
    """The methods to recommend with: those asked for, or all that have been trained.

    Raises:
        LmmrecError: one is unknown, or none has been trained.
    """
    for method in asked:
        if method not in METHODS:
            raise LmmrecError(f"unknown method '{method}': {_known(method, METHODS)}.")
    methods = list(asked) or served_methods(lake, dataset, base_model)
    if not methods:
        raise LmmrecError(
            f"nothing has been trained on {dataset} with {base_model} yet: make a checkpoint first, for example with "
            f"`lmmrec run {dataset}`."
        )
    return methods


def position_of(lake: Lake, dataset: str, entity: str, entity_id: str) -> int:
    """`user_idx` or `item_idx` of an original id.

    Args:
        entity: `user` or `item`.

    Raises:
        LmmrecError: the dataset has no such id after its filters; the text names the closest ones.
    """
    path = str(lake.read(Address("interactions", dataset)) / f"{entity}s.parquet")
    with connect() as connection:
        found = connection.execute(
            f"SELECT {entity}_idx FROM read_parquet(?) WHERE {entity}_id = ?", [path, entity_id]
        ).fetchone()
        if found is not None:
            return int(found[0])
        counted = connection.execute("SELECT count(*) FROM read_parquet(?)", [path]).fetchone()
        assert counted is not None
        # the database narrows a million ids to a handful, whose spelling is then compared closely
        nearest = connection.execute(
            f"SELECT {entity}_id FROM read_parquet(?) ORDER BY jaro_winkler_similarity({entity}_id, ?) DESC, 1 LIMIT 50",
            [path, entity_id],
        ).fetchall()
    known = [printable(str(row[0])) for row in nearest]
    raise LmmrecError(
        f"{dataset} has no {entity} '{printable(entity_id)}' among its {int(counted[0]):,} {entity}s after filtering: "
        f"{_known(entity_id, known, int(counted[0]))}."
    )


def titles_of(lake: Lake, dataset: str, item_ids: Sequence[str]) -> dict[str, str]:
    """Titles by item id; items without one are left out."""
    address = Address("items", dataset)
    if lake.record(address) is None or not item_ids:
        return {}
    with connect() as connection:
        found = connection.execute(
            "SELECT item_id, any_value(title) FROM read_parquet(?) "
            "WHERE title IS NOT NULL AND item_id IN (SELECT unnest(?::VARCHAR[])) GROUP BY item_id",
            [str(lake.path(address) / "items.parquet"), list(item_ids)],
        ).fetchall()
    return {str(item_id): printable(str(title)) for item_id, title in found}


def motivations_of(lake: Lake, dataset: str, entity: str, positions: Iterable[int]) -> dict[int, Motivations]:
    """Validated motivations by position; empty where the dataset has none."""
    address = Address("validated_motivations", dataset)
    if lake.record(address) is None:
        return {}
    with connect() as connection:
        found = connection.execute(
            "SELECT entity_idx, summary, active, passive, provenance FROM read_parquet(?) "
            "WHERE entity_idx IN (SELECT unnest(?::BIGINT[]))",
            [str(lake.path(address) / f"{entity}s.parquet"), [int(position) for position in positions]],
        ).fetchall()
    return {
        int(position): Motivations(printable(str(summary or "")), _entries(active), _entries(passive), str(provenance))
        for position, summary, active, passive, provenance in found
    }


def printable(text: str) -> str:
    """Text of reviews and catalogues as it may reach a terminal: one line, no control characters, no HTML entities."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in html.unescape(text)).split())


def _entries(found: Sequence[dict[str, Any]] | None) -> tuple[dict[str, Any], ...]:
    return tuple(
        {
            "motivation": printable(str(entry["motivation"])),
            "evidence": [printable(str(source)) for source in entry["evidence"] or ()],
            "strength": float(entry["strength"]),
        }
        for entry in found or ()
    )


def _known(value: str, known: Iterable[str], total: int | None = None) -> str:
    known = list(known)
    total = len(known) if total is None else total
    close = difflib.get_close_matches(value, known, n=_SHOWN, cutoff=0.6)
    if close:
        return f"did you mean {' or '.join(close)}"
    more = f" and {total - _SHOWN:,} more" if total > _SHOWN else ""
    return f"known are {', '.join(known[:_SHOWN])}{more}"
