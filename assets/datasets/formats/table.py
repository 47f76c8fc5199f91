"""Your own table: CSV (also tab or semicolon), Parquet or JSON lines, told apart by the file name.

The entry's `columns` map our names to the file's; a column that is not mapped is looked for under our own name, and the
optional ones may be absent.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from assets.columns import CATEGORIES, DESCRIPTION, ITEM_ID, RATING, TEXT, TIMESTAMP, TITLE, USER_ID
from assets.datasets.formats.delimited import Dialect, delimited, header_of
from assets.datasets.formats.json_lines import json_lines, open_binary
from assets.datasets.formats.rows import Located, RawFile, RawRows, ReviewRules, readable
from assets.tables import connect, identifier, literal
from models.errors import LmmrecError

RULES = ReviewRules(rating_required=False)

_REVIEWS = {USER_ID: True, ITEM_ID: True, RATING: False, TEXT: False, TIMESTAMP: False}
_ITEMS = {ITEM_ID: True, TITLE: False, DESCRIPTION: False, CATEGORIES: False}
"""Our column -> whether the file must have it."""
_DIALECTS = {".csv": Dialect(), ".tsv": Dialect(delimiter="\t"), ".txt": Dialect(delimiter="\t")}
_JSON = (".json", ".jsonl", ".jsonlines", ".ndjson")


def reviews(raw: RawFile) -> RawRows:
    return _read(raw, _REVIEWS)


def items(raw: RawFile) -> RawRows:
    return _read(raw, _ITEMS)


def _read(raw: RawFile, wanted: Mapping[str, bool]) -> RawRows:
    unknown = sorted(set(raw.columns) - set(wanted))
    if unknown:
        raise LmmrecError(f"there is no column '{unknown[0]}' to map {raw.name} to: known are {', '.join(wanted)}.")
    ending = _ending(raw.path)
    if ending in _JSON:
        mapping = _mapping(raw, wanted, _first_keys(raw))
        columns = {
            theirs: "JSON" if ours in (DESCRIPTION, CATEGORIES) else "VARCHAR" for ours, theirs in mapping.items()
        }
        return json_lines(raw, columns, _fields(wanted, mapping, json_source=True))
    if ending == ".parquet":
        return _parquet(raw, wanted)
    if ending not in _DIALECTS:
        known = ", ".join((*_DIALECTS, *_JSON, ".parquet"))
        raise LmmrecError(
            f"{raw.name}: format table reads {known} (also with .gz), not '{ending}': rename or convert it."
        )
    dialect = _semicolons(raw, _DIALECTS[ending])
    names = header_of(raw, dialect)
    return delimited(raw, names, _fields(wanted, _mapping(raw, wanted, names)), dialect)


def _ending(path: Path) -> str:
    return Path(path.name.lower().removesuffix(".gz")).suffix


def _mapping(raw: RawFile, wanted: Mapping[str, bool], present: Collection[str]) -> dict[str, str]:
    mapping = {}
    for ours, required in wanted.items():
        theirs = raw.columns.get(ours, ours)
        if theirs in present:
            mapping[ours] = theirs
        elif required or ours in raw.columns:
            raise LmmrecError(
                f"{raw.name} has no column '{theirs}' for {ours}: it has {', '.join(sorted(present))}; "
                f"set `columns: {{{ours}: …}}` in the catalogue entry."
            )
    return mapping


def _fields(wanted: Mapping[str, bool], mapping: Mapping[str, str], *, json_source: bool = False) -> dict[str, str]:
    fields = {}
    for ours in wanted:
        column = identifier(mapping[ours]) if ours in mapping else "NULL"
        if json_source and ours in mapping and ours in (DESCRIPTION, CATEGORIES):
            column = f"{'text_of' if ours == DESCRIPTION else 'list_of'}({column})"
        elif ours == CATEGORIES and ours in mapping:
            column = f"regexp_split_to_array({column}, '\\s*[|,;]\\s*')"
        fields[ours] = column
    return fields


def _first_keys(raw: RawFile) -> list[str]:
    """Keys of the first objects of a JSON lines file: a key may be missing here and there, hardly in all of them."""
    keys: dict[str, None] = {}
    with open_binary(raw.path) as stream:
        for _, line in zip(range(1000), stream, strict=False):
            try:
                row = json.loads(line.decode("utf-8-sig"))
            except ValueError:
                continue
            if isinstance(row, dict):
                keys.update(dict.fromkeys(row))
    return list(keys)


def _semicolons(raw: RawFile, dialect: Dialect) -> Dialect:
    with open_binary(raw.path) as stream:
        first = stream.readline()
    return Dialect(delimiter=";") if dialect.delimiter == "," and b"," not in first and b";" in first else dialect


def _parquet(raw: RawFile, wanted: Mapping[str, bool]) -> RawRows:
    with connect() as connection, readable(raw):
        described = connection.execute(f"DESCRIBE SELECT * FROM read_parquet({literal(raw.path)})").fetchall()
    kinds = {name: kind for name, kind, *_ in described}
    mapping = _mapping(raw, wanted, kinds)
    chosen = []
    for ours in wanted:
        column = identifier(mapping[ours]) if ours in mapping else "NULL"
        if ours == CATEGORIES and ours in mapping and not kinds[mapping[ours]].endswith("[]"):
            column = f"regexp_split_to_array(CAST({column} AS VARCHAR), '\\s*[|,;]\\s*')"
        kind = "VARCHAR[]" if ours == CATEGORIES else "VARCHAR"
        chosen.append(f"CAST({column} AS {kind}) AS {ours}")

    def locate(records: Collection[int]) -> Iterator[Located]:
        return (Located(record, record) for record in sorted(records))

    return RawRows(raw, raw.path, lambda path: f"SELECT {', '.join(chosen)} FROM read_parquet({literal(path)})", locate)
