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

from assets.evaluation import plots, statements
from assets.evaluation.leaderboard import Comparer, leaderboard_rows
from assets.evaluation.pairing import METRICS, Subject, opened, subjects
from assets.evaluation.plots import Estimate, Series
from assets.evaluation.report_samples import (
    Motivated,
    Shopper,
    cost_table,
    dataset_record,
    materialisations_table,
    motivation_samples,
    shoppers,
    training_curves,
)
from assets.evaluation.report_tables import (
    Table,
    comparison_table,
    metric_name,
    results_table,
    slices_table,
    subject_name,
    wide_table,
)
from assets.evaluation.slices import Slice, item_slices, user_slices
from assets.evaluation.statements import Statement
from assets.lake import Lake

PAGE = "report.html"
PRIMARY = "strict"
"""The protocol that is spoken of: what production sees. Tables of results have both."""
OTHER = "rlmrec"
_STYLES = {("base", "full"): 0, ("lmmrec", "full"): 1, ("lmmrec", "shuffled-text"): 2}
_OTHER_STYLE = 3


@dataclass
class Picture:
    """An SVG with its caption and, where it has one, the table of its numbers."""

    caption: str
    svg: str
    table: Table | None = None


@dataclass
class Section:
    """Everything about one dataset."""

    dataset: str
    statements: list[Statement] = field(default_factory=list)
    results: list[Table] = field(default_factory=list)
    tests: list[Table] = field(default_factory=list)
    differences: list[Picture] = field(default_factory=list)
    slices: list[Picture] = field(default_factory=list)
    curves: list[Picture] = field(default_factory=list)
    beyond: Table | None = None
    record: Table | None = None
    cost: Table | None = None
    materialisations: Table | None = None
    motivations: list[Motivated] = field(default_factory=list)
    shoppers: list[Shopper] = field(default_factory=list)

    @property
    def tables(self) -> list[Table]:
        pictured = [picture.table for picture in self.slices]
        single = [self.beyond, self.record, self.cost, self.materialisations]
        return [table for table in (*self.results, *self.tests, *pictured, *single) if table is not None]


def write_report(warehouse: Path, lake: Lake, target: Path) -> dict[str, Any]:
    """Write `report.html` and one CSV per table into the folder `target`.

    Returns:
        Figures for the asset's metadata: datasets, tables, bytes, and the findings as Markdown.

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
    page = render(sections, f"{latest[0]:%d %B %Y, %H:%M} UTC" if latest and latest[0] else None)
    target.mkdir(parents=True, exist_ok=True)
    (target / PAGE).write_text(page, encoding="utf-8")
    tables = [table for section in sections for table in section.tables]
    for table in tables:
        (target / f"{table.name}.csv").write_text(table.as_csv(), encoding="utf-8")
    return {
        "datasets": len(sections),
        "tables": len(tables),
        "bytes": len(page.encode()),
        "findings": [
            {"dataset": s.dataset, "finding": one.text, "tone": one.tone} for s in sections for one in s.statements
        ],
    }


def render(sections: Sequence[Section], as_of: str | None) -> str:
    """The page; everything but our own SVG is escaped by the template engine."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("assets.evaluation"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = (Path(__file__).parent / "templates" / "report.css").read_text(encoding="utf-8")
    page: str = environment.get_template("report.html").render(
        sections=sections, as_of=as_of, style=style, primary=PRIMARY, other=OTHER
    )
    return page


def gather(comparer: Comparer, lake: Lake, board: Sequence[dict[str, Any]], known: Sequence[Subject]) -> Section:
    """The section of one dataset."""
    connection = comparer.connection
    dataset = known[0].dataset
    section = Section(dataset)
    for protocol in (PRIMARY, OTHER):
        order = [one for one in known if one.protocol == protocol]
        order.sort(key=lambda one: (not one.is_anchor, one.base_model, one.method != "base", one.method, one.variant))
        if order:
            section.results.append(results_table(board, dataset, protocol, order))
            section.tests.append(_tests(comparer, dataset, protocol, order))
        if order and protocol == PRIMARY:
            _explain(section, comparer, board, order)
    section.tests = [table for table in section.tests if table.rows]
    section.curves = _curves(lake, dataset, sorted({one.base_model for one in known if not one.is_anchor}))
    section.record = dataset_record(lake, dataset)
    section.cost = cost_table(connection, dataset)
    section.materialisations = materialisations_table(connection, dataset)
    section.motivations = motivation_samples(connection, lake, dataset)
    for base_model in sorted({one.base_model for one in known if one.method == "base"}):
        section.shoppers += shoppers(connection, lake, dataset, base_model)
    return section


def _tests(comparer: Comparer, dataset: str, protocol: str, order: Sequence[Subject]) -> Table:
    compared = []
    for one in order:
        if not one.is_anchor and one != one.base:
            compared.append((_versus(one, one.base), comparer.against(one, one.base)))
        if not one.is_anchor and one.variant != "full" and _full(one) in order:
            compared.append((_versus(_full(one), one), comparer.against(_full(one), one)))
    return comparison_table(dataset, protocol, compared)


def _explain(section: Section, comparer: Comparer, board: Sequence[dict[str, Any]], order: Sequence[Subject]) -> None:
    """Findings and pictures of the primary protocol."""
    anchors = {one: mean for one in order if one.is_anchor and (mean := _mean(board, one, "recall", 20)) is not None}
    best_anchor = max(anchors, key=lambda one: anchors[one], default=None)
    for base in [one for one in order if one == one.base]:
        rivals = [one for one in order if one.base == base and one != base and not one.is_anchor]
        compared = {one: comparer.against(one, base) for one in rivals}
        for one in rivals:
            if one.variant == "full":
                section.statements += statements.lead(one, compared[one])
                section.statements += _seeds(one, compared[one])
            else:
                real = comparer.against(_full(one), one) if _full(one) in rivals else {}
                section.statements += statements.control(one, compared[one], real)
        leader = next((one for one in rivals if one.variant == "full"), base)
        if best_anchor is not None and (found := comparer.against(leader, best_anchor).get("recall_20")):
            section.statements.append(statements.anchor(leader, subject_name(best_anchor), found))
        section.differences += _differences(base, compared)
        for entity, cut in (("user", user_slices), ("item", item_slices)):
            sliced = {one: cut(comparer.connection, one, base) for one in rivals}
            section.slices += _slices(section.dataset, entity, base, sliced)
            for one, found_slices in sliced.items():
                if one.variant == "full":
                    section.statements += statements.few(one, entity, found_slices)
    caption = (
        f"Beyond accuracy on {section.dataset}, protocol {PRIMARY}: mean over seeds ± standard deviation; not tested."
    )
    exclude = [metric for metric, _ in METRICS]
    here = [row for row in board if row["dataset"] == section.dataset and row["protocol"] == PRIMARY]
    section.beyond = wide_table(f"{section.dataset}-beyond-accuracy", caption, here, order, exclude)


def _differences(base: Subject, compared: dict[Subject, dict[str, dict[str, Any]]]) -> list[Picture]:
    """Relative gain over the base model of every variant, with intervals: real text beside shuffled text."""
    shown = (("recall", 5), ("recall", 10), ("recall", 20), ("ndcg", 20))
    series = [
        Series(
            _short(one),
            [_relative(comparisons.get(f"{metric}_{k}")) for metric, k in shown],
            _style(one),
        )
        for one, comparisons in compared.items()
    ]
    series = [one for one in series if any(one.estimates)]
    if not series:
        return []
    title = f"Gain over {subject_name(base)} on {base.dataset}"
    axis = "difference in %"
    caption = (
        f"{title}, protocol {base.protocol}; 95 % intervals over users, each for itself; the tests below are corrected."
    )
    return [Picture(caption, plots.difference_plot([metric_name(*one) for one in shown], series, title, axis))]


def _relative(found: dict[str, Any] | None) -> Estimate | None:
    """The difference and its interval in % of the base model's mean."""
    if found is None or not found["other_mean"]:
        return None
    value, low, high = (100 * found[name] / found["other_mean"] for name in ("difference", "low", "high"))
    return Estimate(value, low, high)


def _slices(dataset: str, entity: str, base: Subject, sliced: dict[Subject, list[Slice]]) -> list[Picture]:
    """Recall@20 by slice: the base model and its rivals, and the paired differences with their intervals."""
    sliced = {one: found for one, found in sliced.items() if found}
    if not sliced:
        return []
    first = next(iter(sliced.values()))
    # The first slice repeats others (few interactions), it stands in the table and in a finding instead.
    kept = [at for at in range(1, len(first)) if first[at].comparison is not None]
    groups = [f"{first[at].name}\n{first[at].size:,} users" for at in kept]
    series = [Series(subject_name(base), [_mean_of(first[at], "other_mean") for at in kept], _style(base))]
    gains = []
    for subject, slices in sliced.items():
        means = [_mean_of(slices[at], "mean") for at in kept]
        series.append(Series(_short(subject), means, _style(subject)))
        gains.append(Series(_short(subject), [_gain(slices[at]) for at in kept], _style(subject)))
    by = "training interactions of the user" if entity == "user" else "popularity of the test item"
    title = f"Recall@20 on {dataset} by {by}"
    compared = [(_versus(one, base), found) for one, found in sliced.items()]
    table = slices_table(dataset, base.protocol, entity, compared)
    metric = plots.group_plot(groups, series, title, "Recall@20")
    names = [first[at].name for at in kept]
    gain = plots.difference_plot(names, gains, f"Gain by {by}", f"difference in Recall@20 to {subject_name(base)}")
    return [
        Picture(f"{title}, protocol {base.protocol}.", metric),
        Picture(
            f"The gain over {subject_name(base)} by {by}, protocol {base.protocol}; 95 % intervals over users.",
            gain,
            table,
        ),
    ]


def _mean_of(one: Slice, side: str) -> Estimate | None:
    return Estimate(one.comparison[side], None, None) if one.comparison else None


def _gain(one: Slice) -> Estimate | None:
    found = one.comparison
    return Estimate(found["difference"], found["low"], found["high"]) if found else None


def _curves(lake: Lake, dataset: str, base_models: Sequence[str]) -> list[Picture]:
    pictures = []
    for base_model in base_models:
        lines = training_curves(lake, dataset, base_model)
        if lines:
            title = f"Validation Recall@20 while training on {dataset}"
            caption = f"{title}: one seed of each method, its best epoch marked; the weights of that epoch are kept."
            pictures.append(Picture(caption, plots.line_plot(lines, title, "epoch", "Recall@20")))
    return pictures


def _seeds(one: Subject, comparisons: dict[str, dict[str, Any]]) -> list[Statement]:
    found = comparisons.get("recall_20")
    return statements.seeds(one, found["num_seeds"]) if found else []


def _mean(board: Sequence[dict[str, Any]], one: Subject, metric: str, k: int) -> float | None:
    names = ("dataset", "base_model", "method", "variant", "protocol")
    for row in board:
        if (row["metric"], row["k"]) == (metric, k) and [row[name] for name in names] == one.values:
            return float(row["mean"])
    return None


def _short(one: Subject) -> str:
    """The name without its base model."""
    return subject_name(one).removeprefix(f"{subject_name(one.base)} + ")


def _versus(one: Subject, other: Subject) -> str:
    if other == one.base:
        return f"{_short(one)} against {subject_name(other)}"
    return f"{_short(one)} against its {other.variant.replace('-', ' ')}"


def _full(one: Subject) -> Subject:
    return Subject(one.dataset, one.base_model, one.method, "full", one.protocol)


def _style(one: Subject) -> int:
    return _STYLES.get((one.method, one.variant), _OTHER_STYLE)
