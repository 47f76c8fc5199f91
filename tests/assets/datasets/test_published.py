"""Ready matrices: rows and columns keep their numbers, broken folders are refused, pickles never loaded."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix, save_npz

from assets.datasets.catalog import SplitRule
from assets.datasets.formats import published
from assets.datasets.interactions import write_published_interactions
from assets.datasets.sources import workbench
from assets.datasets.split import write_split
from assets.tables import read_column, read_matrix
from models.errors import LmmrecError
from tests.assets.datasets.raw import Row, rows_of

pytestmark = pytest.mark.unit

TRAIN = [(0, 0), (0, 2), (1, 1), (2, 0), (2, 1), (2, 2)]
VALIDATION, TEST = [(0, 1)], [(1, 2)]
SHAPE = (3, 4)


def save(path: Path, pairs: list[tuple[int, int]], shape: tuple[int, int] = SHAPE) -> None:
    rows, columns = [user for user, _ in pairs], [item for _, item in pairs]
    save_npz(path, csr_matrix((np.ones(len(pairs), dtype=np.float32), (rows, columns)), shape=shape))


def json_lines(path: Path, rows: list[Row]) -> None:
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = tmp_path / "published"
    source.mkdir()
    for name, pairs in (("trn", TRAIN), ("val", VALIDATION), ("tst", TEST)):
        save(source / f"{name}_mat.npz", pairs)
    return source


def take(source: Path, out: Path) -> dict[str, Any]:
    out.mkdir()
    for step in ("reviews", "interactions", "split", "items"):
        (out / step).mkdir()
    figures = published.write_reviews(source, 2023, out / "reviews")
    published.write_items(source, out / "items")
    with workbench(out / "interactions") as (connection, _):
        write_published_interactions(connection, out / "reviews", out / "interactions")
        write_split(connection, out / "interactions", SplitRule(), out / "split")
    return figures


def test_the_parts_come_out_as_they_went_in(tmp_path: Path, folder: Path) -> None:
    take(folder, tmp_path / "out")
    for part, pairs in (("train", TRAIN), ("validation", VALIDATION), ("test", TEST)):
        matrix = read_matrix(tmp_path / "out" / "split", part)
        assert matrix.shape == SHAPE
        assert list(zip(*map(np.ndarray.tolist, matrix.nonzero()), strict=True)) == pairs
    assert read_column(tmp_path / "out" / "interactions" / "items.parquet", "item_id") == ["0", "1", "2", "3"]


def test_maps_texts_and_metadata_are_read_beside_the_matrices(tmp_path: Path, folder: Path) -> None:
    json_lines(
        folder / "user_map.jsonl.gz", [{"uid": 2, "name": "zoe"}, {"uid": 0, "name": "ann"}, {"uid": 1, "name": "bob"}]
    )
    json_lines(folder / "item_map.jsonl.gz", [{"iid": n, "asin": f"B{n}"} for n in range(4)])
    json_lines(
        folder / "item_meta_partial.jsonl.gz", [{"iid": 3, "title": "T\u0000", "authors": "A", "genres": ["g", "g"]}]
    )
    json_lines(
        folder / "user_profile.jsonl.gz",
        [{"uid": 1, "other": "x", "text": "likes e\u0301t\ud800"}, {"uid": 2, "text": ""}],
    )
    figures = take(folder, tmp_path / "out")
    reviews = tmp_path / "out" / "reviews"
    assert rows_of(reviews / "texts.parquet") == [{"entity": "user", "entity_id": "bob", "text": "likes ét?"}]
    assert read_column(reviews / "users.parquet", "user_id") == ["ann", "bob", "zoe"]
    assert rows_of(tmp_path / "out" / "items" / "items.parquet") == [
        {"item_id": "B3", "title": "T", "description": "by A", "categories": ["g"]}
    ]
    assert figures["ready_texts"] == 1
    assert rows_of(reviews / "reviews.parquet")[0] == {
        "user_id": "ann",
        "item_id": "B0",
        "rating": None,
        "text": None,
        "timestamp": None,
    }


def test_a_missing_validation_part_is_an_eighth_of_train_and_leaves_everybody_a_train_pair(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    keys = rng.permutation(40 * 30)[:900]
    pairs = [(int(key) // 30, int(key) % 30) for key in keys]
    source = tmp_path / "p"
    source.mkdir()
    save(source / "train_mat.npz", pairs[:800], (40, 30))
    save(source / "test_mat.npz", pairs[800:], (40, 30))
    parts, carved = published.read_parts(source, 2023)
    assert carved
    assert parts["validation"].nnz == 100
    assert set(parts["train"].row) == {user for user, _ in pairs[:800]}
    assert set(parts["train"].col) == {item for _, item in pairs[:800]}
    again, _ = published.read_parts(source, 2023)
    other, _ = published.read_parts(source, 2024)
    assert (again["validation"] != parts["validation"]).nnz == 0
    assert (other["validation"] != parts["validation"]).nnz > 0


def test_a_pickle_in_disguise_is_refused_unopened(tmp_path: Path, folder: Path) -> None:
    trap = tmp_path / "trap"

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (trap,))

    np.savez(folder / "trn_mat.npz", data=np.array([Trap()], dtype=object), format=np.array(b"csr"), shape=(1, 1))
    with pytest.raises(LmmrecError, match="no SciPy sparse matrix"):
        take(folder, tmp_path / "out")
    assert not trap.exists()


def test_broken_folders_are_refused_in_one_sentence(tmp_path: Path, folder: Path) -> None:
    cases = {
        "trn_mat.npz": (b"PK garbage", "no SciPy sparse matrix"),
        "user_map.jsonl.gz": (gzip.compress(b'{"uid": 0, "name": "a"}\n'), "names 1 of 3 users"),
        "item_map.jsonl": (b'{"iid": 9, "asin": "a"}\n', "iid 9 is no row of the matrices (0 to 3)"),
        "user_map.jsonl": (
            b'{"uid": 0, "n": "a"}\n{"uid": 1, "n": "a"}\n{"uid": 2, "n": "b"}\n',
            "the id 'a' to two users",
        ),
        "user_profile.jsonl": (b"{broken\n", "line 1 is no JSON"),
        "item_map.jsonl.gz": (gzip.compress(b'{"iid": 0, "asin": "a"}\n' * 99)[:30], "cannot be read"),
    }
    for number, (name, (content, message)) in enumerate(cases.items()):
        before = (folder / name).read_bytes() if (folder / name).exists() else None
        (folder / name).write_bytes(content)
        with pytest.raises(LmmrecError) as caught:
            take(folder, tmp_path / f"out{number}")
        assert message in str(caught.value)
        (folder / name).unlink()
        if before is not None:
            (folder / name).write_bytes(before)


def test_overlapping_or_unequal_parts_are_refused(tmp_path: Path, folder: Path) -> None:
    save(folder / "tst_mat.npz", [TRAIN[0]])
    with pytest.raises(LmmrecError, match="1 pairs stand in more than one part"):
        take(folder, tmp_path / "a")
    save(folder / "tst_mat.npz", TEST, (3, 5))
    with pytest.raises(LmmrecError, match="test has the shape"):
        take(folder, tmp_path / "b")
    (folder / "tst_mat.npz").unlink()
    with pytest.raises(LmmrecError, match=r"has no tst_mat\.npz or test_mat\.npz"):
        take(folder, tmp_path / "c")
    with pytest.raises(LmmrecError, match="is no folder"):
        take(folder / "gone", tmp_path / "d")
