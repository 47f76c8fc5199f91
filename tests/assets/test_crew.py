"""Processes that make cells: every job once, failures as they are, and nobody outlives whoever started them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from assets.crew import dismiss, in_processes
from models.errors import LmmrecError
from tests.processes import is_alive

pytestmark = pytest.mark.integration


def squared(job: int) -> tuple[int, int]:
    time.sleep(0.2)
    return os.getpid(), job * job


def threads(job: int) -> str:
    return os.environ["OMP_NUM_THREADS"]


def failing(job: int) -> int:
    if job == 1:
        raise LmmrecError("job 1 cannot be done: give another.")
    return job


def killing(job: int) -> int:
    os.kill(os.getpid(), 9)
    return job


def test_every_job_is_done_once_by_processes_of_their_own() -> None:
    found = dict(in_processes(squared, [3, 1, 2, 5], processes=2, threads=1))
    assert {at: value for at, (_, value) in found.items()} == {0: 9, 1: 1, 2: 4, 3: 25}
    workers = {process for process, _ in found.values()}
    assert os.getpid() not in workers
    assert len(workers) <= 2


def meet(folder: str) -> bool:
    """Waits until two processes are here."""
    note_here(folder)
    deadline = time.monotonic() + 60
    while len(list(Path(folder).iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    return len(list(Path(folder).iterdir())) == 2


def test_they_work_at_the_same_time(tmp_path: Path) -> None:
    assert dict(in_processes(meet, [str(tmp_path)] * 2, processes=2, threads=1)) == {0: True, 1: True}


def test_the_same_processes_serve_the_next_asset() -> None:
    first, second = ({process for _, (process, _) in in_processes(squared, [1, 2], 1, 1)} for _ in range(2))
    assert first == second


def test_threads_are_set_before_anything_heavy_is_loaded() -> None:
    assert dict(in_processes(threads, [0], processes=1, threads=3)) == {0: "3"}


def test_what_the_user_can_mend_comes_back_as_it_is() -> None:
    with pytest.raises(LmmrecError, match="give another"):
        list(in_processes(failing, [0, 1], processes=2, threads=1))
    assert dict(in_processes(failing, [0, 2], processes=2, threads=1)) == {0: 0, 1: 2}  # a new crew


def test_a_process_that_was_killed_is_said_with_the_remedy() -> None:
    with pytest.raises(LmmrecError, match="LMMREC_PROCESSES=1"):
        list(in_processes(killing, [0], processes=1, threads=1))
    dismiss()


def test_processes_end_when_whoever_started_them_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from assets.crew import in_processes; from tests.assets.test_crew import note\n"
        f"list(in_processes(note, [{str(tmp_path)!r}] * 2, processes=2, threads=1))"
    )
    parent = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 60
    while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    workers = [int(path.name) for path in tmp_path.iterdir()]
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 30
    while any(map(is_alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(workers) == 2
    assert not any(map(is_alive, workers))


def note(folder: str) -> None:
    note_here(folder)
    time.sleep(120)


def note_here(folder: str) -> None:
    (Path(folder) / str(os.getpid())).touch()
