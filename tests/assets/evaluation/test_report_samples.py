"""Laws of what the report shows beside numbers: counts as recorded, evidence in its own words, lists that differ marked."""

import json
from pathlib import Path

import pandas as pd
import pytest

from assets.evaluation.pairing import opened
from assets.evaluation.report.samples import (
    dataset_record,
    motivation_samples,
    shoppers,
    shortened,
    spread_out,
)
from assets.lake import Address, Lake
from assets.tables import connect, literal, write_frame, write_parquet
from tests.assets.evaluation.planted import BASE, REAL, plant
from tests.assets.synthetic import DATASET

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Lake]:
    """A lake whose first user's prompt showed one review with a control character."""
    home = tmp_path_factory.mktemp("home")
    warehouse = plant(home, {BASE: 0.0, REAL: 0.01}, seeds=(1, 2), users=60)
    lake = Lake(home)
    with (
        lake.write(Address("user_prompts", DATASET), code_version="1", config={}, inputs={}) as draft,
        connect() as con,
    ):
        shown = [
            json.dumps([{"source_id": f"r{n}", "kind": "review", "text": f"Quiet\x1b and good {n}."}])
            for n in range(60)
        ]
        rows = ", ".join(f"({n}, {literal(sources)})" for n, sources in enumerate(shown))
        write_parquet(con, f"SELECT * FROM (VALUES {rows}) AS t(entity_idx, sources)", draft.path / "prompts.parquet")
    return warehouse, lake


def test_users_with_few_with_middling_and_with_many_interactions_are_shown(planted: tuple[Path, Lake]) -> None:
    with opened(planted[0]) as connection:
        chosen = spread_out(connection, DATASET, "item")
    assert len(chosen) == 3
    assert [num_train for _, _, num_train in chosen] == sorted(num_train for _, _, num_train in chosen)


def test_evidence_is_quoted_in_the_words_of_its_source(planted: tuple[Path, Lake]) -> None:
    warehouse, lake = planted
    with opened(warehouse) as connection:
        samples = motivation_samples(connection, lake, DATASET)
    users = [one for one in samples if one.entity == "user"]
    assert len(users) == 3
    for one in users:
        assert one.active[0]["evidence"] == [1]
        assert one.quotes[0].startswith("Quiet and good"), "control characters are gone"


def test_evidence_whose_text_is_unknown_keeps_its_source_id(planted: tuple[Path, Lake]) -> None:
    warehouse, lake = planted
    with opened(warehouse) as connection:
        items = [one for one in motivation_samples(connection, lake, DATASET) if one.entity == "item"]
    assert all(one.quotes[0].startswith("r") for one in items)
    assert all(one.title.startswith("Title") for one in items)


def test_nothing_is_recommended_before_lists_are_published(planted: tuple[Path, Lake]) -> None:
    warehouse, lake = planted
    with opened(warehouse) as connection:
        assert shoppers(connection, lake, DATASET, "lightgcn") == []


def test_items_that_only_one_method_offers_are_told_apart(tmp_path: Path) -> None:
    warehouse = plant(tmp_path, {BASE: 0.0}, seeds=(1,), users=60)
    lake = Lake(tmp_path)
    for method, items in (("base", [0, 1, 2]), ("lmmrec", [0, 1, 3])):
        address = Address("recommendations", DATASET, "lightgcn", method)
        with lake.write(address, code_version="1", config={}, inputs={}) as draft:
            rows = [
                (f"u{user:03d}", f"sku-{item:02d}", rank + 1, 1.0, user, item)
                for user in range(60)
                for rank, item in enumerate(items)
            ]
            columns = ["user_id", "item_id", "rank", "score", "user_idx", "item_idx"]
            write_frame(pd.DataFrame(rows, columns=columns), draft.path / "recommendations.parquet")
    with opened(warehouse) as connection:
        found = shoppers(connection, lake, DATASET, "lightgcn")
    assert len(found) == 3
    for one in found:
        assert [name for name, _ in one.lists] == ["LightGCN", "LMMRec"]
        assert one.shared == {"sku-00", "sku-01"}
        assert all(title.startswith("Title") for title in one.history)


def test_the_record_lists_what_every_step_kept(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    with lake.write(Address("reviews", "shop"), code_version="1", config={}, inputs={}) as draft:
        draft.metadata.update(rows_read=1000, rows_quarantined=3, sample=[{"text": "not a count", "rating": "5"}])
    with lake.write(Address("interactions", "shop"), code_version="1", config={}, inputs={}) as draft:
        draft.metadata["rows_after_each_filter"] = [{"filter": "5-core", "rows": 900, "users": 90, "items": 40}]
    table = dataset_record(lake, "shop")
    assert table is not None
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["reviews", "rows read", "1,000", "–", "–"],
        ["reviews", "rows quarantined", "3", "–", "–"],
        ["interactions", "5-core", "900", "90", "40"],
    ]
    assert dataset_record(lake, "other") is None


def test_long_texts_are_cut_and_lines_joined() -> None:
    assert shortened("two\nlines") == "two lines"
    assert len(shortened("word " * 200)) <= 220
    assert shortened("word " * 200).endswith("…")
