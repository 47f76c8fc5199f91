"""The report's drawings: what stands on which axis, with which caption, and which numbers belong to it.

Gains stand beside the base model with their intervals, real text always beside its controls. How a drawing becomes SVG is
`svg.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from assets.evaluation.pairing import Subject
from assets.evaluation.report import svg
from assets.evaluation.report.svg import Estimate, Series
from assets.evaluation.report.tables import Table, method_cell, metric_name, slices_table, subject_name
from assets.evaluation.slices import Slice

_STYLES = {("base", "full"): 0, ("lmmrec", "full"): 1, ("lmmrec", "shuffled-text"): 2}
_OTHER_STYLE = 3


@dataclass
class Picture:
    """An SVG with its caption and, where it has one, the table of its numbers."""

    caption: str
    drawing: str
    table: Table | None = None
    summary: str = ""
    """What the table adds."""


def difference_pictures(base: Subject, compared: dict[Subject, dict[str, dict[str, Any]]]) -> list[Picture]:
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
    return [Picture(caption, svg.difference_plot([metric_name(*one) for one in shown], series, title, axis))]


def _relative(found: dict[str, Any] | None) -> Estimate | None:
    """The difference and its interval in % of the base model's mean."""
    if found is None or not found["other_mean"]:
        return None
    value, low, high = (100 * found[name] / found["other_mean"] for name in ("difference", "low", "high"))
    return Estimate(value, low, high)


def slice_pictures(entity: str, base: Subject, sliced: dict[Subject, list[Slice]]) -> list[Picture]:
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
    title = f"Recall@20 of {subject_name(base)} on {base.dataset} by {by}"
    compared = [(method_cell(one, versus(one, base)), found) for one, found in sliced.items()]
    table = slices_table(base, entity, compared)
    metric = svg.group_plot(groups, series, title, "Recall@20")
    names = [first[at].name for at in kept]
    gain = svg.difference_plot(names, gains, f"Gain by {by}", f"difference in Recall@20 to {subject_name(base)}")
    return [
        Picture(f"{title}, protocol {base.protocol}.", metric),
        Picture(
            f"The gain over {subject_name(base)} by {by}, protocol {base.protocol}; 95 % intervals over users.",
            gain,
            table,
            f"Numbers and tests on {subject_name(base)} by {by}",
        ),
    ]


def _mean_of(one: Slice, side: str) -> Estimate | None:
    return Estimate(one.comparison[side], None, None) if one.comparison else None


def _gain(one: Slice) -> Estimate | None:
    found = one.comparison
    return Estimate(found["difference"], found["low"], found["high"]) if found else None


def _short(one: Subject) -> str:
    """The name without its base model."""
    return subject_name(one).removeprefix(f"{subject_name(one.base)} + ")


def versus(one: Subject, other: Subject) -> str:
    if other == one.base:
        return f"{_short(one)} against {subject_name(other)}"
    return f"{_short(one)} against its {other.variant.replace('-', ' ')} on {subject_name(one.base)}"


def _style(one: Subject) -> int:
    return _STYLES.get((one.method, one.variant), _OTHER_STYLE)
