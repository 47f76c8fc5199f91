"""Runs a plan here and now: in this process, on the persistent Dagster instance, one run per partition.

What Dagster and the libraries say goes to a log file; the terminal gets progress and, on failure, one sentence. What has to
be made is decided in `plan.py`, the split into runs in `retraining.py`.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, TextIO

from models.errors import LmmrecError
from models.progress import reporting_to, track
from orchestration.home import new_log_file, only_one, prepare
from orchestration.retraining import Launch
from orchestration.terminal import progress_on, safe

if TYPE_CHECKING:
    import dagster as dg


LAUNCHED_HERE = {"lmmrec/launched_by": "command line"}
"""Tag of the runs that this module starts."""


class Terminated(KeyboardInterrupt):
    """SIGTERM arrived: ends the work as Ctrl-C does, with exit status 143."""


def execute(home: Path, next_launches: Callable[[], Sequence[Launch]]) -> None:
    """Carry out what `next_launches` gives, and ask it again, until it gives nothing more.

    Raises:
        LmmrecError: a step or a blocking check failed, or another run holds the home.
        KeyboardInterrupt: interrupted; every partition is either as it was before or complete.
    """
    prepare(home)
    seen: set[tuple[str, tuple[str, ...]]] = set()
    with (
        only_one(home),
        _noting_signals() as raise_if_stopped,
        _quiet(log := new_log_file(home, "run")) as stream,
        progress_on(stream) as shown,
        reporting_to(shown),
    ):
        end_killed_runs()
        while wanted := next_launches():
            for launch in wanted:
                if (launch.name, launch.reasons) in seen:
                    raise LmmrecError(
                        f"{launch.reasons[0]}, though it has just been made: the log {log} has the details."
                    )
                seen.add((launch.name, launch.reasons))
                try:
                    _run(launch, log)
                finally:
                    raise_if_stopped()


def end_killed_runs() -> None:
    """Report runs of the command line whose process was killed as canceled, and free the pool slots that they hold.

    Call it while holding the home: no other `lmmrec run` is alive then, and one that Dagster believes to be under way is
    dead. Without this the next run would wait for a slot that nobody gives back. Runs of the UI are the daemon's, and
    failed ones it would start again.
    """
    import dagster as dg

    under_way = [status for status in dg.DagsterRunStatus if status.name in ("NOT_STARTED", "STARTING", "STARTED")]
    with dg.DagsterInstance.get() as instance:
        for run in instance.get_runs(dg.RunsFilter(tags=LAUNCHED_HERE, statuses=under_way)):
            instance.report_run_canceled(run, message="The process of this `lmmrec run` was killed.")
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)


def _run(launch: Launch, log: Path) -> None:
    import dagster as dg

    from orchestration.definitions import defs
    from orchestration.sensors import partition_of

    job = defs.resolve_job_def(launch.job)
    with dg.DagsterInstance.get() as instance:
        result = job.execute_in_process(
            instance=instance,
            partition_key=partition_of(launch),
            asset_selection=[dg.AssetKey(asset) for asset in launch.assets],
            run_config=dict(launch.config),
            raise_on_error=False,
            tags=LAUNCHED_HERE,
        )
        if not result.success:
            raise LmmrecError(_what_failed(result, log))
        _show_warnings(result)


def _what_failed(result: dg.ExecuteInProcessResult, log: Path) -> str:
    """One sentence: the failed checks where there are any, else the first failed step."""
    from dagster import AssetCheckSeverity

    broken = [
        evaluation
        for evaluation in result.get_asset_check_evaluations()
        if not evaluation.passed and evaluation.severity == AssetCheckSeverity.ERROR
    ]
    for event in result.filter_events(lambda event: event.is_step_failure):
        data = event.step_failure_data
        failure = data.user_failure_data
        if failure is not None and failure.description:
            return str(failure.description)
        if not broken and data.error is not None:
            cause = data.error.cause or data.error
            last = safe(cause.message, 300).rstrip(".")
            return f"step {event.step_key} failed unexpectedly ({last}): the log {log} has the details."
    if broken:
        said = "; ".join(
            f"check {evaluation.check_name} of {evaluation.asset_key.to_user_string()} failed"
            + (f" ({safe(evaluation.description, 400).rstrip('.')})" if evaluation.description else "")
            for evaluation in broken
        )
        return f"{said}: nothing behind it was made; mend the data or the catalogue entry and run again."
    return f"the run failed before its first step: the log {log} has the details."


def _show_warnings(result: dg.ExecuteInProcessResult) -> None:
    for evaluation in result.get_asset_check_evaluations():
        if not evaluation.passed:
            name = f"{evaluation.asset_key.to_user_string()}: {evaluation.check_name}"
            with track(f"warning, {name}", unit="check") as step:
                step.advance(1, safe(evaluation.description or "", 200))


@contextmanager
def _quiet(log: Path) -> Iterator[TextIO]:
    """Send what this process and its libraries write to `log`; yields the real stderr."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = {number: os.dup(number) for number in (1, 2)}
    with log.open("ab") as file, os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace") as terminal:
        try:
            for number in kept:
                os.dup2(file.fileno(), number)
            yield terminal
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, saved in kept.items():
                os.dup2(saved, number)
                os.close(saved)


@contextmanager
def _noting_signals() -> Iterator[Callable[[], None]]:
    """Yields a function that raises `KeyboardInterrupt` or `Terminated` where SIGINT or SIGTERM came since.

    Dagster puts its own handlers in place while a run is on, and reports the run as failed; the wake-up descriptor sees
    every signal whatever its handler.
    """
    reading, writing = os.pipe()
    for end in (reading, writing):
        os.set_blocking(end, False)

    def stop(number: int, frame: FrameType | None) -> None:
        raise Terminated

    def raise_if_any() -> None:
        try:
            received = os.read(reading, 64)
        except BlockingIOError:
            return
        if signal.SIGTERM in received:
            raise Terminated
        if signal.SIGINT in received:
            raise KeyboardInterrupt

    before, woken = signal.signal(signal.SIGTERM, stop), signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    try:
        yield raise_if_any
    finally:
        signal.set_wakeup_fd(woken)
        signal.signal(signal.SIGTERM, before)
        os.close(reading)
        os.close(writing)
