"""Laws of the report: it stands alone, escapes strangers' text, agrees with its CSV files, and says what is missing."""

import csv
import html
import io
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from assets.evaluation.pairing import Subject
from assets.evaluation.report import svg as plots
from assets.evaluation.report.page import PAGE, Section, render, write_report
from assets.evaluation.report.samples import Motivated, Shopper
from assets.evaluation.report.statements import Statement, is_the_base, weighs_nothing
from assets.evaluation.report.svg import Estimate, Line, Series
from assets.evaluation.report.tables import Cell, Table, p_text, percent, subject_name
from assets.evaluation.warehouse import rebuild, warehouse_path
from assets.lake import Lake
from models.errors import LmmrecError
from tests.assets.evaluation.planted import BASE, REAL, SHUFFLED, plant

pytestmark = pytest.mark.integration

HOSTILE = "<script>alert(1)</script> & \"'><img src=x onerror=alert(1)>"
VOID = {"meta", "link", "img", "br", "hr", "input"}


class Page(HTMLParser):
    """Tags, attributes, headings and tables of one page; refuses tags that do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[int] = []
        self.tables: list[list[list[str]]] = []
        self._open: list[str] = []
        self._cell: list[str] | None = None
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self._cell = []

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        if tag in ("td", "th") and self._cell is not None:
            self.tables[-1][-1].append(" ".join("".join(self._cell).split()))
            self._cell = None

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(data)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on planted results."""
    home, target = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("report")
    warehouse = plant(home, {BASE: 0.0, REAL: 0.03, SHUFFLED: 0.0}, anchors={"ease": 0.1, "popularity": -0.1})
    figures = write_report(warehouse, Lake(home), target)
    assert figures["datasets"] == 1
    return target


@pytest.fixture(scope="module")
def text(folder: Path) -> str:
    return (folder / PAGE).read_text(encoding="utf-8")


def test_the_page_asks_the_network_for_nothing_and_runs_no_script(text: str) -> None:
    page = Page(text)
    assert not re.search(
        r"https?://|//[a-z]|@import|url\(", re.sub(r'<a href="http://127\.0\.0\.1:3000/runs/', "<a ", text)
    )
    assert not {"script", "link", "iframe", "object", "embed", "img"} & {tag for tag, _ in page.tags}
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]


def test_every_link_leads_to_a_csv_beside_the_page_into_the_page_or_to_a_run(folder: Path, text: str) -> None:
    page = Page(text)
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    links = [attributes["href"] or "" for tag, attributes in page.tags if tag == "a"]
    assert links
    for link in links:
        if link.startswith("http"):
            assert link == "http://127.0.0.1:3000/runs/run-1"
        else:
            assert link.removeprefix("#") in ids if link.startswith("#") else (folder / link).exists()


def test_every_row_of_numbers_leads_to_the_runs_that_made_it(text: str, folder: Path) -> None:
    rows = re.findall(r'<tr><th scope="row">(?:<a class="origin" href="#([^"]+)">)?(?:.*?)</tr>', text)
    named = {name for name in rows if name}
    origins = dict(re.findall(r'<tr><th scope="row" id="(row-[^"]+)">.*?<a href="([^"]+)">run-1</a>', text))
    assert named
    assert named <= origins.keys()
    for kind in ("results-strict", "paired-tests-strict", "beyond-accuracy"):
        (file,) = folder.glob(f"*-{kind}.csv")
        first = {row[0] for row in list(csv.reader(io.StringIO(file.read_text(encoding="utf-8"))))[1:]}
        assert first
        assert all(f">{html.escape(name)}</a></th>" in text for name in first)


def test_links_lead_to_the_address_of_the_ui_that_is_set(tmp_path: Path) -> None:
    warehouse = plant(tmp_path, {BASE: 0.0, REAL: 0.03})
    write_report(warehouse, Lake(tmp_path), tmp_path / "report", "https://dagster.shop.example/")
    text = (tmp_path / "report" / PAGE).read_text(encoding="utf-8")
    assert 'href="https://dagster.shop.example/runs/run-1"' in text
    assert "127.0.0.1" not in text


def test_tables_and_csv_files_hold_the_same_numbers(folder: Path, text: str) -> None:
    shown = {json.dumps(table) for table in Page(text).tables}
    files = sorted(folder.glob("*.csv"))
    assert len(files) == len(shown) >= 6
    for file in files:
        rows = list(csv.reader(io.StringIO(file.read_text(encoding="utf-8"))))
        assert json.dumps(list(joined(rows))) in shown


def joined(rows: list[list[str]]) -> Iterator[list[str]]:
    """CSV rows with the spread put behind its value, as the page shows it."""
    spread = [name.endswith(" std") for name in rows[0]]
    for number, row in enumerate(rows):
        merged: list[str] = []
        for is_spread, value in zip(spread, row, strict=True):
            if not is_spread:
                merged.append(value)
            elif number and value:
                merged[-1] += f" ± {value}"
        yield merged


def test_the_page_can_be_read_without_seeing_it(text: str) -> None:
    page = Page(text)
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(page.headings, page.headings[1:], strict=False))
    count = {name: sum(tag == name for tag, _ in page.tags) for name in ("table", "caption")}
    assert count["table"] == count["caption"]
    assert all("scope" in attributes for tag, attributes in page.tags if tag == "th")
    pictures = [attributes for tag, attributes in page.tags if tag == "svg" and attributes.get("class") == "plot"]
    assert pictures
    assert all(len(attributes["aria-label"] or "") > 40 for attributes in pictures)
    assert ("html", {"lang": "en"}) in page.tags


def test_every_table_of_numbers_states_its_protocol_and_lists_the_anchors(text: str) -> None:
    captions = re.findall(r"<caption><span>(.*?)<a", text)
    measured = [caption for caption in captions if "esults" in caption or "tests" in caption or "Recall" in caption]
    assert len(measured) >= 5
    assert all("protocol strict" in caption or "protocol rlmrec" in caption for caption in measured)
    results = [table for table in Page(text).tables if table[0][:2] == ["Method", "Recall@5"]]
    assert len(results) == 2
    for table in results:
        assert {"EASE (anchor)", "Popularity (anchor)", "LightGCN", "LightGCN + LMMRec"} <= {row[0] for row in table}


def test_what_comes_first_is_short_and_nothing_is_left_out(text: str) -> None:
    first, aside = re.split(r"<details><summary>\d+ more: ", text.split("<h3>In short</h3>")[1].split("<h3>")[0])
    assert "Recall@20" in first
    assert "NDCG@20 0" not in first  # neither the second metric nor its digits
    (counted,) = re.findall(r"<summary>(\d+) more: ", text)
    assert aside.count("<li") == int(counted) >= 2


def test_the_findings_follow_from_what_was_planted(text: str) -> None:
    assert "its lead over LightGCN is significant" in text
    assert "shuffled text shows no significant gain" in text
    assert "significantly below EASE (anchor)" in text


def test_the_same_warehouse_gives_the_same_report(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    warehouse = plant(home, {BASE: 0.0, REAL: 0.01}, seeds=(1,))
    for name in ("first", "second"):
        write_report(warehouse, Lake(home), tmp_path / name)
    for file in (tmp_path / "first").iterdir():
        assert file.read_bytes() == (tmp_path / "second" / file.name).read_bytes()


def test_two_base_models_have_tables_and_files_of_their_own(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for base_model in ("lightgcn", "polycf"):
        warehouse = plant(home, {BASE: 0.0, REAL: 0.03}, seeds=(1,), base_model=base_model)
    figures = write_report(warehouse, Lake(home), tmp_path / "report")
    assert len(list((tmp_path / "report").glob("*.csv"))) == figures["tables"]
    page = (tmp_path / "report" / PAGE).read_text(encoding="utf-8")
    assert "its lead over PolyCF is significant" in page
    assert "its lead over LightGCN is significant" in page


def test_a_dataset_with_the_base_model_alone_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    warehouse = plant(tmp_path / "home", {BASE: 0.0}, seeds=(1,))
    write_report(warehouse, Lake(tmp_path / "home"), tmp_path)
    page = (tmp_path / PAGE).read_text(encoding="utf-8")
    assert "has no second method" in page
    assert "No recommendations have been published" in page


def test_an_empty_warehouse_gives_a_page_that_says_so(tmp_path: Path) -> None:
    rebuild(Lake(tmp_path))
    figures = write_report(warehouse_path(tmp_path), Lake(tmp_path), tmp_path / "report")
    assert figures["datasets"] == 0
    assert "There are no numbers yet" in (tmp_path / "report" / PAGE).read_text(encoding="utf-8")


def test_no_warehouse_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(LmmrecError, match=r"no warehouse at .*lmmrec run demo"):
        write_report(tmp_path / "warehouse.duckdb", Lake(tmp_path), tmp_path)


def test_a_warehouse_that_lost_its_lake_still_gives_a_report(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    warehouse = plant(tmp_path / "home", {BASE: 0.0, REAL: 0.03}, seeds=(1,))
    write_report(warehouse, Lake(tmp_path / "elsewhere"), tmp_path)
    page = (tmp_path / PAGE).read_text(encoding="utf-8")
    assert "has no motivations" in page
    assert "holds no training curve" in page


def test_text_of_strangers_is_escaped_everywhere() -> None:
    entry = {"motivation": HOSTILE, "strength": 0.5, "evidence": [1]}
    table = Table("table", HOSTILE, [HOSTILE], [[Cell(HOSTILE, HOSTILE, is_best=True, is_number=False)]])
    section = Section(
        "demo",
        statements=[Statement(HOSTILE, "neutral")],
        results=[table],
        motivations=[Motivated("user", HOSTILE, HOSTILE, 3, HOSTILE, HOSTILE, [entry], [entry], [HOSTILE])],
        shoppers=[
            Shopper(
                HOSTILE,
                3,
                [HOSTILE],
                [(HOSTILE, [{"item_id": HOSTILE, "title": HOSTILE, "reason": HOSTILE}])],
                frozenset(),
            )
        ],
    )
    page = Page(render([section], None))
    assert not {"script", "img"} & {tag for tag, _ in page.tags}
    assert [HOSTILE] in [[cell.split(" ± ")[0] for cell in row] for row in page.tables[0]]


def test_names_in_pictures_are_escaped() -> None:
    drawn = [
        plots.line_plot([Line(HOSTILE, [(0, 0.1), (3, 0.2)], 0, 3)], HOSTILE, HOSTILE, HOSTILE),
        plots.group_plot([HOSTILE], [Series(HOSTILE, [Estimate(0.1, 0.05, 0.2)], 1)], HOSTILE, HOSTILE),
        plots.difference_plot([HOSTILE], [Series(HOSTILE, [Estimate(0.1, -0.05, 0.2)], 2)], HOSTILE, HOSTILE),
    ]
    for svg in drawn:
        assert not {"script", "img"} & {tag for tag, _ in Page(svg).tags}


@pytest.mark.parametrize("values", [[0.0], [0.2, 0.2], [-0.5, 0.5], [1e-9, 2e-9], []])
def test_any_values_can_be_drawn(values: list[float]) -> None:
    estimates = [Estimate(value, value, value) for value in values]
    series = [Series("one", estimates, 4)]
    groups = [str(value) for value in values]
    for svg in (
        plots.difference_plot(groups, series, "t", "x"),
        plots.group_plot(groups, series, "t", "y"),
        plots.line_plot([Line("one", list(enumerate(values)), 3)], "t", "x", "y"),
    ):
        assert "nan" not in svg
        Page(svg)


def test_ticks_are_round_and_inside_the_axis() -> None:
    ticks = plots._Scale([0.0, 0.31], 0, 100, pad=0.06).ticks
    assert ticks == [0.0, 0.1, 0.2, 0.3]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "–"), (1.0, "1.00"), (0.416, "0.42"), (0.0312, "0.031"), (0.00123, "0.0012"), (3.2e-9, "3e-09")],
)
def test_p_values_keep_the_digits_that_mean_something(value: float | None, shown: str) -> None:
    assert p_text(value) == shown


def test_signs_are_real_minus_signs() -> None:
    assert percent(-0.0123) == "−1.2 %"
    assert percent(0.0123) == "+1.2 %"
    assert percent(-0.00001) == "0.0 %"


def test_rows_are_named_as_people_say() -> None:
    names = [
        subject_name(Subject("demo", base, method, variant, "strict"))
        for base, method, variant in (
            ("lightgcn", "base", "full"),
            ("lightgcn", "lmmrec", "shuffled-text"),
            ("gfcf", "anchor", "full"),
            ("mine", "own", "full"),
        )
    ]
    assert names == ["LightGCN", "LightGCN + LMMRec (shuffled text)", "GF-CF (anchor)", "mine + own"]


def test_methods_whose_texts_weigh_nothing_share_one_sentence() -> None:
    nothing = {"recall_5": {"difference": 0.0, "low": 0.0, "high": 0.0}}
    assert is_the_base(nothing)
    assert not is_the_base({**nothing, "ndcg_5": {"difference": 0.0, "low": -0.1, "high": 0.1}})
    assert not is_the_base({})
    silent = [
        Subject("tiny", base_model, "text-prior", variant, "strict")
        for base_model in ("ease", "gfcf")
        for variant in ("full", "shuffled-text")
    ]
    (told,) = weighs_nothing(silent)
    assert told.tone == "neutral"
    assert all(subject_name(one) in told.text for one in silent)
    assert weighs_nothing([]) == []
