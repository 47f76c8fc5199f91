"""The tables of this stage on disk: prompts with their lineage, and motivations.

Writers take rows as they are made and put them into one file in their order; nothing else here decides content.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.tables import connect, identifier, literal, write_parquet
from models.errors import LmmrecError
from models.language.chat import ChatRequest, Entity, Source
from models.language.motivation import MAX_WORDS, Motivation, MotivationAnswer

if TYPE_CHECKING:
    import pandas as pd

PROMPTS, SHOWN, MOTIVATIONS = "prompts.parquet", "shown.parquet", "motivations.parquet"
_ROWS_AT_ONCE = 2_048
"""Also the rows of a row group: a reader of long texts holds a few groups at a time, not the file."""
_LIST = "STRUCT(motivation VARCHAR, evidence VARCHAR[], strength DOUBLE)[]"
PROMPT_TYPES = {
    "entity_idx": "BIGINT",
    "entity_id": "VARCHAR",
    "system": "VARCHAR",
    "user": "VARCHAR",
    "sources": "VARCHAR",
    "prompt_sha256": "VARCHAR",
    "estimated_tokens": "BIGINT",
    "texts_cut": "BIGINT",
    "sources_left_out": "BIGINT",
}
SHOWN_TYPES = {"entity_idx": "BIGINT", "user_idx": "BIGINT", "item_idx": "BIGINT", "source_id": "VARCHAR"}
MOTIVATION_TYPES = {
    "entity_idx": "BIGINT",
    "entity_id": "VARCHAR",
    "summary": "VARCHAR",
    "active": _LIST,
    "passive": _LIST,
    "reasoning": "VARCHAR[]",
    "provenance": "VARCHAR",
    "reason": "VARCHAR",
    "prompt_sha256": "VARCHAR",
}


@dataclass(frozen=True)
class MotivationRow:
    """What is known about one user or item; `reason` says why where `provenance` is `fallback`."""

    entity_idx: int
    entity_id: str
    summary: str
    provenance: str
    active: tuple[Motivation, ...] = ()
    passive: tuple[Motivation, ...] = ()
    reasoning: tuple[str, ...] = ()
    reason: str | None = None
    prompt_sha256: str | None = None

    @classmethod
    def of_answer(
        cls, entity_idx: int, entity_id: str, answer: MotivationAnswer, provenance: str, prompt: str
    ) -> MotivationRow:
        return cls(
            entity_idx,
            entity_id,
            answer.summary,
            provenance,
            answer.active,
            answer.passive,
            answer.reasoning,
            prompt_sha256=prompt,
        )

    @classmethod
    def of_stored(cls, columns: Mapping[str, Any]) -> MotivationRow:
        """The row as it stands in a motivations file; lists as `read_motivations` gives them."""
        active, passive = (
            tuple(
                Motivation.model_construct(**motivation | {"evidence": tuple(motivation["evidence"] or ())})
                for motivation in columns[side] or ()
            )
            for side in ("active", "passive")
        )
        return cls(
            int(columns["entity_idx"]),
            str(columns["entity_id"]),
            columns["summary"],
            str(columns["provenance"]),
            active,
            passive,
            tuple(columns["reasoning"] or ()),
            columns["reason"],
            columns["prompt_sha256"],
        )

    def as_row(self) -> dict[str, Any]:
        """Plain columns; lists as JSON, which the writer casts."""
        return {
            "entity_idx": self.entity_idx,
            "entity_id": self.entity_id,
            "summary": self.summary,
            "active": json.dumps([motivation.model_dump() for motivation in self.active]),
            "passive": json.dumps([motivation.model_dump() for motivation in self.passive]),
            "reasoning": json.dumps(list(self.reasoning)),
            "provenance": self.provenance,
            "reason": self.reason,
            "prompt_sha256": self.prompt_sha256,
        }


def write_rows(rows: Iterable[Mapping[str, Any]], types: Mapping[str, str], path: Path) -> int:
    """Write rows in their order, a few thousand in memory at a time, and return how many there were.

    Args:
        rows: one mapping a row, with the keys of `types`; values of nested types are JSON text.
        types: column -> SQL type, in the order of the columns.
        path: the Parquet file to be written.
    """
    import pandas as pd

    nested = {name for name, kind in types.items() if kind.endswith("[]")}
    columns = ", ".join(
        f"CAST({f'CAST({identifier(name)} AS JSON)' if name in nested else identifier(name)} AS {kind}) AS "
        f"{identifier(name)}"
        for name, kind in types.items()
    )
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".parts-") as folder, connect(threads=1) as connection:
        parts = []
        remaining = iter(rows)
        for number, chunk in enumerate(iter(lambda: list(islice(remaining, _ROWS_AT_ONCE)), [])):
            frame = pd.DataFrame(chunk, columns=list(types), dtype=object)
            connection.register("chunk", frame)
            parts.append(Path(folder) / f"{number:06d}.parquet")
            write_parquet(connection, f"SELECT {columns} FROM chunk", parts[-1])
            connection.unregister("chunk")
        if not parts:
            empty = ", ".join(f"CAST(NULL AS {kind}) AS {identifier(name)}" for name, kind in types.items())
            return write_parquet(connection, f"SELECT {empty} LIMIT 0", path)
        listed = ", ".join(literal(part) for part in parts)
        everything = f"SELECT * FROM read_parquet([{listed}])"
        return write_parquet(connection, everything, path, row_group_rows=_ROWS_AT_ONCE)


def merge_rows(parts: Iterable[Path], path: Path) -> int:
    """Write the rows of several motivations files into one, by index, and return how many there are."""
    listed = ", ".join(literal(part) for part in parts)
    with connect(threads=1) as connection:
        ordered = f"SELECT * FROM read_parquet([{listed}]) ORDER BY entity_idx"
        return write_parquet(connection, ordered, path, row_group_rows=_ROWS_AT_ONCE)


def count_prompts(folder: Path) -> int:
    """How many prompts there are in `folder`."""
    with connect() as connection:
        found = connection.execute("SELECT count(*) FROM read_parquet(?)", [str(folder / PROMPTS)]).fetchone()
    return int(found[0]) if found else 0


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Reading `path`, with what is wrong with it said in one sentence.

    Raises:
        LmmrecError: it is missing, empty, torn or of another version.
    """
    import duckdb

    try:
        yield
    except (duckdb.Error, ValueError, KeyError, TypeError) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise LmmrecError(
            f"{path} cannot be read ({said[:200]}): it is damaged, or another version wrote it; make it again with "
            "`lmmrec run`, answers that were paid for are kept."
        ) from error


def read_requests(folder: Path, entity: Entity, version: str) -> Iterator[tuple[ChatRequest, str, str]]:
    """(request, entity id, prompt sha256) of every prompt in `folder`, by index; the request's id is the index.

    Raises:
        LmmrecError: the file is damaged.
    """
    with readable(folder / PROMPTS), connect() as connection:
        cursor = connection.execute(
            'SELECT entity_idx, entity_id, system, "user", sources, prompt_sha256 FROM read_parquet(?)',
            [str(folder / PROMPTS)],
        )
        while chunk := cursor.fetchmany(_ROWS_AT_ONCE):
            for entity_idx, entity_id, system, user, sources, sha256 in chunk:
                yield _request(entity, version, entity_idx, system, user, sources), entity_id, sha256


def read_answered(
    motivations: Path, prompts: Path, entity: Entity, version: str
) -> Iterator[tuple[MotivationRow, ChatRequest | None]]:
    """Every stored row beside the prompt of its entity, by index; None where there is no prompt.

    Args:
        motivations: folder of the motivations asset.
        prompts: folder of its prompts.
        entity: whose.
        version: of the prompts.

    Raises:
        LmmrecError: a file is damaged.
    """
    query = f"""SELECT {", ".join(f"m.{name}" for name in MOTIVATION_TYPES)}, p.system, p."user", p.sources
        FROM read_parquet(?) m LEFT JOIN read_parquet(?) p USING (entity_idx) ORDER BY m.entity_idx"""
    with readable(motivations / MOTIVATIONS), connect() as connection:
        cursor = connection.execute(query, [str(motivations / MOTIVATIONS), str(prompts / PROMPTS)])
        while chunk := cursor.fetchmany(_ROWS_AT_ONCE):
            for *columns, system, user, sources in chunk:
                row = MotivationRow.of_stored(dict(zip(MOTIVATION_TYPES, columns, strict=True)))
                asked = sources is not None
                yield row, _request(entity, version, row.entity_idx, system, user, sources) if asked else None


def _request(entity: Entity, version: str, index: int, system: str, user: str, sources: str) -> ChatRequest:
    shown = tuple(Source(source["source_id"], source["kind"], source["text"]) for source in json.loads(sources))
    return ChatRequest(str(index), entity, system, user, shown, MAX_WORDS[entity], version)


def read_motivations(path: Path) -> pd.DataFrame:
    """The rows of a motivations file; `active` and `passive` are lists of dicts, `reasoning` a list of str.

    Raises:
        LmmrecError: the file is damaged.
    """
    import pandas as pd

    with readable(path), connect() as connection:
        cursor = connection.execute("SELECT * FROM read_parquet(?)", [str(path)])
        names = [column[0] for column in cursor.description]
        rows = cursor.fetchall()
    return pd.DataFrame({name: [row[at] for row in rows] for at, name in enumerate(names)})
