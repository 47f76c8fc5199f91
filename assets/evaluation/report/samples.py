"""What the report shows beside numbers: the dataset's record, training curves, motivations with evidence, recommendations.

Everything is read from the lake as it is; a part that is missing comes back empty and the page says so in a sentence. Texts of
strangers pass through as plain strings: the template escapes them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assets.evaluation.lookup import printable, titles_of
from assets.evaluation.recommendations import recommend
from assets.evaluation.report.tables import NOTHING, Cell, Table, display_name, seconds, word
from assets.lake import Address, Lake
from assets.tables import connect
from assets.training.methods import METHODS
from models.errors import LmmrecError

if TYPE_CHECKING:
    import duckdb

RECORDED = ("reviews", "items", "interactions", "split")
SHARES = (0.1, 0.5, 0.9)
"""Which users and items are shown: those at these places when ordered by training interactions."""
TOP = 5
_HISTORY = 8
_SHOWN = 5
_COUNTS = ("Rows", "Users", "Items")
_QUOTE_CHARACTERS = 220


@dataclass(frozen=True)
class Motivated:
    """One user or item with what the gate let through about it."""

    entity: str
    entity_id: str
    title: str
    num_train: int
    summary: str
    provenance: str
    active: Sequence[Mapping[str, Any]]
    """Each with `motivation`, `strength` (0 to 1) and `evidence`: places in `quotes`, from 1."""
    passive: Sequence[Mapping[str, Any]]
    quotes: Sequence[str]
    """The evidence in the words of its sources, each once."""


@dataclass(frozen=True)
class Shopper:
    """One user: some of what she has, and what each method recommends."""

    user_id: str
    num_train: int
    history: Sequence[str]
    lists: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]
    """(method, rows with rank, title, item_id, reason)."""
    shared: frozenset[str]
    """Item ids that every list has."""


def dataset_record(lake: Lake, dataset: str) -> Table | None:
    """Rows, users and items after each step of the datasets stage, as its records have them."""
    rows = []
    for asset in RECORDED:
        record = lake.record(Address(asset, dataset))
        for name, counts in _counted(record.metadata) if record else ():
            rows.append([word(asset), word(name), *(Cell(f"{n:,}" if n is not None else NOTHING) for n in counts)])
    if not rows:
        return None
    return Table(f"{dataset}-record", f"What became of the rows of {dataset}.", ["Asset", "Step", *_COUNTS], rows)


def _counted(metadata: Mapping[str, Any]) -> list[tuple[str, tuple[int | None, int | None, int | None]]]:
    """(step, (rows, users, items)) of every count in a record: `rows_*`, and tables whose rows count something."""
    found: list[tuple[str, tuple[int | None, int | None, int | None]]] = []
    for key, value in metadata.items():
        if key.startswith("rows_") and isinstance(value, int):
            found.append((key.replace("_", " "), (value, None, None)))
        for row in value if isinstance(value, list) else ():
            rows = row.get("rows", row.get("interactions")) if isinstance(row, dict) else None
            if isinstance(rows, int):
                name = ", ".join(part for part in row.values() if isinstance(part, str))
                found.append((name, (rows, row.get("users"), row.get("items"))))
    return found


def cost_table(connection: duckdb.DuckDBPyConnection, dataset: str) -> Table | None:
    """How often and how long each asset of a dataset was made, in the order of the pipeline."""
    from assets.graph import recipes

    found = connection.execute(
        "SELECT asset, count(*), sum(duration_s), max(duration_s), max(created_at) FROM runs "
        "WHERE contains(address || '/', ?) GROUP BY asset",
        [f"/dataset={dataset}/"],
    ).fetchall()
    place = {asset: at for at, asset in enumerate(recipes())}
    rows = [
        [
            word(asset),
            Cell(f"{cells:,}"),
            Cell(seconds(total)),
            Cell(seconds(longest)),
            word(f"{latest:%Y-%m-%d %H:%M} UTC"),
        ]
        for asset, cells, total, longest, latest in sorted(found, key=lambda row: place.get(row[0], len(place)))
    ]
    if not rows:
        return None
    caption = (
        f"Time of each asset of {dataset}: partitions or cells in the lake, seconds to make all and the slowest one."
    )
    return Table(f"{dataset}-time", caption, ["Asset", "Cells", "All", "Slowest", "Last made"], rows)


def spread_out(connection: duckdb.DuckDBPyConnection, dataset: str, entity: str) -> list[tuple[int, str, int]]:
    """(idx, id, training interactions) of one entity with few, one with a middling and one with a large number."""
    found = connection.execute(
        "SELECT entity_idx, entity_id, num_train FROM entities WHERE dataset = ? AND entity = ? "
        "ORDER BY num_train, entity_idx",
        [dataset, entity],
    ).fetchall()
    places = sorted({int(share * (len(found) - 1)) for share in SHARES}) if found else []
    return [(int(found[at][0]), str(found[at][1]), int(found[at][2])) for at in places]


def motivation_samples(connection: duckdb.DuckDBPyConnection, lake: Lake, dataset: str) -> list[Motivated]:
    """A few users and items with their motivations; empty where the dataset has none."""
    address = Address("validated_motivations", dataset)
    if lake.record(address) is None:
        return []
    samples = []
    for entity in ("user", "item"):
        chosen = {idx: (name, num_train) for idx, name, num_train in spread_out(connection, dataset, entity)}
        titles = titles_of(lake, dataset, [name for name, _ in chosen.values()]) if entity == "item" else {}
        with connect() as reader:
            found = reader.execute(
                "SELECT entity_idx, entity_id, summary, active, passive, provenance FROM read_parquet(?) "
                "WHERE entity_idx IN (SELECT unnest(?::BIGINT[])) ORDER BY entity_idx",
                [str(lake.path(address) / f"{entity}s.parquet"), list(chosen)],
            ).fetchall()
        for idx, entity_id, summary, active, passive, provenance in found:
            sources = _sources(lake, dataset, entity, int(idx))
            quotes: list[str] = []
            sample = Motivated(
                entity,
                str(entity_id),
                titles.get(str(entity_id), ""),
                chosen[int(idx)][1],
                printable(str(summary or "")),
                str(provenance),
                _with_evidence(active, sources, quotes),
                _with_evidence(passive, sources, quotes),
                quotes,
            )
            samples.append(sample)
    order = {"user": 0, "item": 1}
    return sorted(samples, key=lambda one: (order[one.entity], one.num_train))


def _sources(lake: Lake, dataset: str, entity: str, idx: int) -> dict[str, str]:
    """Source id -> text as the prompt showed it."""
    address = Address(f"{entity}_prompts", dataset)
    if lake.record(address) is None:
        return {}
    with connect() as reader:
        found = reader.execute(
            "SELECT sources FROM read_parquet(?) WHERE entity_idx = ?",
            [str(lake.path(address) / "prompts.parquet"), idx],
        ).fetchone()
    return {str(one["source_id"]): str(one.get("text") or "") for one in json.loads(found[0])} if found else {}


def _with_evidence(
    entries: Sequence[Mapping[str, Any]] | None, sources: Mapping[str, str], quotes: list[str]
) -> list[dict[str, Any]]:
    """The first entries with numbered evidence; quotes that are new are appended to `quotes`."""
    found = []
    for entry in list(entries or ())[:_SHOWN]:
        numbers = []
        for source in list(entry["evidence"] or ())[:2]:
            quote = shortened(sources.get(str(source)) or str(source))
            if quote not in quotes:
                quotes.append(quote)
            numbers.append(quotes.index(quote) + 1)
        found.append(
            {
                "motivation": printable(str(entry["motivation"])),
                "strength": float(entry["strength"]),
                "evidence": sorted(set(numbers)),
            }
        )
    return found


def shortened(text: str) -> str:
    """One line of at most 220 characters."""
    line = printable(text)
    return line if len(line) <= _QUOTE_CHARACTERS else line[: _QUOTE_CHARACTERS - 1].rstrip() + "…"


def shoppers(connection: duckdb.DuckDBPyConnection, lake: Lake, dataset: str, base_model: str) -> list[Shopper]:
    """A few users with what each method recommends to them; empty before recommendations are published."""
    methods = [str(cell.method) for cell in lake.cells("recommendations", dataset=dataset, base_model=base_model)]
    methods = [method for method in METHODS if method in methods]
    found = []
    for idx, user_id, num_train in spread_out(connection, dataset, "user") if methods else ():
        try:
            lists = [(method, recommend(lake.home, dataset, user_id, base_model, method, TOP)) for method in methods]
        except LmmrecError:
            return []
        named = [(display_name(base_model if method == "base" else method), rows) for method, rows in lists]
        shared = frozenset.intersection(*(frozenset(str(row["item_id"]) for row in rows) for _, rows in lists))
        found.append(Shopper(user_id, num_train, _history(lake, dataset, idx), named, shared))
    return found


def _history(lake: Lake, dataset: str, user_idx: int) -> list[str]:
    split, interactions = lake.read(Address("split", dataset)), lake.read(Address("interactions", dataset))
    with connect() as reader:
        found = reader.execute(
            "SELECT item_id FROM read_parquet(?) train JOIN read_parquet(?) items USING (item_idx) WHERE user_idx = ? "
            "ORDER BY item_idx LIMIT ?",
            [str(split / "train.parquet"), str(interactions / "items.parquet"), user_idx, _HISTORY],
        ).fetchall()
    ids = [str(row[0]) for row in found]
    titles = titles_of(lake, dataset, ids)
    return [titles.get(item_id, item_id) for item_id in ids]
