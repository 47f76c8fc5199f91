"""A folder of ready matrices, as papers publish their splits (format `published-split`).

Users and items keep their rows and columns. Ids come from the maps where there are any, otherwise the row or column number
is the id. A validation part that is missing is carved out of train. Only arrays are loaded, never pickles.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.columns import PARTS
from assets.datasets.formats.json_lines import open_binary
from assets.datasets.quarantine import QUARANTINE, write_quarantine
from assets.datasets.splits import TRAIN, ratio_labels
from assets.tables import connect, write_frame
from models.errors import LmmrecError

if TYPE_CHECKING:
    from scipy.sparse import coo_matrix

_FILES = {
    "train": ("trn_mat.npz", "train_mat.npz"),
    "validation": ("val_mat.npz", "valid_mat.npz"),
    "test": ("tst_mat.npz", "test_mat.npz"),
}
CARVED_PARTS = (7.0, 1.0, 0.0)
"""Train and validation where the publisher gives no validation part: one eighth is carved out."""
_INDEX = {"user": "uid", "item": "iid"}
_PAIR_TYPES = {"user_idx": "BIGINT", "item_idx": "BIGINT"}
_REVIEW_TYPES = {
    "user_id": "VARCHAR",
    "item_id": "VARCHAR",
    "rating": "DOUBLE",
    "text": "VARCHAR",
    "timestamp": "TIMESTAMP",
}


def write_reviews(source: Path, seed: int, folder: Path) -> dict[str, Any]:
    """Write `reviews.parquet`, `parts.parquet`, `users.parquet`, `items_index.parquet` and, where there are ready texts,
    `texts.parquet` into `folder`.

    Args:
        source: the publisher's folder.
        seed: of the validation part, where it must be carved.

    Returns:
        Figures for people.

    Raises:
        LmmrecError: a matrix is missing, broken, of another shape, or overlaps another part; or a map does not fit.
    """
    import pandas as pd

    if not source.is_dir():
        raise LmmrecError(f"{source} is no folder: correct `path` in the catalogue entry.")
    matrices, carved = read_parts(source, seed)
    num_users, num_items = matrices["train"].shape
    users, items = _ids(source, "user", num_users), _ids(source, "item", num_items)
    pairs = pd.concat(
        [pd.DataFrame({"user_idx": m.row, "item_idx": m.col, "part": part}) for part, m in matrices.items()]
    ).sort_values(["user_idx", "item_idx"], ignore_index=True)
    _write_empty_quarantine(folder)
    write_frame(pairs, folder / "parts.parquet", _PAIR_TYPES | {"part": "VARCHAR"})
    reviews = pd.DataFrame(
        {
            "user_id": [users[index] for index in pairs["user_idx"]],
            "item_id": [items[index] for index in pairs["item_idx"]],
            "rating": None,
            "text": None,
            "timestamp": None,
        }
    )
    write_frame(reviews, folder / "reviews.parquet", _REVIEW_TYPES)
    for name, kind, ids in (("users", "user", users), ("items_index", "item", items)):
        frame = pd.DataFrame({f"{kind}_idx": range(len(ids)), f"{kind}_id": ids})
        write_frame(frame, folder / f"{name}.parquet", {f"{kind}_idx": "BIGINT", f"{kind}_id": "VARCHAR"})
    texts = [("user", *row) for row in _texts(source, "user", users)] + [
        ("item", *row) for row in _texts(source, "item", items)
    ]
    if texts:
        frame = pd.DataFrame(texts, columns=["entity", "entity_id", "text"])
        write_frame(frame, folder / "texts.parquet", dict.fromkeys(frame.columns, "VARCHAR"))
    return {
        "users": num_users,
        "items": num_items,
        "parts": [{"part": part, "interactions": int(matrix.nnz)} for part, matrix in matrices.items()],
        "validation_carved": carved,
        "ready_texts": len(texts),
    }


def write_items(source: Path, folder: Path) -> int:
    """Write `items.parquet` from `item_meta*.jsonl.gz`, where there is one, and return the number of items described."""
    import pandas as pd

    num_items = read_matrix(_find(source, "train")).shape[1]
    ids = _ids(source, "item", num_items)
    found = sorted([*source.glob("item_meta*.jsonl.gz"), *source.glob("item_meta*.jsonl")])
    described = {}
    for file in found[:1]:
        for row in _rows(file):
            described[_index(row, "item", file, num_items)] = _describe(row)
    rows = [(ids[index], *described[index]) for index in sorted(described)]
    frame = pd.DataFrame(rows, columns=["item_id", "title", "description", "categories"])
    types = {"item_id": "VARCHAR", "title": "VARCHAR", "description": "VARCHAR", "categories": "VARCHAR[]"}
    write_frame(frame, folder / "items.parquet", types)
    _write_empty_quarantine(folder)
    return len(rows)


def read_parts(source: Path, seed: int) -> tuple[dict[str, coo_matrix], bool]:
    """The three parts, and whether validation had to be carved out of train."""
    import numpy as np
    from scipy.sparse import coo_matrix

    train = read_matrix(_find(source, "train"))
    test = read_matrix(_find(source, "test"))
    carved = not _candidates(source, "validation")
    if carved:
        users, items = train.row.astype(np.int64), train.col.astype(np.int64)
        kept = ratio_labels(users, items, CARVED_PARTS, seed) == TRAIN
        halves = [
            coo_matrix((np.ones(int(mask.sum())), (users[mask], items[mask])), shape=train.shape)
            for mask in (kept, ~kept)
        ]
        parts = dict(zip(PARTS, (*halves, test), strict=True))
    else:
        parts = dict(zip(PARTS, (train, read_matrix(_find(source, "validation")), test), strict=True))
    for name, part in parts.items():
        if part.shape != train.shape:
            raise LmmrecError(f"{source}: {name} has the shape {part.shape}, train {train.shape}: they must be equal.")
    union = sum(part.tocsr() for part in parts.values())
    if union.nnz < sum(part.nnz for part in parts.values()):
        shared = sum(part.nnz for part in parts.values()) - union.nnz
        raise LmmrecError(f"{source}: {shared:,} pairs stand in more than one part: a test pair must not be in train.")
    return parts, carved


def read_matrix(file: Path) -> coo_matrix:
    """A sparse matrix (users, items) as its non-zero pairs, each once, in the order of rows, then columns."""
    import numpy as np
    from scipy.sparse import coo_matrix, load_npz

    try:
        matrix = load_npz(file).tocsr()
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise LmmrecError(
            f"{file} is no SciPy sparse matrix ({' '.join(str(error).split())[:120]}): save it with save_npz."
        ) from None
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    matrix.sort_indices()
    found = matrix.tocoo()
    return coo_matrix((np.ones(found.nnz), (found.row, found.col)), shape=found.shape)


def _write_empty_quarantine(folder: Path) -> None:
    """Nothing is quarantined here: a broken matrix is refused whole."""
    with connect() as connection:
        write_quarantine(connection, "", [], folder / QUARANTINE)


def _candidates(source: Path, part: str) -> list[Path]:
    return [source / name for name in _FILES[part] if (source / name).exists()]


def _find(source: Path, part: str) -> Path:
    found = _candidates(source, part)
    if not found:
        raise LmmrecError(
            f"{source} has no {' or '.join(_FILES[part])}: format published-split needs the {part} matrix."
        )
    return found[0]


def _ids(source: Path, kind: str, count: int) -> list[str]:
    """The id of each row or column: line k of the map names row k."""
    files = [source / f"{kind}_map.jsonl{ending}" for ending in (".gz", "")]
    file = next((file for file in files if file.exists()), None)
    if file is None:
        return [str(index) for index in range(count)]
    ids: list[str | None] = [None] * count
    for row in _rows(file):
        index = _index(row, kind, file, count)
        other = [value for key, value in row.items() if key != _INDEX[kind]]
        if not other or other[0] in (None, ""):
            raise LmmrecError(f"{file}: the line of {_INDEX[kind]} {index} names no id.")
        ids[index] = str(other[0])
    missing = [index for index, name in enumerate(ids) if name is None]
    if missing:
        raise LmmrecError(
            f"{file} names {count - len(missing):,} of {count:,} {kind}s; the first without is {missing[0]}."
        )
    if len(set(ids)) < count:
        twice = next(name for name in ids if ids.count(name) > 1)
        raise LmmrecError(f"{file} gives the id '{twice}' to two {kind}s: ids must be unique.")
    return [str(name) for name in ids]


def _texts(source: Path, kind: str, ids: Sequence[str]) -> list[tuple[str, str]]:
    """(id, text) of each user or item that has a ready text, in index order."""
    files = [source / f"{kind}_profile.jsonl{ending}" for ending in (".gz", "")]
    file = next((file for file in files if file.exists()), None)
    if file is None:
        return []
    texts = {_index(row, kind, file, len(ids)): str(row["text"]) for row in _rows(file) if row.get("text")}
    return [(ids[index], _clean(texts[index])) for index in sorted(texts)]


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    try:
        with open_binary(file) as stream:
            for line, raw in enumerate(stream, start=1):
                if not raw.strip():
                    continue
                try:
                    row = json.loads(raw)
                except ValueError:
                    raise LmmrecError(f"{file}: line {line} is no JSON: mend or remove it.") from None
                if not isinstance(row, dict):
                    raise LmmrecError(f"{file}: line {line} is no JSON object: mend or remove it.")
                yield row
    except (EOFError, OSError) as error:
        raise LmmrecError(f"{file} cannot be read ({error}): copy or download it again.") from None


def _index(row: dict[str, Any], kind: str, file: Path, count: int) -> int:
    index = row.get(_INDEX[kind])
    if not isinstance(index, int) or not 0 <= index < count:
        raise LmmrecError(f"{file}: {_INDEX[kind]} {index!r} is no row of the matrices (0 to {count - 1}).")
    return index


def _describe(row: dict[str, Any]) -> tuple[str | None, str | None, list[str]]:
    """(title, description, categories) from the fields that publishers use."""
    title = next((row[key] for key in ("title", "app_name", "name") if row.get(key)), None)
    maker = next((row[key] for key in ("authors", "developer", "artist", "brand") if row.get(key)), None)
    description = row.get("description") or (f"by {maker}" if maker else None)
    categories = [str(name) for key in ("categories", "genres", "tags") for name in row.get(key) or [] if name]
    return (
        None if title is None else _clean(str(title)),
        None if description is None else _clean(str(description)),
        list(dict.fromkeys(map(_clean, categories))),
    )


def _clean(text: str) -> str:
    import unicodedata

    whole = text.encode("utf-8", errors="replace").decode("utf-8")
    return unicodedata.normalize("NFC", whole.replace("\0", ""))
