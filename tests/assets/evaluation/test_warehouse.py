"""The warehouse is the lake's numbers, whole, and replaced under readers without their noticing."""

import shutil
from pathlib import Path

import duckdb
import pytest

from assets.evaluation.warehouse import metrics_rows, open_warehouse, read_table, rebuild, warehouse_path
from assets.lake import Address, Lake
from models.errors import LmmrecError
from tests.assets.synthetic import DATASET, ITEMS, USERS

pytestmark = pytest.mark.integration
COLUMNS = [
    "dataset", "base_model", "method", "variant", "seed", "protocol", "metric", "k", "value", "num_users", "epoch",
    "train_seconds", "run_id", "created_at",
]  # fmt: skip


@pytest.fixture
def copy(finished: Lake, tmp_path: Path) -> Lake:
    """A lake of one's own to change."""
    shutil.copytree(finished.home, tmp_path / "copy")
    warehouse_path(tmp_path / "copy").unlink(missing_ok=True)
    return Lake(tmp_path / "copy")


def test_every_cell_of_the_lake_stands_in_the_table_metrics(copy: Lake) -> None:
    rebuild(copy)
    rows = metrics_rows(copy.home)
    assert list(rows[0]) == COLUMNS
    cells = {(row["dataset"], row["method"], row["variant"], row["seed"]) for row in rows if row["method"] != "anchor"}
    assert cells == {
        *((DATASET, method, variant, seed) for method, variant in
          (("base", "full"), ("lmmrec", "full"), ("lmmrec", "shuffled-text")) for seed in (2023, 2024)),
        ("wordless", "base", "full", 2023),
    }  # fmt: skip
    assert {row["base_model"] for row in rows if row["method"] == "anchor"} == {"popularity", "itemknn"}


def test_trained_rows_carry_run_and_seconds_and_anchors_no_seconds(copy: Lake) -> None:
    rows = metrics_rows(copy.home)
    assert all(row["run_id"] == "run-1" and row["created_at"] is not None for row in rows)
    assert all((row["train_seconds"] is None) == (row["method"] == "anchor") for row in rows)


def test_rows_are_narrowed_to_what_is_asked(copy: Lake) -> None:
    rows = metrics_rows(copy.home, dataset=DATASET, base_model="lightgcn", method="lmmrec")
    assert {(row["dataset"], row["method"]) for row in rows} == {(DATASET, "lmmrec")}
    assert len(rows) == 2 * 2 * 2 * 9


def test_user_metrics_average_to_the_means(copy: Lake) -> None:
    rebuild(copy)
    found = read_table(
        copy.home,
        """SELECT count(*) AS cells, max(abs(m.value - u.mean)) AS worst FROM metrics m JOIN (
            SELECT dataset, base_model, method, variant, seed, protocol, avg(ndcg_10) AS mean
            FROM user_metrics GROUP BY ALL) u USING (dataset, base_model, method, variant, seed, protocol)
        WHERE m.metric = 'ndcg' AND m.k = 10""",
    )
    assert found[0]["cells"] == 2 * (6 + 1 + 2 * 2)
    assert found[0]["worst"] < 1e-12


def test_users_can_be_paired_across_methods(copy: Lake) -> None:
    rebuild(copy)
    found = read_table(
        copy.home,
        f"""SELECT method, variant, count(DISTINCT user_idx) AS users FROM user_metrics
        WHERE dataset = '{DATASET}' GROUP BY ALL""",
    )
    assert len({row["users"] for row in found}) == 1


def test_entities_carry_ids_training_counts_and_buckets(copy: Lake) -> None:
    rebuild(copy)
    users = read_table(copy.home, f"SELECT * FROM entities WHERE dataset = '{DATASET}' AND entity = 'user'")
    items = read_table(copy.home, f"SELECT * FROM entities WHERE dataset = '{DATASET}' AND entity = 'item'")
    assert (len(users), len(items)) == (USERS, ITEMS)
    assert {user["bucket"] for user in users} == {"6–10"}
    assert {user["tier"] for user in users} == {None}
    assert sum(item["num_train"] for item in items) == sum(user["num_train"] for user in users) == 6 * USERS
    assert {item["tier"] for item in items} == {"head", "torso", "tail"}
    head, tail = ([item["num_train"] for item in items if item["tier"] == tier] for tier in ("head", "tail"))
    assert min(head) >= max(tail)


def test_a_reader_keeps_the_old_warehouse_while_a_new_one_takes_its_place(copy: Lake) -> None:
    rebuild(copy)
    with duckdb.connect(str(warehouse_path(copy.home)), read_only=True) as reader:
        before = reader.execute("SELECT count(*) FROM metrics").fetchone()
        shutil.rmtree(copy.path(Address("base_metrics", DATASET)))
        rebuild(copy)
        assert reader.execute("SELECT count(*) FROM metrics").fetchone() == before
    assert {row["method"] for row in metrics_rows(copy.home, dataset=DATASET)} == {"anchor", "lmmrec"}
    assert [path.name for path in copy.home.glob(".warehouse*")] == []


def test_a_rebuild_that_fails_leaves_the_old_one(copy: Lake) -> None:
    rebuild(copy)
    before = warehouse_path(copy.home).read_bytes()
    cell = copy.path(Address("base_metrics", DATASET, "lightgcn", variant="full", seed=2023)) / "means.parquet"
    cell.write_bytes(b"x" * cell.stat().st_size)
    with pytest.raises((duckdb.Error, LmmrecError)):
        rebuild(copy)
    assert warehouse_path(copy.home).read_bytes() == before
    assert [path.name for path in copy.home.glob(".warehouse*")] == []


def test_a_missing_warehouse_is_rebuilt_by_whoever_reads(copy: Lake) -> None:
    assert not warehouse_path(copy.home).exists()
    assert metrics_rows(copy.home)
    assert warehouse_path(copy.home).exists()


def test_the_warehouse_opens_read_only(copy: Lake) -> None:
    with open_warehouse(copy.home) as connection, pytest.raises(duckdb.Error):
        connection.execute("DELETE FROM metrics")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"dataset": "tinny"}, "no metrics of dataset 'tinny': there are those of tiny, wordless"),
        ({"base_model": "bpr"}, "no metrics of base model 'bpr': there are those of itemknn, lightgcn, popularity"),
        ({"method": "uist"}, "no metrics of method 'uist': there are those of anchor, base, lmmrec"),
        ({"dataset": "wordless", "method": "lmmrec"}, "no metrics with dataset wordless, method lmmrec together"),
    ],
)
def test_what_there_are_no_metrics_of_is_said_with_what_there_is(
    copy: Lake, asked: dict[str, str], message: str
) -> None:
    with pytest.raises(LmmrecError, match=message):
        metrics_rows(copy.home, **asked)


def test_an_empty_home_says_how_to_get_metrics(home: Path) -> None:
    with pytest.raises(LmmrecError, match=r"no metrics in .* yet: make some with `lmmrec run demo`"):
        metrics_rows(home)
