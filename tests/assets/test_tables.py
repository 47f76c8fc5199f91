"""Tables survive the round trip, and a disk that is full says so in the terms the lake understands."""

import errno
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from assets.tables import (
    connect,
    fetch_arrays,
    identifier,
    literal,
    read_column,
    read_frame,
    read_matrix,
    write_frame,
    write_parquet,
)

pytestmark = pytest.mark.unit


def test_a_frame_survives_the_round_trip_in_its_order(tmp_path: Path) -> None:
    frame = pd.DataFrame({"n": [3, 1, 2], "text": ["a'\"", None, "é😀"], "words": [["x"], [], ["y", "z"]]})
    write_frame(frame, tmp_path / "t.parquet", {"n": "BIGINT", "text": "VARCHAR", "words": "VARCHAR[]"})
    assert read_column(tmp_path / "t.parquet", "n") == [3, 1, 2]
    assert read_column(tmp_path / "t.parquet", "text") == ["a'\"", None, "é😀"]
    assert read_column(tmp_path / "t.parquet", "words") == [["x"], [], ["y", "z"]]
    assert list(read_frame(tmp_path / "t.parquet", ["text", "n"]).columns) == ["text", "n"]


def test_an_empty_frame_keeps_its_columns_and_types(tmp_path: Path) -> None:
    write_frame(pd.DataFrame({"n": [], "text": []}), tmp_path / "t.parquet", {"n": "BIGINT", "text": "VARCHAR"})
    with connect() as connection:
        described = connection.execute(
            f"DESCRIBE SELECT * FROM read_parquet({literal(tmp_path / 't.parquet')})"
        ).fetchall()
    assert [(name, kind) for name, kind, *_ in described] == [("n", "BIGINT"), ("text", "VARCHAR")]


def test_paths_and_names_with_quotes_and_spaces_are_taken_as_they_are(tmp_path: Path) -> None:
    folder = tmp_path / 'o\'brien über "x"'
    folder.mkdir()
    write_frame(pd.DataFrame({'odd "name"': [1]}), folder / "t.parquet")
    assert read_column(folder / "t.parquet", 'odd "name"') == [1]
    assert (literal("o'b"), identifier('a"b')) == ("'o''b'", '"a""b"')


def test_equal_rows_give_equal_bytes_whatever_the_threads(tmp_path: Path) -> None:
    for threads in (1, 2, 4):
        with connect(threads) as connection:
            query = "SELECT range AS n, md5((range % 1000)::VARCHAR) AS text FROM range(400000) ORDER BY text, n"
            assert write_parquet(connection, query, tmp_path / f"{threads}.parquet") == 400_000
    assert (tmp_path / "1.parquet").read_bytes() == (tmp_path / "2.parquet").read_bytes()
    assert (tmp_path / "1.parquet").read_bytes() == (tmp_path / "4.parquet").read_bytes()


def test_a_full_disk_is_an_os_error_that_says_so() -> None:
    with connect() as connection, pytest.raises(OSError, match="disk full") as caught:
        write_parquet(connection, "SELECT 1 AS n", Path("/dev/full"))
    assert caught.value.errno == errno.ENOSPC


def test_a_folder_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with connect() as connection, pytest.raises(OSError):
        write_parquet(connection, "SELECT 1 AS n", tmp_path / "gone" / "t.parquet")


def test_times_are_utc_whatever_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    with connect() as connection:
        text = "CAST(TIMESTAMPTZ '2020-01-01 12:00:00' AT TIME ZONE 'UTC' AS VARCHAR)"
        assert connection.execute(f"SELECT {text}").fetchall() == [("2020-01-01 12:00:00",)]


def test_columns_come_as_arrays_and_nulls_as_a_mask() -> None:
    with connect() as connection:
        found = fetch_arrays(connection, "SELECT * FROM (VALUES (1, 2), (3, NULL)) AS t(a, b)")
    assert found["a"].tolist() == [1, 3]
    assert np.ma.getmaskarray(found["b"]).tolist() == [False, True]


def test_a_part_of_a_split_is_a_sorted_binary_matrix_of_the_declared_size(tmp_path: Path) -> None:
    pairs = pd.DataFrame({"user_idx": [0, 0, 2], "item_idx": [3, 1, 0]})
    write_frame(pairs, tmp_path / "train.parquet", {"user_idx": "BIGINT", "item_idx": "BIGINT"})
    write_frame(pairs[:0], tmp_path / "test.parquet", {"user_idx": "BIGINT", "item_idx": "BIGINT"})
    (tmp_path / "sizes.json").write_text('{"num_users": 4, "num_items": 5}')
    matrix = read_matrix(tmp_path, "train")
    assert (matrix.shape, matrix.dtype, matrix.has_sorted_indices) == ((4, 5), np.float32, True)
    assert matrix.toarray()[[0, 0, 2], [1, 3, 0]].tolist() == [1, 1, 1]
    assert matrix.nnz == 3
    assert read_matrix(tmp_path, "test").nnz == 0
