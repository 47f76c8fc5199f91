"""Vectors follow the indices, are made once for each text, and are refused where they cannot be right."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assets.embeddings.embed import write_embeddings
from assets.embeddings.findings import embedding_findings
from assets.embeddings.vectors import VectorStore, text_sha256
from assets.expectations import failed
from assets.motivations.tables import MOTIVATION_TYPES, MotivationRow, write_rows
from assets.tables import read_frame, write_frame
from models.errors import LmmrecError
from models.language.encoders import Keeper, TextEncoder

pytestmark = pytest.mark.integration


class Counting:
    """Encodes a text by its hash, and counts what it was given."""

    name, model, corpus_bound = "counting", "1", False

    def __init__(self, dimension: int = 8) -> None:
        self.seen: list[str] = []
        self._dimension = dimension

    def encode(self, texts: Sequence[str], keeper: Keeper | None = None) -> Any:
        self.seen += texts
        rows = [np.frombuffer(bytes.fromhex(text_sha256(text)), np.uint8)[: self._dimension] for text in texts]
        return np.array(rows, dtype=np.float32).reshape(len(texts), -1) + 1


class Interrupted(Counting):
    """Hands over each vector when it is made, and ends before the last."""

    def encode(self, texts: Sequence[str], keeper: Keeper | None = None) -> Any:
        assert keeper is not None
        for row, text in enumerate(texts[:-1]):
            keeper.keep([row], super().encode([text]))
        raise LmmrecError("interrupted")


class Beside(Counting):
    """Puts the row number beside the vectors of another encoder: corpus-bound, but for that part."""

    name, corpus_bound = "beside", True

    def __init__(self) -> None:
        super().__init__()
        self.kept = Counting()

    def encode(self, texts: Sequence[str], keeper: Keeper | None = None) -> Any:
        return self.completed(texts, self.kept.encode(texts))

    def completed(self, texts: Sequence[str], vectors: Any) -> Any:
        return np.column_stack([vectors, np.arange(len(texts), dtype=np.float32)])

    def views(self, dim: int) -> tuple[int, ...]:
        return dim - 1, 1


class Broken(Counting):
    """Returns what no encoder should."""

    def __init__(self, spoil: Any) -> None:
        super().__init__()
        self._spoil = spoil

    def encode(self, texts: Sequence[str], keeper: Keeper | None = None) -> Any:
        return self._spoil(super().encode(texts))


def write_motivations(folder: Path, users: list[str], items: list[str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, texts in (("users", users), ("items", items)):
        rows = [MotivationRow(at, f"{name}-{at}", text, "extractive").as_row() for at, text in enumerate(texts)]
        write_rows(rows, MOTIVATION_TYPES, folder / f"{name}.parquet")
    return folder


USERS, ITEMS = ["likes tea", "likes coffee", "likes tea"], ["tea pot", "coffee mill"]


def embed(tmp_path: Path, encoder: TextEncoder, name: str, users: list[str] = USERS) -> tuple[Path, dict[str, Any]]:
    motivations = write_motivations(tmp_path / f"{name}-texts", users, ITEMS)
    (tmp_path / name).mkdir()
    return tmp_path / name, write_embeddings(motivations, encoder, tmp_path / "embeddings.sqlite", tmp_path / name)


def test_row_k_is_the_vector_of_text_k(tmp_path: Path) -> None:
    folder, counts = embed(tmp_path, Counting(), "a")
    for name, texts in (("users", USERS), ("items", ITEMS)):
        vectors = np.load(folder / f"{name}.npy", allow_pickle=False)
        assert vectors.dtype == np.float32
        assert (vectors == Counting().encode(texts)).all()
    assert json.loads((folder / "encoder.json").read_text()) == {"encoder": "counting", "model": "1", "dim": 8}
    assert counts["texts_encoded"] + counts["texts_reused"] == 5
    rows = read_frame(folder / "rows.parquet")
    assert rows["text_sha256"].tolist() == [text_sha256(text) for text in USERS + ITEMS]


def test_a_text_is_encoded_once_whoever_has_it_and_never_again(tmp_path: Path) -> None:
    encoder = Counting()
    embed(tmp_path, encoder, "a")
    assert sorted(encoder.seen) == sorted(set(USERS + ITEMS))
    _, counts = embed(tmp_path, encoder, "b", [*USERS, "likes soup"])
    assert encoder.seen[-1] == "likes soup"
    assert counts["texts_encoded"] == 1


def test_of_an_encoder_bound_to_the_corpus_the_part_that_is_not_is_encoded_once(tmp_path: Path) -> None:
    encoder = Beside()
    first, counts = embed(tmp_path, encoder, "first")
    assert counts["texts_encoded"] == len({*USERS, *ITEMS}) == len(encoder.kept.seen)
    second, counts = embed(tmp_path, encoder, "second")
    assert counts["texts_encoded"] == 0
    found = [
        np.concatenate([np.load(folder / f"{side}s.npy") for side in ("user", "item")]) for folder in (first, second)
    ]
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], encoder.encode([*USERS, *ITEMS]))
    assert json.loads((first / "encoder.json").read_bytes())["views"] == [8, 1]


def test_kept_and_fresh_vectors_give_the_same_bytes(tmp_path: Path) -> None:
    first, _ = embed(tmp_path, Counting(), "a")
    second, _ = embed(tmp_path, Counting(), "b")
    (tmp_path / "embeddings.sqlite").unlink()
    third, _ = embed(tmp_path, Counting(), "c")
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes() == (third / path.name).read_bytes()


def test_vectors_of_another_model_are_not_mistaken_for_ones_own(tmp_path: Path) -> None:
    store = tmp_path / "s.sqlite"
    VectorStore(store, "e", "1").keep(["h"], np.ones((1, 4), np.float32))
    assert VectorStore(store, "e", "2").find(["h"]) == {}
    assert (VectorStore(store, "e", "1").find(["h"])["h"] == 1).all()


def test_f21_a_damaged_store_is_set_aside_and_costs_time_only(tmp_path: Path) -> None:
    (tmp_path / "embeddings.sqlite").write_bytes(b"no database at all " * 200)
    _, counts = embed(tmp_path, Counting(), "a")
    assert counts["texts_encoded"] == 4
    assert (tmp_path / "embeddings.sqlite.damaged").read_bytes().startswith(b"no database")


def test_f29_a_store_that_another_run_holds_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = tmp_path / "embeddings.sqlite"
    VectorStore(store, "e", "1").keep(["h"], np.ones((1, 4), np.float32))
    monkeypatch.setattr("assets.embeddings.vectors._LOCK_WAIT_S", 0.05)
    with closing(sqlite3.connect(store, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LmmrecError, match="locked"):
            VectorStore(store, "e", "1").keep(["g"], np.ones((1, 4), np.float32))
    assert set(VectorStore(store, "e", "1").find(["h", "g"])) == {"h"}


def test_f22_a_folder_in_place_of_the_store_is_named(tmp_path: Path) -> None:
    (tmp_path / "embeddings.sqlite").mkdir()
    with pytest.raises(LmmrecError, match=r"embeddings\.sqlite could not be used"):
        VectorStore(tmp_path / "embeddings.sqlite", "e", "1").find(["h"])


def test_f15_a_dimension_other_than_that_of_kept_vectors_is_refused_before_anything_is_stored(tmp_path: Path) -> None:
    embed(tmp_path, Counting(8), "a")
    with pytest.raises(LmmrecError, match="now makes vectors of 5 dimensions"):
        embed(tmp_path, Counting(5), "b", ["likes soup", "likes bread"])
    store = VectorStore(tmp_path / "embeddings.sqlite", "counting", "1")
    assert store.dimension() == 8
    assert store.find([text_sha256(text) for text in ("likes soup", "likes bread")]) == {}


def test_f17_what_was_made_before_an_interruption_is_not_made_again(tmp_path: Path) -> None:
    with pytest.raises(LmmrecError, match="interrupted"):
        embed(tmp_path, Interrupted(), "a")
    encoder = Counting()
    embed(tmp_path, encoder, "b")
    assert encoder.seen == [ITEMS[-1]]


SPOILED = {
    "NaN": lambda v: np.where(np.arange(len(v))[:, None] == 0, np.nan, v),
    "infinity": lambda v: np.full_like(v, np.inf),
    "zero vector": lambda v: v * 0,
    "too few": lambda v: v[:-1],
    "no dimension": lambda v: v[:, :0],
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED.keys())
def test_f15_what_is_no_vector_for_each_text_is_refused_and_not_kept(tmp_path: Path, spoil: Any) -> None:
    with pytest.raises(LmmrecError, match="encoder counting"):
        embed(tmp_path, Broken(spoil), "a")
    assert list((tmp_path / "a").iterdir()) == []
    _, counts = embed(tmp_path, Counting(), "b")
    assert counts["texts_encoded"] == 4


def test_gaps_among_the_indices_are_refused(tmp_path: Path) -> None:
    motivations = write_motivations(tmp_path / "texts", USERS, ITEMS)
    rows = [MotivationRow(at, str(at), "x", "extractive").as_row() for at in (0, 2)]
    write_rows(rows, MOTIVATION_TYPES, motivations / "items.parquet")
    with pytest.raises(LmmrecError, match="gaps"):
        write_embeddings(motivations, Counting(), tmp_path / "s", tmp_path)


def spoil(folder: Path, name: str, change: Any) -> None:
    np.save(folder / name, change(np.load(folder / name)), allow_pickle=False)


def swap_hashes(folder: Path) -> None:
    rows = read_frame(folder / "rows.parquet")
    rows["text_sha256"] = rows["text_sha256"].iloc[::-1].to_list()
    write_frame(rows, folder / "rows.parquet")


FAULTS: dict[str, Any] = {
    "one vector for each text that passed the gate": lambda folder: spoil(folder, "items.npy", lambda v: v[:1]),
    "every vector has 8 dimensions": lambda folder: spoil(folder, "items.npy", lambda v: v[:, :5]),
    "no NaN, no infinity": lambda folder: spoil(folder, "users.npy", lambda v: v * np.nan),
    "no zero vector": lambda folder: spoil(folder, "users.npy", lambda v: v * 0),
    "row k is the vector of text k": swap_hashes,
}


@pytest.mark.parametrize("rule", FAULTS)
def test_each_rule_can_fail_and_keeps_quiet_on_good_vectors(tmp_path: Path, rule: str) -> None:
    folder, _ = embed(tmp_path, Counting(), "a")
    motivations = tmp_path / "a-texts"
    assert [finding for finding in embedding_findings(folder, motivations) if not finding.passed] == []
    FAULTS[rule](folder)
    assert rule in [finding.rule for finding in failed(embedding_findings(folder, motivations))]
