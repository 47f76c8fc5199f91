"""Progress of long work, told once and shown by whoever listens.

Work says `with track("train lmmrec", total=100, unit="epoch") as step: step.advance()`. The command line shows a bar, a
Dagster step writes a log line every ten seconds, a REPL stays quiet. Rendering does not belong here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol


@dataclass
class Step:
    """One piece of long work; `total` is None where the end is not known."""

    name: str
    total: float | None
    unit: str
    done: float = 0.0
    note: str = ""
    started_at_s: float = field(default_factory=time.monotonic)
    _changed: Callable[[Step], None] = lambda step: None

    def advance(self, amount: float = 1.0, note: str | None = None) -> None:
        self.done += amount
        if note is not None:
            self.note = note
        self._changed(self)

    @property
    def rate(self) -> float:
        """Units per second since the start; 0 before the first."""
        elapsed = time.monotonic() - self.started_at_s
        return self.done / elapsed if elapsed > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        if self.total is None or self.rate == 0.0:
            return None
        return max(0.0, self.total - self.done) / self.rate


class Reporter(Protocol):
    """Where progress is shown. Each method is called from the thread that does the work."""

    def started(self, step: Step) -> None: ...
    def changed(self, step: Step) -> None: ...
    def finished(self, step: Step) -> None: ...
    def said(self, line: str) -> None: ...


class Silence:
    """Shows nothing."""

    def started(self, step: Step) -> None: ...
    def changed(self, step: Step) -> None: ...
    def finished(self, step: Step) -> None: ...
    def said(self, line: str) -> None: ...


class LogLines:
    """Writes one line at the start, one every `every_s` seconds, and one at the end, with rate and time left."""

    def __init__(self, write: Callable[[str], None], every_s: float = 10.0) -> None:
        self._write, self._every_s, self._last_s = write, every_s, 0.0

    def started(self, step: Step) -> None:
        self._last_s = time.monotonic()

    def changed(self, step: Step) -> None:
        now = time.monotonic()
        if now - self._last_s < self._every_s:
            return
        self._last_s = now
        self._write(describe(step))

    def finished(self, step: Step) -> None:
        self._write(describe(step, ended=True))

    def said(self, line: str) -> None:
        self._write(line)


def describe(step: Step, ended: bool = False) -> str:
    """One line: how far, how fast, how long still (unless it ended, perhaps early), and the note."""
    far = f"{step.done:,.0f}" + (f" of {step.total:,.0f}" if step.total is not None else "")
    left = step.seconds_left
    parts = [f"{step.name}: {far} {step.unit}", f"{step.rate:,.1f}/s"]
    if left is not None and step.total is not None and step.done < step.total and not ended:
        parts.append(f"{left:,.0f} s left")
    if step.note:
        parts.append(step.note)
    return ", ".join(parts)


_silence = Silence()
_reporter: ContextVar[Reporter | None] = ContextVar("lmmrec_progress_reporter", default=None)


@contextmanager
def reporting_to(reporter: Reporter) -> Iterator[None]:
    """Everything tracked inside is shown by `reporter`."""
    token = _reporter.set(reporter)
    try:
        yield
    finally:
        _reporter.reset(token)


def has_reporter() -> bool:
    """True where somebody outside already shows progress, so that an asset need not write log lines."""
    return _reporter.get() is not None


def say(line: str) -> None:
    """Tell something that belongs to no step, such as what the next one is going to cost."""
    (_reporter.get() or _silence).said(line)


@contextmanager
def track(name: str, total: float | None = None, unit: str = "") -> Iterator[Step]:
    reporter = _reporter.get() or _silence
    step = Step(name=name, total=total, unit=unit, _changed=reporter.changed)
    reporter.started(step)
    try:
        yield step
    finally:
        reporter.finished(step)
