"""Table II and Fig. 2 on planted results: losses against the whole method, noise against clean, one text everywhere."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from assets.evaluation.leaderboard import Comparer
from assets.evaluation.pairing import opened
from assets.evaluation.report.ablations import ablation_picture, ablation_table
from assets.evaluation.report.experiments import experiment_table
from assets.evaluation.report.noise import noise_picture, noise_table
from assets.evaluation.report.page import write_report
from assets.evaluation.report.tables import Cell, Table, latex_text, word
from assets.evaluation.table_two import figure_two, table_two
from assets.lake import Lake
from models.errors import LmmrecError
from tests.assets.evaluation.planted import BASE, REAL, plant

pytestmark = pytest.mark.integration

GAINS = {
    BASE: 0.0,
    REAL: 0.06,
    ("lmmrec", "without-mcs"): -0.02,
    ("lmmrec", "without-icm"): 0.06,
    **{("base", f"noise-{percent:02d}"): -percent / 250 for percent in (5, 10, 15, 20, 25, 30)},
    **{("lmmrec", f"noise-{percent:02d}"): 0.06 - percent / 500 for percent in (5, 10, 15, 20, 25, 30)},
}


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plant(tmp_path_factory.mktemp("home"), GAINS)


def test_an_ablation_is_held_against_the_whole_method_and_the_base_stands_last(warehouse: Path) -> None:
    with opened(warehouse) as connection:
        rows = table_two(Comparer(connection), "tiny", "lightgcn", "strict")
    assert [(row.subject.method, row.subject.variant) for row in rows] == [
        ("lmmrec", "full"),
        ("lmmrec", "without-mcs"),
        ("lmmrec", "without-icm"),
        ("base", "full"),
    ]
    assert not rows[0].against_full
    assert rows[1].against_full["recall_5"]["difference"] == pytest.approx(-0.08, abs=0.012)
    assert rows[1].against_full["recall_5"]["t_p_holm"] < 0.001
    assert abs(rows[2].against_full["recall_5"]["difference"]) < 0.012
    shown = ablation_table(rows)
    assert [cell.text.endswith("*†") for cell in shown.rows[4][1:7]] == [True] * 6  # without MCS
    assert "*" not in "".join(cell.text for cell in shown.rows[5])  # without ICM: nothing was planted


def test_a_noisy_method_is_held_against_itself_on_clean_train_and_against_the_base_at_that_noise(
    warehouse: Path,
) -> None:
    with opened(warehouse) as connection:
        points = figure_two(Comparer(connection), "tiny", "lightgcn", "strict")
    assert [point.share for point in points] == [0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3] * 2
    assert [point.subject.method for point in points] == ["base"] * 7 + ["lmmrec"] * 7
    worst = points[-1]
    assert worst.against_clean["recall_20"]["difference"] == pytest.approx(-0.06, abs=0.012)
    assert worst.against_base["recall_20"]["difference"] == pytest.approx(0.12, abs=0.015)
    assert not points[0].against_clean
    assert not points[0].against_base
    table = noise_table(points)
    assert table.rows[0][0].text == "LightGCN, 0% noise"
    assert len(table.rows) == 14 + 12 + 7


def test_pictures_have_a_bar_and_a_band_for_each_estimate(warehouse: Path) -> None:
    with opened(warehouse) as connection:
        comparer = Comparer(connection)
        rows, points = (find(comparer, "tiny", "lightgcn", "strict") for find in (table_two, figure_two))
        bars = ablation_picture(rows, ablation_table(rows)).drawing
        curves = noise_picture(points, noise_table(points)).drawing
    assert bars.count('class="bar ') == 8
    assert bars.count('class="error"') == 8
    assert curves.count('class="band ') == 2
    assert curves.count("<polyline") == 2


def test_the_report_has_the_same_numbers_in_page_and_csv(warehouse: Path, tmp_path: Path) -> None:
    write_report(warehouse, Lake(warehouse.parent), tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    with opened(warehouse) as connection:
        tables = [
            experiment_table(Comparer(connection), name, "tiny", "lightgcn", protocol)
            for name in ("table-2", "figure-2")
            for protocol in ("strict", "rlmrec")
        ]
    for table in tables:
        assert (tmp_path / f"{table.name}.csv").read_text(encoding="utf-8") == table.as_csv()
        for row in table.rows:
            line = "".join(
                f'<td class="number">{f"<b>{cell.text}</b>" if cell.is_best else cell.text}'
                + (f' <span class="spread">± {cell.spread}</span>' if cell.spread else "")
                + "</td>"
                for cell in row[1:]
            )
            assert f'#{row[0].leads_to}">{row[0].text}</a></th>{line}' in page
    assert "noise" not in page.split("<h3>Results</h3>")[1].split("<h3>")[0]  # it has a table of its own


def test_what_is_not_there_names_the_command(tmp_path: Path) -> None:
    with opened(plant(tmp_path, {BASE: 0.0, REAL: 0.0})) as connection:
        comparer = Comparer(connection)
        with pytest.raises(LmmrecError, match="lmmrec experiment table-2 --dataset tiny --base-model lightgcn"):
            table_two(comparer, "tiny", "lightgcn", "strict")
        with pytest.raises(LmmrecError, match="lmmrec experiment figure-2"):
            figure_two(comparer, "tiny", "lightgcn", "strict")


def test_latex_and_markdown_have_the_texts_of_the_csv() -> None:
    rows = [[word("A & B_c"), Cell("0.1234", "0.01", is_best=True)], [word("gain"), Cell("−1.2 % *†")]]
    table = Table("name", "50 % of {it}", ["Method", "Recall@5"], rows, spread="±")
    latex, markdown = table.as_latex(), table.as_markdown()
    assert r"A \& B\_c & \textbf{0.1234} $\pm$ 0.01 \\" in latex
    assert r"\caption{50 \% of \{it\}}" in latex
    assert r"gain & $-$1.2 \% *\dag{} \\" in latex
    assert "| A & B_c | **0.1234** ± 0.01 |" in markdown
    assert r"| gain | −1.2 % \*† |" in markdown
    assert [row[:2] for row in csv.reader(io.StringIO(table.as_csv()))][1] == ["A & B_c", "0.1234"]
    assert latex_text("\\~^") == r"\textbackslash{}\textasciitilde{}\textasciicircum{}"
