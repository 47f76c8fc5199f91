"""The report says what is published and why, what new items cost, and how newcomers are served; gaps are sentences."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assets.evaluation.recipe import DIAL_SHARES, KNOWN_ITEMS
from assets.evaluation.report.newness import new_items, newcomers, published
from assets.evaluation.report.page import PAGE, write_report
from assets.evaluation.selection import write_selection
from assets.evaluation.text_worth.cold_items import write_cold_items
from assets.evaluation.text_worth.cold_users import write_cold_users
from assets.evaluation.warehouse import rebuild, warehouse_path
from assets.lake import Address, Lake
from tests.assets.evaluation.conftest import writing
from tests.assets.evaluation.planted import BASE, REAL, plant
from tests.assets.synthetic import DATASET

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Planted numbers, a selection, lists with new items, and both measurements of what is new, with their controls."""
    home = tmp_path_factory.mktemp("home")
    plant(home, {BASE: 0.0, REAL: 0.03}, seeds=(2023,), anchors={"ease": -0.1}, users=60)
    lake = Lake(home)
    with writing(lake, Address("selection", DATASET)) as draft:
        draft.metadata.update(write_selection(lake, DATASET, draft.path))
    with writing(lake, Address("published_lists", DATASET)) as draft:
        draft.metadata.update(new_item_share=0.05, new_items=3, new_items_shown=0.04)
    checkpoint = tmp_path_factory.mktemp("checkpoint")
    base = {"name": "gfcf", "rank": 4, "alpha": 0.3, "popularity_power": 0.0}
    (checkpoint / "config.json").write_text(json.dumps({"base": base}))
    split, vectors = (lake.read(Address(asset, DATASET)) for asset in ("split", "text_embeddings"))
    for asset, write in (("cold_item_metrics", write_cold_items), ("cold_user_metrics", write_cold_users)):
        for variant in ("full", "shuffled-text"):
            with writing(lake, Address(asset, DATASET, "gfcf", variant=variant, seed=2023)) as draft:
                draft.metadata.update(write(checkpoint, split, vectors, variant, 2023, draft.path))
    rebuild(lake)
    return lake


def test_the_choice_stands_with_its_candidates_and_what_of_the_lists_is_new(lake: Lake) -> None:
    found = published(lake, DATASET)
    assert found.why.startswith("lmmrec on lightgcn is published")
    assert found.candidates is not None
    assert [row[0].text for row in found.candidates.rows] == ["LightGCN + LMMRec", "LightGCN", "EASE (anchor)"]
    assert [row[-1].text for row in found.candidates.rows] == ["published", "", ""]
    assert found.new_items == "3 new items have 4.0% of the places in the published lists, 5% were asked for."


def test_the_curve_starts_at_no_cost_and_real_text_stands_beside_its_control(lake: Lake) -> None:
    found = new_items(lake, DATASET)
    assert [row[0].text for row in found.table.rows] == ["GF-CF, real text", "GF-CF, shuffled text"]  # type: ignore[union-attr]
    cost, finds = found.pictures
    assert "Recall@20 of known items, % of that without by share of the places" in cost.drawing
    assert cost.drawing.count("<polyline") == finds.drawing.count("<polyline") == 2
    points = cost.drawing.split('points="')[1].split('"')[0].split(" ")
    assert len(points) == len(DIAL_SHARES)
    assert found.said[0].startswith("GF-CF: Items without a single interaction, ranked from their texts: Recall@20")


def test_newcomers_have_a_row_for_each_number_of_known_items(lake: Lake) -> None:
    found = newcomers(lake, DATASET)
    assert found.table is not None
    assert [row[1].text for row in found.table.rows] == [str(known) for known in KNOWN_ITEMS] * 2
    assert found.table.rows[0][3].text == "–"  # nothing is known of her, so that no history serves


def test_all_of_it_is_on_the_page_and_in_csv_files_beside_it(lake: Lake, tmp_path: Path) -> None:
    write_report(warehouse_path(lake.home), lake, tmp_path)
    page = (tmp_path / PAGE).read_text(encoding="utf-8")
    for heading in (
        "What is published, and why",
        "What a share of new items costs in warm accuracy",
        "How newcomers are served",
    ):
        assert f"<h3>{heading}</h3>" in page
    for table in ("selection", "new-items", "new-users"):
        assert (tmp_path / f"{DATASET}-{table}.csv").exists()


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    warehouse = plant(tmp_path, {BASE: 0.0}, seeds=(2023,))
    write_report(warehouse, Lake(tmp_path), tmp_path / "report")
    page = (tmp_path / "report" / PAGE).read_text(encoding="utf-8")
    assert f"Nothing has been selected for {DATASET} yet." in page
    assert page.count("Not measured: it takes texts and text-prior on a base model in closed form.") == 2
