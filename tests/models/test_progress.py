"""Progress reaches whoever listens, and nobody else."""

import pytest

from models.progress import LogLines, Step, describe, has_reporter, reporting_to, track

pytestmark = pytest.mark.unit


def test_without_a_listener_work_is_silent() -> None:
    with track("train", total=2) as step:
        step.advance()
    assert not has_reporter()
    assert step.done == 1


def test_the_listener_hears_start_change_and_end_also_when_work_fails() -> None:
    heard: list[str] = []

    class Listener:
        def started(self, step: Step) -> None:
            heard.append("started")

        def changed(self, step: Step) -> None:
            heard.append(f"{step.done:.0f} {step.note}")

        def finished(self, step: Step) -> None:
            heard.append("finished")

        def said(self, line: str) -> None:
            heard.append(line)

    with pytest.raises(ZeroDivisionError), reporting_to(Listener()), track("train", total=2) as step:
        step.advance(note="R@20 .1")
        raise ZeroDivisionError
    assert heard == ["started", "1 R@20 .1", "finished"]


def test_log_lines_come_at_most_once_per_interval_and_once_at_the_end() -> None:
    lines: list[str] = []
    with reporting_to(LogLines(lines.append, every_s=3600)), track("encode", total=5, unit="texts") as step:
        for _ in range(5):
            step.advance()
    assert len(lines) == 1
    assert lines[0].startswith("encode: 5 of 5 texts")


def test_a_line_tells_rate_and_time_left() -> None:
    step = Step("train", total=10, unit="epochs", done=5)
    step.started_at_s -= 5
    assert describe(step).startswith("train: 5 of 10 epochs, 1.0/s, 5 s left")
