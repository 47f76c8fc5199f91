"""The values that the LMMRec paper prints, beside ours, and what differs between its protocol and ours.

The paper's datasets are Yelp, Amazon-book and Steam: on others there is no value to stand beside, and that is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assets.evaluation.pairing import Subject
from assets.evaluation.report.tables import NOTHING, Cell, Table, display_name, metric_name, number, percent, word
from assets.evaluation.table_one import Figures, TableOne
from assets.evaluation.table_two import Ablation

COLUMNS = (("recall", 5), ("recall", 10), ("ndcg", 5), ("ndcg", 10))
TABLE_ONE = {
    ("yelp", "weightedgcl"): {
        "base": (0.0517, 0.0829, 0.0592, 0.0691),
        "uist": (0.0521, 0.0832, 0.0595, 0.0693),
        "once": (0.0534, 0.0863, 0.0610, 0.0712),
        "autograph": (0.0524, 0.0834, 0.0598, 0.0695),
        "lmmrec": (0.0553, 0.0899, 0.0629, 0.0737),
    },
    ("amazon-book", "weightedgcl"): {
        "base": (0.0713, 0.1068, 0.0709, 0.0832),
        "uist": (0.0717, 0.1094, 0.0719, 0.0851),
        "once": (0.0716, 0.1092, 0.0717, 0.0849),
        "autograph": (0.0718, 0.1097, 0.0721, 0.0853),
        "lmmrec": (0.0723, 0.1127, 0.0733, 0.0876),
    },
    ("steam", "weightedgcl"): {
        "base": (0.0610, 0.0964, 0.0667, 0.0785),
        "uist": (0.0615, 0.0969, 0.0671, 0.0787),
        "once": (0.0621, 0.0978, 0.0675, 0.0796),
        "autograph": (0.0619, 0.0966, 0.0673, 0.0790),
        "lmmrec": (0.0633, 0.0994, 0.0685, 0.0808),
    },
    ("yelp", "polycf"): {
        "base": (0.0539, 0.0858, 0.0616, 0.0716),
        "uist": (0.0543, 0.0865, 0.0626, 0.0722),
        "once": (0.0558, 0.0883, 0.0631, 0.0732),
        "autograph": (0.0562, 0.0897, 0.0642, 0.0746),
        "lmmrec": (0.0590, 0.0941, 0.0671, 0.0779),
    },
    ("amazon-book", "polycf"): {
        "base": (0.0758, 0.1124, 0.0776, 0.0897),
        "uist": (0.0761, 0.1136, 0.0771, 0.0903),
        "once": (0.0764, 0.1152, 0.0773, 0.0908),
        "autograph": (0.0762, 0.1139, 0.0770, 0.0901),
        "lmmrec": (0.0769, 0.1181, 0.0778, 0.0924),
    },
    ("steam", "polycf"): {
        "base": (0.0588, 0.0924, 0.0641, 0.0753),
        "uist": (0.0597, 0.0931, 0.0648, 0.0759),
        "once": (0.0612, 0.0945, 0.0662, 0.0775),
        "autograph": (0.0609, 0.0956, 0.0663, 0.0781),
        "lmmrec": (0.0638, 0.0995, 0.0684, 0.0793),
    },
}
"""Table I of arXiv 2602.05474: dataset and base model -> method -> Recall@5, Recall@10, NDCG@5, NDCG@10."""
COLUMNS_OF_TABLE_TWO = (("recall", 5), ("ndcg", 5))
TABLE_TWO = {
    ("yelp", "weightedgcl"): {
        "without-mcs": (0.0510, 0.0572),
        "without-icm": (0.0522, 0.0584),
        "without-gcn": (0.0539, 0.0599),
        "without-tm": (0.0535, 0.0603),
    },
    ("yelp", "polycf"): {
        "without-mcs": (0.0543, 0.0605),
        "without-icm": (0.0556, 0.0614),
        "without-gcn": (0.0571, 0.0619),
        "without-tm": (0.0578, 0.0645),
    },
}
"""Table II: dataset and base model -> variant -> Recall@5, NDCG@5."""
DIFFERENCES = (
    "What differs from the paper: it prints no protocol, so that the figures under rlmrec are the ones to hold against its "
    "tables; it does not name the unit of its test, ours is the user, and users and seeds for †; its “Imprv.” is against "
    "the best other row, which is the first line of gains here; it has no shuffled or random text, no EASE and no GF-CF."
)


def table_one_beside_printed(found: TableOne) -> Table | None:
    """Ours beside the paper's, row by row; None where the paper has no such dataset and base model, or for `strict`."""
    subject = found.target
    printed = TABLE_ONE.get((subject.dataset, subject.base_model), {})
    lines = [line for line in found.lines if line.subject.base_model == subject.base_model]
    ours = {line.subject.method: line.means for line in lines if line.subject.variant == "full"}
    return _beside(
        subject,
        "I",
        {display_name(subject.base_model if method == "base" else method): row for method, row in printed.items()},
        {display_name(subject.base_model if method == "base" else method): means for method, means in ours.items()},
        COLUMNS,
    )


def table_two_beside_printed(rows: Sequence[Ablation]) -> Table | None:
    """The same for Table II; the whole method stands in the paper's Table I."""
    subject = rows[0].subject
    printed = TABLE_TWO.get((subject.dataset, subject.base_model), {})
    return _beside(
        subject,
        "II",
        {display_name(variant): row for variant, row in printed.items()},
        {display_name(row.subject.variant): row.means for row in rows},
        COLUMNS_OF_TABLE_TWO,
    )


def _beside(
    subject: Subject,
    which: str,
    printed: Mapping[str, Sequence[float]],
    ours: Mapping[str, Figures],
    columns: Sequence[tuple[str, int]],
) -> Table | None:
    if not printed or subject.protocol != "rlmrec":
        return None
    rows = []
    for name, values in printed.items():
        cells = [word(name)]
        for (metric, k), value in zip(columns, values, strict=True):
            mine = ours.get(name, {}).get(f"{metric}_{k}")
            cells += [Cell(number(value)), Cell(NOTHING if mine is None else number(mine["mean"]))]
            cells.append(Cell(NOTHING if mine is None else percent(mine["mean"] / value - 1.0)))
        rows.append(cells)
    return Table(
        f"{subject.dataset}-{subject.base_model}-table-{len(which)}-printed",
        f"Table {which} as printed, {subject.dataset}, {display_name(subject.base_model)}: the paper's values beside ours, "
        "protocol rlmrec.",
        ["Method", *(name for one in columns for name in (f"{metric_name(*one)}, paper", "ours", "difference"))],
        rows,
    )


def said_of(dataset: str) -> list[str]:
    """What a reader should know who holds these tables against the paper's."""
    if any(name == dataset for name, _ in TABLE_ONE):
        return [DIFFERENCES]
    return [f"The paper has no numbers on {dataset}, so that none stand beside these. {DIFFERENCES}"]
