"""Which train texts stand behind each prompt: the joins of this stage, in DuckDB.

Only pairs of the train part are ever joined to a review, and every pair whose text is shown is returned as lineage. The
choice among more texts than are shown follows a hash of the ids and the seed: it is the same on every machine, and a new
review changes few prompts. Rendering is `prompts.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.motivations.config import PromptConfig
from assets.motivations.tables import readable
from assets.tables import connect, literal
from models.errors import LmmrecError
from models.language.chat import Entity, Source

if TYPE_CHECKING:
    import duckdb

_CHUNK = 2_000


@dataclass(frozen=True)
class Shown:
    """One piece of text and the interaction it comes from."""

    source: Source
    user_idx: int | None = None
    """None where the text belongs to no interaction (title, description)."""
    item_idx: int | None = None


@dataclass(frozen=True)
class Material:
    """Everything that the prompt about one user or item shows."""

    entity_idx: int
    entity_id: str
    shown: tuple[Shown, ...]


def require_text(dataset: str, inputs: Mapping[str, Path]) -> None:
    """Refuse a dataset that has nothing to read.

    Raises:
        LmmrecError: no review has text, no item a description, and no texts came with the dataset.
    """
    if not has_text(inputs["reviews"], inputs["items"]):
        raise LmmrecError(
            f"dataset {dataset} has no text (no review texts, no item descriptions, no ready texts): methods that read "
            f"text, such as lmmrec, cannot run on it; `lmmrec run {dataset} --method base` needs none."
        )


def has_text(reviews: Path, items: Path) -> bool:
    """Whether a dataset has review texts, item descriptions or ready texts.

    Args:
        reviews: folder of the asset `reviews`.
        items: folder of the asset `items`.
    """
    with connect() as connection:
        return (
            (reviews / "texts.parquet").exists()
            or _any(connection, reviews / "reviews.parquet", "text")
            or _any(connection, items / "items.parquet", "description")
        )


def item_materials(inputs: Mapping[str, Path], config: PromptConfig, spill: Path) -> Iterator[Material]:
    """Items that have a description or a train review and no ready text, by index.

    Args:
        inputs: folders of `reviews`, `items`, `interactions`, `split`.
        config: sizes and seed.
        spill: where DuckDB may put what does not fit into memory.
    """
    with connect(temp_directory=spill) as connection:
        _view_inputs(connection, inputs)
        _choose_pairs(connection, "item", config.reviews_per_item, config.seed)
        cursor = connection.execute("""
            SELECT c.item_idx, c.item_id, any_value(m.title), any_value(m.categories), any_value(m.description),
                list({'user_idx': s.user_idx, 'text': s.text} ORDER BY s.position) FILTER (WHERE s.text IS NOT NULL)
            FROM item_catalogue c LEFT JOIN item_metadata m USING (item_id) LEFT JOIN shown s USING (item_idx)
            WHERE c.item_id NOT IN (SELECT entity_id FROM ready_texts WHERE entity = 'item')
            GROUP BY c.item_idx, c.item_id
            HAVING count(s.text) > 0 OR length(trim(coalesce(any_value(m.description), ''))) > 0
            ORDER BY c.item_idx""")
        for item_idx, item_id, title, categories, description, reviews in _rows(cursor):
            about = [("title", title), ("categories", ", ".join(categories or [])), ("description", description)]
            shown = [Shown(Source(kind, kind, text)) for kind, text in about if text and text.strip()]
            shown += [
                Shown(Source(f"r{number}", "review", review["text"]), user_idx=review["user_idx"], item_idx=item_idx)
                for number, review in enumerate(reviews or [], 1)
            ]
            yield Material(item_idx, item_id, tuple(shown))


def user_materials(inputs: Mapping[str, Path], config: PromptConfig, spill: Path) -> Iterator[Material]:
    """Users with train items and no ready text, by index: titles, the items' summaries, and their own words.

    Args:
        inputs: folders of `reviews`, `items`, `interactions`, `split`, `item_motivations`.
        config: sizes and seed.
        spill: where DuckDB may put what does not fit into memory.
    """
    with connect(temp_directory=spill) as connection:
        _view_inputs(connection, inputs)
        _view(connection, "item_summaries", inputs["item_motivations"] / "motivations.parquet")
        _choose_pairs(connection, "user", config.items_per_user, config.seed)
        cursor = connection.execute("""
            SELECT u.user_idx, u.user_id,
                list({'item_idx': s.item_idx, 'title': m.title, 'summary': i.summary, 'review': s.text}
                     ORDER BY s.position)
            FROM user_catalogue u JOIN shown s USING (user_idx)
                LEFT JOIN item_metadata m ON m.item_id = s.item_id
                LEFT JOIN item_summaries i ON i.entity_idx = s.item_idx
            WHERE u.user_id NOT IN (SELECT entity_id FROM ready_texts WHERE entity = 'user')
            GROUP BY u.user_idx, u.user_id ORDER BY u.user_idx""")
        for user_idx, user_id, choices in _rows(cursor):
            shown = []
            for number, choice in enumerate(choices, 1):
                for kind in ("title", "summary", "review"):
                    if choice[kind] and choice[kind].strip():
                        source = Source(f"i{number}", kind, choice[kind])
                        shown.append(Shown(source, user_idx=user_idx, item_idx=choice["item_idx"]))
            if shown:
                yield Material(user_idx, user_id, tuple(shown))


def _view_inputs(connection: duckdb.DuckDBPyConnection, inputs: Mapping[str, Path]) -> None:
    _view(connection, "reviews", inputs["reviews"] / "reviews.parquet")
    _view(connection, "items", inputs["items"] / "items.parquet")
    _view(connection, "interactions", inputs["interactions"] / "interactions.parquet")
    _view(connection, "user_catalogue", inputs["interactions"] / "users.parquet")
    _view(connection, "item_catalogue", inputs["interactions"] / "items.parquet")
    _view(connection, "train", inputs["split"] / "train.parquet")
    connection.execute("""CREATE TEMP TABLE item_metadata AS SELECT item_id, any_value(title) AS title,
        any_value(description) AS description, any_value(categories) AS categories
        FROM items SEMI JOIN item_catalogue USING (item_id) GROUP BY item_id""")
    ready = inputs["reviews"] / "texts.parquet"
    if ready.exists():
        connection.execute(f"""CREATE TEMP VIEW ready_texts AS SELECT entity, entity_id
            FROM read_parquet({literal(ready)}) WHERE length(trim(text)) > 0""")
    else:
        connection.execute("CREATE TEMP TABLE ready_texts (entity VARCHAR, entity_id VARCHAR)")


def _choose_pairs(connection: duckdb.DuckDBPyConnection, entity: Entity, limit: int, seed: int) -> None:
    """Table `shown`: up to `limit` train pairs of each entity, those with own words first, and their latest text.

    Items are shown no pair without text; users are, since title and summary of the item say something, too.
    """
    connection.execute("""CREATE TEMP TABLE pairs AS
        SELECT p.user_idx, p.item_idx, p.user_id, p.item_id, w.user_id IS NOT NULL AS has_text
        FROM interactions p SEMI JOIN train t ON t.user_idx = p.user_idx AND t.item_idx = p.item_idx
            LEFT JOIN (SELECT DISTINCT user_id, item_id FROM reviews WHERE length(trim(text)) > 0) w
            ON w.user_id = p.user_id AND w.item_id = p.item_id""")
    connection.execute(f"""CREATE TEMP TABLE chosen AS SELECT *, row_number() OVER (
            PARTITION BY {entity}_idx ORDER BY has_text DESC, md5(concat_ws(chr(31), {int(seed)}, user_id, item_id))
        ) AS position FROM pairs {"WHERE has_text" if entity == "item" else ""} QUALIFY position <= {int(limit)}""")
    connection.execute("""CREATE TEMP TABLE shown AS
        SELECT c.user_idx, c.item_idx, c.item_id, c.position, r.text FROM chosen c LEFT JOIN (
            SELECT user_id, item_id, arg_max(text, (coalesce(timestamp, TIMESTAMP 'epoch'), text)) AS text
            FROM reviews SEMI JOIN chosen USING (user_id, item_id)
            WHERE length(trim(text)) > 0 GROUP BY user_id, item_id
        ) r USING (user_id, item_id)""")


def _rows(cursor: Any) -> Iterator[tuple[Any, ...]]:
    while chunk := cursor.fetchmany(_CHUNK):
        yield from chunk


def _view(connection: duckdb.DuckDBPyConnection, name: str, path: Path) -> None:
    with readable(path):
        connection.execute(f"CREATE TEMP VIEW {name} AS SELECT * FROM read_parquet({literal(path)})")


def _any(connection: duckdb.DuckDBPyConnection, path: Path, column: str) -> bool:
    found = connection.execute(
        f"SELECT 1 FROM read_parquet({literal(path)}) WHERE length(trim({column})) > 0 LIMIT 1"
    ).fetchone()
    return found is not None
