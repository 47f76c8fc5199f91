"""Pictures of the report as inline SVG: lines, points with intervals, and differences with intervals.

Colours are CSS classes of the report's style sheet (`series-0` …), so that a picture follows the light or dark theme and
print; shapes and labels carry the meaning as well, never colour alone. Every picture has a title and a description for
those who cannot see it. What is drawn is decided by `report.py`; nothing here reads data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

WIDTH = 520
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 16, 14, 42
_NUM_STYLES = 5


@dataclass(frozen=True)
class Line:
    """One curve."""

    label: str
    points: Sequence[tuple[float, float]]
    style: int
    """Which of the five styles (colour and marker) it wears."""
    marked_x: float | None = None
    """Where its best point is."""
    band: Sequence[tuple[float, float, float]] = ()
    """x, low and high of the interval around it."""


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Series:
    """One estimate per group, None where there is none."""

    label: str
    estimates: Sequence[Estimate | None]
    style: int


def line_plot(lines: Sequence[Line], title: str, x_label: str, y_label: str, height: int = 260) -> str:
    """Curves over a common x axis, for example validation recall by epoch."""
    xs = [x for line in lines for x, _ in line.points]
    ys = [y for line in lines for _, y in line.points]
    ys += [end for line in lines for _, low, high in line.band for end in (low, high)]
    x_scale = _Scale(xs, _LEFT, WIDTH - _RIGHT, pad=0.02)
    y_scale = _Scale(ys, height - _BOTTOM, _TOP, pad=0.06)
    parts = _y_axis(y_scale, y_label, height) + _x_axis(x_scale, x_label, height)
    for line in lines:
        if line.band:
            ends = [(x, high) for x, _, high in line.band] + [(x, low) for x, low, _ in reversed(line.band)]
            around = " ".join(f"{x_scale(x):.1f},{y_scale(y):.1f}" for x, y in ends)
            parts.append(f'<polygon class="band {_style(line.style)}" points="{around}"/>')
    for line in lines:
        path = " ".join(f"{x_scale(x):.1f},{y_scale(y):.1f}" for x, y in line.points)
        parts.append(f'<polyline class="curve {_style(line.style)}" points="{path}"/>')
        best = [(x, y) for x, y in line.points if x == line.marked_x]
        parts += [_marker(x_scale(x), y_scale(y), line.style) for x, y in best]
    told = "; ".join(f"{line.label} ends at {_number(line.points[-1][1])}" for line in lines if line.points)
    return _picture(title, f"{y_label} by {x_label}: {told}.", height, parts) + _legend(
        [(line.label, line.style) for line in lines]
    )


def group_plot(groups: Sequence[str], series: Sequence[Series], title: str, y_label: str, height: int = 260) -> str:
    """Points with intervals, one cluster per group, for example Recall@20 by bucket of users."""
    shown = [one for line in series for one in line.estimates if one is not None]
    y_scale = _Scale([0.0, *_ends(shown)], height - _BOTTOM, _TOP, pad=0.06)
    step = (WIDTH - _LEFT - _RIGHT) / max(len(groups), 1)
    parts = _y_axis(y_scale, y_label, height)
    for at, group in enumerate(groups):
        middle = _LEFT + step * (at + 0.5)
        lines = group.split("\n")
        parts += [_text(middle, height - _BOTTOM + 16 + 13 * row, line, "middle") for row, line in enumerate(lines)]
        for place, line in enumerate(series):
            estimate = line.estimates[at]
            if estimate is not None:
                x = middle + (place - (len(series) - 1) / 2) * min(22.0, step / (len(series) + 1))
                parts += _whisker(x, x, estimate, y_scale, line.style, upright=True)
    told = "; ".join(
        f"{' '.join(group.split())}: "
        + ", ".join(f"{line.label} {_number(one.value)}" for line in series if (one := line.estimates[at]) is not None)
        for at, group in enumerate(groups)
    )
    return _picture(title, f"{y_label}. {told}.", height, parts) + _legend(
        [(line.label, line.style) for line in series]
    )


def bar_plot(groups: Sequence[str], series: Sequence[Series], title: str, y_label: str, height: int = 280) -> str:
    """Bars from zero with intervals, one cluster per group, for example a method without each of its parts."""
    shown = [one for line in series for one in line.estimates if one is not None]
    y_scale = _Scale([0.0, *_ends(shown)], height - _BOTTOM, _TOP, pad=0.06)
    step = (WIDTH - _LEFT - _RIGHT) / max(len(groups), 1)
    width = min(26.0, 0.8 * step / max(len(series), 1))
    parts = _y_axis(y_scale, y_label, height)
    told = []
    for at, group in enumerate(groups):
        middle = _LEFT + step * (at + 0.5)
        parts += [
            _text(middle, height - _BOTTOM + 16 + 13 * row, line, "middle")
            for row, line in enumerate(group.split("\n"))
        ]
        for place, line in enumerate(series):
            estimate = line.estimates[at]
            if estimate is None:
                continue
            x = middle + (place - (len(series) - 1) / 2) * width
            top, zero = y_scale(estimate.value), y_scale(0)
            parts.append(
                f'<rect class="bar {_style(line.style)}" x="{x - 0.45 * width:.1f}" y="{min(top, zero):.1f}" '
                f'width="{0.9 * width:.1f}" height="{abs(zero - top):.1f}"/>'
            )
            if estimate.low is not None and estimate.high is not None:
                parts.append(_segment(x, y_scale(estimate.low), x, y_scale(estimate.high), "error"))
            told.append(f"{' '.join(group.split())}, {line.label}: {_number(estimate.value)}")
    legend = _legend([(line.label, line.style) for line in series])
    return _picture(title, f"{y_label}. {'; '.join(told)}.", height, parts) + legend


def difference_plot(groups: Sequence[str], series: Sequence[Series], title: str, x_label: str) -> str:
    """Differences with intervals against a line at zero: one block of rows per group, one row per series."""
    left, row_height, gap = 92, 20, 12
    block = row_height * len(series) + gap
    height = _TOP + block * len(groups) + _BOTTOM
    shown = [one for line in series for one in line.estimates if one is not None]
    x_scale = _Scale([0.0, *_ends(shown)], left, WIDTH - _RIGHT, pad=0.08)
    parts = _x_axis(x_scale, x_label, height)
    parts.append(_segment(x_scale(0), _TOP - 4, x_scale(0), height - _BOTTOM, "zero"))
    told = []
    for at, group in enumerate(groups):
        parts.append(_text(left - 12, _TOP + block * at + (block - gap) / 2 + 4, group, "end"))
        for place, line in enumerate(series):
            estimate = line.estimates[at]
            if estimate is not None:
                y = _TOP + block * at + row_height * (place + 0.5)
                parts += _whisker(y, y, estimate, x_scale, line.style, upright=False)
                told.append(f"{group}, {line.label}: {_told(estimate)}")
    legend = _legend([(line.label, line.style) for line in series])
    return _picture(title, f"{x_label}. {'; '.join(told)}.", height, parts) + legend


def _told(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:+.3g}"
    return f"{estimate.value:+.3g} (95 % interval {estimate.low:+.3g} to {estimate.high:+.3g})"


class _Scale:
    """From data to pixels, with round ticks."""

    def __init__(self, values: Sequence[float], start: float, end: float, pad: float) -> None:
        low, high = (min(values), max(values)) if values else (0.0, 1.0)
        spread = (high - low) or abs(high) or 1.0
        self.low = low if low == 0 else low - pad * spread
        self.high = high if high == 0 else high + pad * spread
        if self.low == self.high:  # zeros only
            self.high = 1.0
        self.start, self.end = start, end

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    @property
    def ticks(self) -> list[float]:
        rough = (self.high - self.low) / 5
        power = 10.0 ** floor(log10(rough))
        step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
        first, last = ceil(self.low / step - 1e-9), floor(self.high / step + 1e-9)
        return [round(at * step, 12) for at in range(first, last + 1)]


def _y_axis(scale: _Scale, label: str, height: int) -> list[str]:
    parts = []
    for tick in scale.ticks:
        y = scale(tick)
        parts.append(_segment(_LEFT, y, WIDTH - _RIGHT, y, "grid"))
        parts.append(_text(_LEFT - 8, y + 4, _number(tick), "end"))
    middle = (height - _BOTTOM + _TOP) / 2
    parts.append(
        f'<text x="13" y="{middle:.1f}" transform="rotate(-90 13 {middle:.1f})" text-anchor="middle">{escape(label)}</text>'
    )
    return parts


def _x_axis(scale: _Scale, label: str, height: int) -> list[str]:
    bottom = height - _BOTTOM
    parts = [_segment(scale.start, bottom, scale.end, bottom, "axis")]
    for tick in scale.ticks:
        x = scale(tick)
        parts += [_segment(x, bottom, x, bottom + 4, "axis"), _text(x, bottom + 17, _number(tick), "middle")]
    parts.append(_text((scale.start + scale.end) / 2, height - 6, label, "middle"))
    return parts


def _whisker(x: float, y: float, estimate: Estimate, scale: _Scale, style: int, *, upright: bool) -> list[str]:
    parts = []
    at = scale(estimate.value)
    if estimate.low is not None and estimate.high is not None:
        low, high = scale(estimate.low), scale(estimate.high)
        ends = (x, low, x, high) if upright else (low, y, high, y)
        parts.append(_segment(*ends, f"whisker {_style(style)}"))
    parts.append(_marker(x, at, style) if upright else _marker(at, y, style))
    return parts


def _marker(x: float, y: float, style: int) -> str:
    """Circle, square, triangle, diamond or ring: told apart without colour."""
    name = f'class="mark {_style(style)}"'
    if style % _NUM_STYLES == 1:
        return f'<rect {name} x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8"/>'
    if style % _NUM_STYLES == 2:
        return f'<path {name} d="M{x:.1f} {y - 5.5:.1f}l5.5 10h-11z"/>'
    if style % _NUM_STYLES == 3:
        return f'<path {name} d="M{x:.1f} {y - 6:.1f}l6 6l-6 6l-6 -6z"/>'
    ring = " ring" if style % _NUM_STYLES == 4 else ""
    return f'<circle class="mark {_style(style)}{ring}" cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>'


def _legend(entries: Sequence[tuple[str, int]]) -> str:
    items = "".join(
        f'<li><svg class="key" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">{_marker(8, 8, style)}</svg>'
        f"{escape(label)}</li>"
        for label, style in entries
    )
    return f'<ul class="legend">{items}</ul>'


def _picture(title: str, description: str, height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg class="plot" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}. {escape(description)}">'
        f"<title>{escape(title)}</title><desc>{escape(description)}</desc>{''.join(parts)}</svg>"
    )


def _segment(x1: float, y1: float, x2: float, y2: float, name: str) -> str:
    return f'<line class="{name}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _style(style: int) -> str:
    return f"series-{style % _NUM_STYLES}"


def _ends(estimates: Sequence[Estimate]) -> list[float]:
    return [value for one in estimates for value in (one.value, one.low, one.high) if value is not None]


def _number(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")
