"""The report's tables: numbers become text once, here, and the same text goes to the page and to the CSV beside it.

A `Table` knows nothing of HTML. How numbers came about is `leaderboard.py` and `slices.py`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assets.evaluation.pairing import METRICS, Subject, verdict
from assets.evaluation.slices import Slice
from assets.spreadsheet import cell_text

_NAMES = {
    "lightgcn": "LightGCN",
    "weightedgcl": "WeightedGCL",
    "polycf": "PolyCF",
    "lmmrec": "LMMRec",
    "once": "ONCE",
    "autograph": "AutoGraph",
    "uist": "UIST",
    "rlmrec-gen": "RLMRec-Gen",
    "rlmrec-con": "RLMRec-Con",
    "popularity": "Popularity",
    "itemknn": "Item-kNN",
    "userknn": "User-kNN",
    "ease": "EASE",
    "gfcf": "GF-CF",
    "als": "ALS",
    "recall": "Recall",
    "ndcg": "NDCG",
    "gini": "Gini",
    "without-mcs": "without MCS",
    "without-icm": "without ICM",
    "without-gcn": "without GCN",
    "without-tm": "without TM",
}
NOTHING = "–"


@dataclass(frozen=True)
class Cell:
    """One entry: its text, and where there is one the spread that stands beside it."""

    text: str
    spread: str = ""
    is_best: bool = False
    is_number: bool = True
    runs: tuple[str, ...] = ()
    """Ids of the Dagster runs that it names."""
    anchor: str = ""
    """The place in the page that it is."""
    leads_to: str = ""
    """The place in the page where it is told where the numbers of its row come from."""


@dataclass(frozen=True)
class Table:
    """Rows of equal length; the first column names the row."""

    name: str
    """File name of the CSV, without suffix."""
    caption: str
    """What the numbers are, with the protocol where they have one."""
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    spread: str = "std"
    """What stands beside a mean."""

    def as_csv(self) -> str:
        """The same texts; a column whose cells have a spread is followed by one that holds it."""
        spread = [any(row[at].spread for row in self.rows) for at in range(len(self.columns))]
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(
            [
                name
                for at, label in enumerate(self.columns)
                for name in map(cell_text, [label, f"{label} {self.spread}"] if spread[at] else [label])
            ]
        )
        for row in self.rows:
            writer.writerow(
                [
                    text
                    for at, cell in enumerate(row)
                    for text in map(cell_text, [cell.text, cell.spread] if spread[at] else [cell.text])
                ]
            )
        return out.getvalue()

    def as_markdown(self) -> str:
        """The same texts for the UI's metadata; the spread stands behind its mean, the best value is bold."""
        lines = ["| " + " | ".join(map(_escaped, self.columns)) + " |", "|" + " --- |" * len(self.columns)]
        for row in self.rows:
            cells = [f"**{_escaped(cell.text)}**" if cell.is_best else _escaped(cell.text) for cell in row]
            spreads = [f" ± {cell.spread}" if cell.spread else "" for cell in row]
            lines.append("| " + " | ".join(map("".join, zip(cells, spreads, strict=True))) + " |")
        return "\n".join([*lines, "", self.caption])

    def as_latex(self) -> str:
        """The same texts as a `table` for booktabs."""
        lines = [
            r"\begin{table}",
            rf"\caption{{{latex_text(self.caption)}}}",
            rf"\begin{{tabular}}{{l{'r' * (len(self.columns) - 1)}}}",
            r"\toprule",
            " & ".join(map(latex_text, self.columns)) + r" \\",
            r"\midrule",
        ]
        for row in self.rows:
            cells = [
                (rf"\textbf{{{latex_text(cell.text)}}}" if cell.is_best else latex_text(cell.text))
                + (rf" $\pm$ {latex_text(cell.spread)}" if cell.spread else "")
                for cell in row
            ]
            lines.append(" & ".join(cells) + r" \\")
        return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])


_LATEX = {
    "\\": r"\textbackslash{}",
    **{char: rf"\{char}" for char in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "−": "$-$",
    "±": r"$\pm$",
    "†": r"\dag{}",
    "–": "--",
    "≤": r"$\leq$",
}


def latex_text(text: str) -> str:
    """`text` with what LaTeX would take for a command escaped."""
    return "".join(_LATEX.get(char, char) for char in text)


def _escaped(text: str) -> str:
    return text.replace("|", r"\|").replace("*", r"\*")


def display_name(name: str) -> str:
    return _NAMES.get(name, name)


def metric_name(metric: str, k: int | None) -> str:
    return display_name(metric) + (f"@{k}" if k is not None else "")


def subject_name(subject: Subject) -> str:
    """`LightGCN`, `LightGCN + LMMRec`, `LightGCN + LMMRec (shuffled text)`, `EASE (anchor)`: some anchors are bases, too."""
    if subject.is_anchor:
        return f"{display_name(subject.base_model)} (anchor)"
    if (subject.method, subject.variant) == ("base", "full"):
        return display_name(subject.base_model)
    variant = "" if subject.variant == "full" else f" ({display_name(subject.variant).replace('-', ' ')})"
    method = "" if subject.method == "base" else f" + {display_name(subject.method)}"
    return f"{display_name(subject.base_model)}{method}{variant}"


def place_of(subject: Subject) -> str:
    """Where the page says which runs made the numbers of a row; the same for both protocols."""
    return "-".join(("row", subject.dataset, subject.base_model, subject.method, subject.variant))


def method_cell(subject: Subject, text: str | None = None) -> Cell:
    """The first cell of a row of numbers, which leads to the runs that made them."""
    return Cell(text or subject_name(subject), is_number=False, leads_to=place_of(subject))


def number(value: float | None, digits: int = 4) -> str:
    return NOTHING if value is None else f"{value:.{digits}f}"


def signed(value: float | None, digits: int = 4) -> str:
    """With its sign, a real minus; what rounds to zero has none."""
    if value is None:
        return NOTHING
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else text.replace("-", "−")


def percent(value: float | None, digits: int = 1) -> str:
    return NOTHING if value is None else f"{signed(100 * value, digits)} %"


def p_text(value: float | None) -> str:
    """Two digits that mean something: `0.42`, `0.0031`, `2e-07`."""
    if value is None:
        return NOTHING
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}" if value >= 1e-4 else f"{value:.0e}"


def seconds(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.1f} s" if value < 120 else f"{value / 60:.1f} min"


def word(text: str) -> Cell:
    return Cell(text, is_number=False)


def results_table(board: Sequence[Mapping[str, Any]], dataset: str, protocol: str, order: Sequence[Subject]) -> Table:
    """Means over seeds of the six metrics, anchors first, best value of each column marked."""
    found = {(Subject(*_key(row)), row["metric"], row["k"]): row for row in board}
    shown = [subject for subject in order if any((subject, *metric) in found for metric in METRICS)]
    best = {
        metric: max((found[subject, *metric]["mean"] for subject in shown if (subject, *metric) in found), default=None)
        for metric in METRICS
    }
    rows = []
    for subject in shown:
        cells = [method_cell(subject)]
        for metric in METRICS:
            row = found.get((subject, *metric))
            is_best = row is not None and row["mean"] == best[metric]
            cells.append(_mean_cell(row, is_best) if row else Cell(NOTHING))
        own = [row for (owner, *_), row in found.items() if owner == subject]
        cells.append(Cell(NOTHING if subject.is_anchor else str(max(row["num_seeds"] for row in own))))
        cells.append(Cell(seconds(own[0]["train_seconds"])))
        rows.append(cells)
    return Table(
        f"{dataset}-results-{protocol}",
        f"Test results on {dataset}, protocol {protocol}: mean over seeds ± standard deviation, best of "
        "each column in bold; training time of one seed.",
        ["Method", *(metric_name(*metric) for metric in METRICS), "Seeds", "Training"],
        rows,
    )


def comparison_table(
    dataset: str, protocol: str, compared: Sequence[tuple[Cell, Mapping[str, Mapping[str, Any]]]]
) -> Table:
    """Paired tests: (what against what, comparisons by metric), one line per metric."""
    rows = []
    for name, comparisons in compared:
        for metric, k in METRICS:
            found = comparisons.get(f"{metric}_{k}")
            if found is not None:
                rows.append([name, word(metric_name(metric, k)), *comparison_cells(found)])
    return Table(
        f"{dataset}-paired-tests-{protocol}",
        f"Paired tests on {dataset}, protocol {protocol}: per-user metrics averaged over the common seeds; two-sided p-values "
        "Holm-adjusted over the six metrics of a comparison, 95 % bootstrap interval over users.",
        ["Comparison", "Metric", *COMPARISON_COLUMNS],
        rows,
    )


COMPARISON_COLUMNS = (
    "Verdict",
    "Mean",
    "Other",
    "Difference",
    "Relative",
    "95 % interval",
    "Effect d",
    "t-test p",
    "Wilcoxon p",
)


def comparison_cells(found: Mapping[str, Any]) -> list[Cell]:
    return [
        word(verdict(dict(found))),
        Cell(number(found["mean"])),
        Cell(number(found["other_mean"])),
        Cell(signed(found["difference"])),
        Cell(percent(found["relative"])),
        Cell(f"{signed(found['low'])} to {signed(found['high'])}"),
        Cell(signed(found["effect_size"], 2)),
        Cell(p_text(found["t_p_holm"])),
        Cell(p_text(found["wilcoxon_p_holm"])),
    ]


def slices_table(base: Subject, entity: str, compared: Sequence[tuple[Cell, Sequence[Slice]]]) -> Table:
    """One line per comparison with `base` and slice, Recall@20."""
    rows = []
    for name, slices in compared:
        for one in slices:
            cells = comparison_cells(one.comparison) if one.comparison else [Cell(NOTHING)] * len(COMPARISON_COLUMNS)
            rows.append([name, word(one.name), Cell(f"{one.size:,}"), *cells])
    by = (
        "users by number of training interactions"
        if entity == "user"
        else "test items by popularity (head, torso and tail hold 50, 30 and 20 % of the training interactions)"
    )
    return Table(
        f"{base.dataset}-{base.base_model}-{entity}-slices-{base.protocol}",
        f"Recall@20 on {base.dataset}, protocol {base.protocol}, {by}; p-values Holm-adjusted over these slices.",
        ["Comparison", "Training pairs" if entity == "user" else "Items", "Users", *COMPARISON_COLUMNS],
        rows,
    )


def wide_table(
    name: str, caption: str, board: Iterable[Mapping[str, Any]], order: Sequence[Subject], exclude: Sequence[str]
) -> Table | None:
    """All metrics outside `exclude`, one column each; None where there are none."""
    found = {(Subject(*_key(row)), row["metric"], row["k"]): row for row in board if row["metric"] not in exclude}
    metrics = sorted({(metric, k) for _, metric, k in found}, key=lambda one: (one[0], one[1] or 0))
    shown = [subject for subject in order if any((subject, *metric) in found for metric in metrics)]
    if not shown:
        return None
    rows = []
    for subject in shown:
        picked = [found.get((subject, *metric)) for metric in metrics]
        rows.append([method_cell(subject), *(_mean_cell(row) if row else Cell(NOTHING) for row in picked)])
    return Table(name, caption, ["Method", *(metric_name(*metric).capitalize() for metric in metrics)], rows)


def _mean_cell(row: Mapping[str, Any], is_best: bool = False) -> Cell:
    digits = 1 if row["metric"] == "popularity" else 4  # mean number of training interactions; the others are shares
    spread = "" if row["std"] is None or row["method"] == "anchor" else number(row["std"], digits)
    return Cell(number(row["mean"], digits), spread, is_best)


def _key(row: Mapping[str, Any]) -> list[str]:
    return [str(row[name]) for name in ("dataset", "base_model", "method", "variant", "protocol")]
