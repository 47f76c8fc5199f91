"""The report: one page that stands alone, with its tables as CSV files beside it.

Here the parts are gathered per dataset and handed to the template; every number comes from the warehouse, every sentence
about numbers from `statements.py`. The page asks the network for nothing and runs no script. A part that is missing
becomes a sentence that says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assets.evaluation.experiments import ABLATIONS
from assets.evaluation.leaderboard import Comparer, leaderboard_rows
from assets.evaluation.pairing import METRICS, Subject, opened, subjects
from assets.evaluation.report import statements
from assets.evaluation.report.courses import course_pictures
from assets.evaluation.report.density import density_pictures
from assets.evaluation.report.experiments import Experiment, experiments
from assets.evaluation.report.newness import New, Published, new_items, newcomers, published
from assets.evaluation.report.origins import cells_table, materialisations_table
from assets.evaluation.report.pictures import Picture, difference_pictures, slice_pictures, versus
from assets.evaluation.report.samples import (
    Motivated,
    Shopper,
    cost_table,
    dataset_record,
    motivation_samples,
    shoppers,
)
from assets.evaluation.report.statements import Statement
from assets.evaluation.report.tables import (
    Table,
    comparison_table,
    method_cell,
    results_table,
    subject_name,
    wide_table,
)
from assets.evaluation.slices import item_slices, user_slices
from assets.lake import Lake
from assets.settings import UI_URL
from assets.training.noise import NOISE

PAGE = "report.html"
PRIMARY = "strict"
"""The protocol that is spoken of: what production sees. Tables of results have both."""
OTHER = "rlmrec"


@dataclass
class Section:
    """Everything about one dataset."""

    dataset: str
    statements: list[Statement] = field(default_factory=list)
    results: list[Table] = field(default_factory=list)
    tests: list[Table] = field(default_factory=list)
    differences: list[Picture] = field(default_factory=list)
    slices: list[Picture] = field(default_factory=list)
    densities: list[Picture] = field(default_factory=list)
    curves: list[Picture] = field(default_factory=list)
    experiments: list[Experiment] = field(default_factory=list)
    beyond: Table | None = None
    record: Table | None = None
    cost: Table | None = None
    cells: Table | None = None
    materialisations: Table | None = None
    motivations: list[Motivated] = field(default_factory=list)
    shoppers: list[Shopper] = field(default_factory=list)
    published: Published = field(default_factory=Published)
    new_items: New = field(default_factory=New)
    newcomers: New = field(default_factory=New)

    @property
    def tables(self) -> list[Table]:
        pictured = [picture.table for picture in (*self.slices, *self.densities)]
        new = [self.published.candidates, self.new_items.table, self.newcomers.table]
        single = [self.beyond, *new, self.record, self.cost, self.cells, self.materialisations]
        of_experiments = [table for one in self.experiments for table in one.tables]
        every = (*self.results, *self.tests, *of_experiments, *pictured, *single)
        return [table for table in every if table is not None]


def write_report(warehouse: Path, lake: Lake, target: Path, ui_url: str = UI_URL) -> dict[str, Any]:
    """Write `report.html` and every table as CSV and as LaTeX into the folder `target`.

    Args:
        ui_url: address of the Dagster UI, to whose pages of runs the report links.

    Returns:
        Figures for the asset's metadata: datasets, tables, bytes, and the findings, one row each.

    Raises:
        LmmrecError: there is no warehouse. One without numbers gives a page that says so.
    """
    with opened(warehouse) as connection:
        comparer = Comparer(connection)
        board, known = leaderboard_rows(comparer), subjects(connection)
        sections = [
            gather(comparer, lake, board, [one for one in known if one.dataset == dataset])
            for dataset in sorted({one.dataset for one in known})
        ]
        latest = connection.execute("SELECT max(created_at) FROM runs").fetchone()
    page = render(sections, f"{latest[0]:%d %B %Y, %H:%M} UTC" if latest and latest[0] else None, ui_url)
    target.mkdir(parents=True, exist_ok=True)
    (target / PAGE).write_text(page, encoding="utf-8")
    tables = [table for section in sections for table in section.tables]
    for table in tables:
        (target / f"{table.name}.csv").write_text(table.as_csv(), encoding="utf-8")
        (target / f"{table.name}.tex").write_text(table.as_latex(), encoding="utf-8")
    return {
        "datasets": len(sections),
        "tables": len(tables),
        "bytes": len(page.encode()),
        "findings": [
            {"dataset": s.dataset, "finding": one.text, "tone": one.tone} for s in sections for one in s.statements
        ],
    }


def render(sections: Sequence[Section], as_of: str | None, ui_url: str = UI_URL) -> str:
    """The page; everything but our own SVG is escaped by the template engine."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("assets.evaluation.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = Path(__file__).with_name("report.css").read_text(encoding="utf-8")
    page: str = environment.get_template("report.html").render(
        sections=sections, as_of=as_of, style=style, primary=PRIMARY, other=OTHER, ui_url=ui_url.rstrip("/")
    )
    return page


def gather(comparer: Comparer, lake: Lake, board: Sequence[dict[str, Any]], known: Sequence[Subject]) -> Section:
    """The section of one dataset."""
    connection = comparer.connection
    dataset = known[0].dataset
    section = Section(dataset)
    section.experiments = experiments(comparer, lake, board, known, PRIMARY, OTHER)
    known = [one for one in known if one.variant not in (*ABLATIONS, *NOISE)]  # those have tables of their own
    for protocol in (PRIMARY, OTHER):
        order = [one for one in known if one.protocol == protocol]
        order.sort(key=lambda one: (not one.is_anchor, one.base_model, one.method != "base", one.method, one.variant))
        if order:
            section.results.append(results_table(board, dataset, protocol, order))
            section.tests.append(_tests(comparer, dataset, protocol, order))
        if order and protocol == PRIMARY:
            _explain(section, comparer, board, order)
    section.tests = [table for table in section.tests if table.rows]
    section.curves = course_pictures(lake, dataset, sorted({one.base_model for one in known if not one.is_anchor}))
    section.densities, told = density_pictures(lake, dataset)
    section.statements += told
    section.record = dataset_record(lake, dataset)
    section.cost = cost_table(connection, dataset)
    section.cells = cells_table(connection, dataset)
    section.materialisations = materialisations_table(connection, dataset)
    section.published = published(lake, dataset)
    section.new_items, section.newcomers = new_items(lake, dataset), newcomers(lake, dataset)
    section.motivations = motivation_samples(connection, lake, dataset)
    for base_model in sorted({one.base_model for one in known if one.method == "base"}):
        section.shoppers += shoppers(connection, lake, dataset, base_model)
    return section


def _tests(comparer: Comparer, dataset: str, protocol: str, order: Sequence[Subject]) -> Table:
    compared = []
    for one in order:
        if not one.is_anchor and one != one.base:
            compared.append((method_cell(one, versus(one, one.base)), comparer.against(one, one.base)))
        if not one.is_anchor and one.variant != "full" and _full(one) in order:
            compared.append((method_cell(_full(one), versus(_full(one), one)), comparer.against(_full(one), one)))
    return comparison_table(dataset, protocol, compared)


def _explain(section: Section, comparer: Comparer, board: Sequence[dict[str, Any]], order: Sequence[Subject]) -> None:
    """Findings and pictures of the primary protocol."""
    anchors = {one: mean for one in order if one.is_anchor and (mean := _mean(board, one, "recall", 20)) is not None}
    best_anchor = max(anchors, key=lambda one: anchors[one], default=None)
    silent: list[Subject] = []
    for base in [one for one in order if one == one.base]:
        rivals = [one for one in order if one.base == base and one != base and not one.is_anchor]
        compared = {one: comparer.against(one, base) for one in rivals}
        same = [one for one in rivals if statements.is_the_base(compared[one])]
        silent += same
        for one in rivals:
            if one in same:
                continue
            if one.variant == "full":
                section.statements += statements.lead(one, compared[one])
                section.statements += _seeds(one, compared[one])
            else:
                real = comparer.against(_full(one), one) if _full(one) in rivals else {}
                section.statements += statements.control(one, compared[one], real)
        full = [one for one in rivals if one.variant == "full"]
        leader = max(full, key=lambda one: _mean(board, one, "recall", 20) or 0.0, default=base)
        if best_anchor is not None and (found := comparer.against(leader, best_anchor).get("recall_20")):
            section.statements.append(statements.anchor(leader, subject_name(best_anchor), found))
        section.differences += difference_pictures(base, compared)
        for entity, cut in (("user", user_slices), ("item", item_slices)):
            sliced = {one: cut(comparer.connection, one, base) for one in rivals}
            section.slices += slice_pictures(entity, base, sliced)
            for one, found_slices in sliced.items():
                if one.variant == "full" and one not in same:
                    section.statements += statements.few(one, entity, found_slices)
    section.statements += statements.weighs_nothing(silent)
    caption = (
        f"Beyond accuracy on {section.dataset}, protocol {PRIMARY}: mean over seeds ± standard deviation; not tested."
    )
    exclude = [metric for metric, _ in METRICS]
    here = [row for row in board if row["dataset"] == section.dataset and row["protocol"] == PRIMARY]
    section.beyond = wide_table(f"{section.dataset}-beyond-accuracy", caption, here, order, exclude)


def _seeds(one: Subject, comparisons: dict[str, dict[str, Any]]) -> list[Statement]:
    found = comparisons.get("recall_20")
    return statements.seeds(one, found["num_seeds"]) if found else []


def _mean(board: Sequence[dict[str, Any]], one: Subject, metric: str, k: int) -> float | None:
    names = ("dataset", "base_model", "method", "variant", "protocol")
    for row in board:
        if (row["metric"], row["k"]) == (metric, k) and [row[name] for name in names] == one.values:
            return float(row["mean"])
    return None


def _full(one: Subject) -> Subject:
    return Subject(one.dataset, one.base_model, one.method, "full", one.protocol)
