"""Table I on planted results: the right rows in order, gains against the right other row, marks where there is an effect."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from assets.evaluation.leaderboard import Comparer, leaderboard_rows
from assets.evaluation.pairing import opened
from assets.evaluation.report.table_one import as_table
from assets.evaluation.report.tables import Table
from assets.evaluation.table_one import TableOne, table_one
from models.errors import LmmrecError
from tests.assets.evaluation.planted import BASE, REAL, SHUFFLED, plant

pytestmark = pytest.mark.integration

UIST, ONCE = ("uist", "full"), ("once", "full")


def made(warehouse: Path, **asked: str) -> tuple[TableOne, Table]:
    with opened(warehouse) as connection:
        comparer = Comparer(connection)
        found = table_one(comparer, leaderboard_rows(comparer), "tiny", "lightgcn", "strict", **asked)
    return found, as_table(found)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[TableOne, Table]:
    """LMMRec gains .06, UIST .03, ONCE loses .03, shuffled text nothing; an anchor stands above them all."""
    gains = {REAL: 0.06, SHUFFLED: 0.0, UIST: 0.03, ONCE: -0.03, BASE: 0.0}
    return made(plant(tmp_path_factory.mktemp("home"), gains, anchors={"ease": 0.2}))


def test_rows_are_base_rivals_target_controls_and_anchors_in_this_order(shown: tuple[TableOne, Table]) -> None:
    assert [row[0].text for row in shown[1].rows] == [
        "LightGCN",
        "LightGCN + UIST",
        "LightGCN + ONCE",
        "LightGCN + LMMRec",
        "LightGCN + LMMRec (shuffled text)",
        *[row[0].text for row in shown[1].rows if row[0].text.startswith("EASE")],
        "LMMRec against the best other",
        "LMMRec against LightGCN",
        "LMMRec against its shuffled text",
    ]


def test_the_best_other_row_is_the_best_method_and_no_control_or_anchor(shown: tuple[TableOne, Table]) -> None:
    found, _ = shown
    assert {one["other"] for one in found.against_best.values()} == {"uist"}
    for name, one in found.against_best.items():
        assert one["difference"] == pytest.approx(0.03, abs=0.012)
        assert found.against_base[name]["difference"] == pytest.approx(0.06, abs=0.012)
        assert one["t_p_holm"] >= one["t_p"]


def test_a_planted_gain_is_marked_over_users_and_over_seeds_and_the_best_of_the_rows_is_bold(
    shown: tuple[TableOne, Table],
) -> None:
    _, table = shown
    rows = {row[0].text: row for row in table.rows}
    for cell in rows["LMMRec against the best other"][1:-1]:
        assert cell.text.startswith("+")
        assert cell.text.endswith(" *† (UIST)")
    bold = [name for name, row in rows.items() if any(cell.is_best for cell in row)]
    assert bold == ["LightGCN + LMMRec"]


def test_where_nothing_was_planted_there_is_no_mark_and_a_loss_has_its_sign(tmp_path: Path) -> None:
    _, table = made(plant(tmp_path, {BASE: 0.0, REAL: 0.0, UIST: 0.05}))
    rows = {row[0].text: row for row in table.rows}
    assert not any("*" in cell.text for cell in rows["LMMRec against LightGCN"])
    assert all(cell.text.startswith("−") and "*" in cell.text for cell in rows["LMMRec against the best other"][1:-1])


def test_a_row_of_fewer_seeds_is_not_the_best_other_one(tmp_path: Path) -> None:
    plant(tmp_path, {ONCE: 0.2}, seeds=(2023,))
    found, _ = made(plant(tmp_path, {BASE: 0.0, REAL: 0.02, UIST: 0.01}))
    assert {one["other"] for one in found.against_best.values()} == {"uist"}
    assert {one["num_seeds"] for one in found.against_best.values()} == {3}


def test_one_seed_has_no_interval_and_no_word_on_other_seeds(tmp_path: Path) -> None:
    _, table = made(plant(tmp_path, {BASE: 0.0, REAL: 0.05}, seeds=(2023,)))
    rows = {row[0].text: row for row in table.rows}
    assert all(cell.spread == "" for cell in rows["LightGCN"][1:-1])
    assert all(cell.text.endswith(" *") for cell in rows["LMMRec against LightGCN"][1:-1])


def test_the_csv_has_the_same_texts(shown: tuple[TableOne, Table]) -> None:
    _, table = shown
    rows = list(csv.reader(io.StringIO(table.as_csv())))
    assert len(rows) == len(table.rows) + 1
    assert rows[0][:3] == ["Method", "Recall@5", "Recall@5 ± 95 %"]
    texts = {cell.text for row in table.rows for cell in row}
    assert texts <= set(np.concatenate(rows).tolist()) | {text.replace("−", "-") for text in texts}


def test_without_numbers_of_the_method_the_command_that_makes_them_is_named(tmp_path: Path) -> None:
    with pytest.raises(LmmrecError, match="lmmrec experiment table-1 --dataset tiny --base-model lightgcn"):
        made(plant(tmp_path, {BASE: 0.0}))
