"""What the numbers say, in sentences: made from the comparisons alone, with the same words for good and for bad news.

A lead is called significant only if the Holm-adjusted paired t-test says so; where Wilcoxon disagrees the sentence adds it. No
sentence is written by hand for a dataset or a method.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from assets.evaluation.pairing import SIGNIFICANT, Subject, verdict
from assets.evaluation.report.tables import metric_name, number, p_text, percent, subject_name
from assets.evaluation.slices import Slice
from models.bases import base_spec

Tone = Literal["better", "worse", "neutral", "warning"]
Comparisons = Mapping[str, Mapping[str, Any]]
HEADLINE = (("recall", 20), ("ndcg", 20))
"""Metrics that are spoken of; the tables have all."""
ENOUGH_SEEDS = 5
_TONES: dict[str, Tone] = {"better": "better", "worse": "worse", "not significant": "neutral"}


@dataclass(frozen=True)
class Statement:
    """One finding."""

    text: str
    tone: Tone
    is_aside: bool = False
    """Left to who wants all: a second metric, or that nothing was found."""


def lead(subject: Subject, comparisons: Comparisons) -> list[Statement]:
    """Whether a method is ahead of its bare base model."""
    name, base = subject_name(subject), subject_name(subject.base)
    told = []
    for metric, k in HEADLINE:
        found = comparisons.get(f"{metric}_{k}")
        if found is None:
            continue
        ending = {
            "better": f"its lead over {base} is significant",
            "worse": f"it is significantly worse than {base}",
            "not significant": f"its {'lead over' if found['difference'] > 0 else 'difference to'} {base} is not significant",
        }[verdict(dict(found))]
        told.append(
            Statement(
                f"{name} has {metric_name(metric, k)} {number(found['mean'])} against {number(found['other_mean'])} "
                f"({_change(found)}): {ending} ({_tests(found)}).",
                _TONES[verdict(dict(found))],
                is_aside=(metric, k) != HEADLINE[0],
            )
        )
    return told


def control(subject: Subject, against_base: Comparisons, real_against: Comparisons) -> list[Statement]:
    """Whether text that belongs to somebody else helps as well, and whether real text is better than that."""
    told = []
    gains = [found for metric, k in HEADLINE if (found := against_base.get(f"{metric}_{k}")) is not None]
    kind = subject.variant.replace("-", " ")
    if gains:
        misled = [found for found in gains if verdict(dict(found)) == "better"]
        parts = ", ".join(
            f"{metric_name(*metric)} {percent(found['relative'])}, p = {p_text(found['t_p_holm'])}"
            for metric, found in zip(HEADLINE, gains, strict=False)
        )
        told.append(
            Statement(
                f"Control: with {kind} there is a significant gain over {subject_name(subject.base)} too ({parts}), so a "
                "gain cannot be credited to the words alone.",
                "warning",
            )
            if misled
            else Statement(
                f"Control: {kind} shows no significant gain over {subject_name(subject.base)} ({parts}).",
                "neutral",
                is_aside=True,
            )
        )
    found = real_against.get("recall_20")
    if found is not None:
        says = {
            "better": "Real text is significantly better than",
            "worse": "Real text is significantly worse than",
            "not significant": "Real text is not significantly different from",
        }[verdict(dict(found))]
        told.append(
            Statement(f"{says} {kind}: Recall@20 {_change(found)} ({_tests(found)}).", _TONES[verdict(dict(found))])
        )
    return told


def anchor(subject: Subject, name: str, found: Mapping[str, Any]) -> Statement:
    """How a method stands against the best anchor, which reads no text."""
    relation = {
        "better": "significantly above",
        "worse": "significantly below",
        "not significant": "not significantly different from",
    }[verdict(dict(found))]
    tone: Tone = "warning" if verdict(dict(found)) == "worse" else "neutral"
    return Statement(
        f"{subject_name(subject)} is {relation} {name}, the best anchor, which reads no text: Recall@20 "
        f"{number(found['mean'])} against {number(found['other_mean'])} ({_tests(found)}).",
        tone,
    )


def few(subject: Subject, entity: str, slices: Sequence[Slice]) -> list[Statement]:
    """The first slice: users or items with few training interactions."""
    first = next(iter(slices), None)
    if first is None or first.comparison is None:
        return []
    found = first.comparison
    outcome = {
        "better": "significantly better than",
        "worse": "significantly worse than",
        "not significant": "not significantly different from",
    }
    who = f"users with {first.name}" if entity == "user" else f"test items with {first.name}"
    return [
        Statement(
            f"For {who} training interactions {subject_name(subject)} is {outcome[verdict(found)]} "
            f"{subject_name(subject.base)}: Recall@20 {number(found['mean'])} against {number(found['other_mean'])} "
            f"({_change(found)}; {_tests(found)}; {found['num_users']:,} users).",
            _TONES[verdict(found)],
            is_aside=verdict(found) == "not significant",
        )
    ]


def is_the_base(comparisons: Mapping[str, Mapping[str, Any]]) -> bool:
    """True where no figure differs from the base's: its texts weigh nothing."""
    return bool(comparisons) and all(
        found["difference"] == found["low"] == found["high"] == 0.0 for found in comparisons.values()
    )


def weighs_nothing(silent: Sequence[Subject]) -> list[Statement]:
    """One sentence for all of which nothing else is to be said, because they are their base."""
    if not silent:
        return []
    names = list(dict.fromkeys(subject_name(one) for one in silent))
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    verb = "gives" if len(names) == 1 else "give"
    text = f"Where validation left texts no weight, nothing changes: {listed} {verb} the figures of the base alone."
    return [Statement(text, "neutral")]


def seeds(subject: Subject, num_seeds: int) -> list[Statement]:
    """A word of caution where there are few seeds; a formula gives the same with any."""
    if num_seeds >= ENOUGH_SEEDS or base_spec(subject.base_model).closed_form:
        return []
    has = "one seed" if num_seeds == 1 else f"{num_seeds} seeds"
    return [
        Statement(
            f"{subject_name(subject)} was compared on {has} only; the tests speak for the users, not for other seeds. "
            f"Run {ENOUGH_SEEDS} of them before relying on a difference.",
            "warning",
        )
    ]


def _change(found: Mapping[str, Any]) -> str:
    base = found["other_mean"]
    if not base:
        return f"difference {found['difference']:+.4f}"
    return (
        f"{percent(found['relative'])}, 95 % interval {percent(found['low'] / base)} to {percent(found['high'] / base)}"
    )


def _tests(found: Mapping[str, Any]) -> str:
    text = f"paired t-test p = {p_text(found['t_p_holm'])}, Wilcoxon p = {p_text(found['wilcoxon_p_holm'])}"
    disagree = (found["t_p_holm"] < SIGNIFICANT) != (found["wilcoxon_p_holm"] < SIGNIFICANT)
    return f"{text}; the two tests disagree" if disagree else text
