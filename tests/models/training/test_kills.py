"""Training in a real process that is killed with SIGKILL at random moments: the resumed run ends in the same bytes.

How often: `TRAINING_KILLS=20 pytest tests/models/training/test_kills.py` kills 20 times per model.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from multiprocessing.context import ForkServerContext
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from models.enhancers import LMMRecConfig
from models.training.state import STATE
from tests.models.training.small import LMMREC, TRAINING, small_fit, stored_bytes, train_in_a_process

pytestmark = [pytest.mark.integration, pytest.mark.slow]

KILLS = int(os.environ.get("TRAINING_KILLS", "3"))
LONG = TRAINING.model_copy(update={"max_epochs": 80, "patience": 80})


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Processes that start with torch imported, and dynamo, which Adam imports: a kill hits training, not the imports."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.models.training.small", "models.training.trainer", "torch._dynamo"])
    return context


def run_for(
    seconds: float | None, processes: ForkServerContext, enhancer: LMMRecConfig | None, state: Path, target: Path
) -> tuple[int | None, float]:
    """Trains in a process of its own, killed after `seconds` of training unless it ended before; exit code, seconds."""
    begun, begins = processes.Pipe(duplex=False)
    process = processes.Process(target=train_in_a_process, args=(begins, enhancer, LONG, state, target))
    process.start()
    assert begun.poll(60)
    started_s = time.monotonic()
    process.join(seconds)
    process.kill()  # SIGKILL; nothing happens where it ended
    process.join()
    return process.exitcode, time.monotonic() - started_s


def epochs_kept(state: Path) -> int:
    """Epochs that a resumed run does not train again; 0 where nothing is stored yet."""
    if not (state / STATE).exists():
        return 0
    with safe_open(str(state / STATE), framework="pt") as file:
        return int(json.loads(file.metadata()["header"])["course"]["epochs_done"])


def epochs_told(state: Path) -> int:
    """Epochs that the killed process had told as done; a line that was cut off does not count."""
    told = state.with_suffix(".told")
    lines = told.read_text(encoding="utf-8").split("\n")[:-1] if told.exists() else []
    return int(lines[-1]) if lines else 0


@pytest.mark.parametrize("enhancer", [None, LMMREC], ids=["base", "lmmrec"])
def test_a_run_killed_at_random_moments_ends_in_the_bytes_of_the_undisturbed_one(
    enhancer: LMMRecConfig | None, processes: ForkServerContext, tmp_path: Path
) -> None:
    undisturbed = stored_bytes(small_fit(enhancer, LONG), tmp_path / "undisturbed")
    code, whole_s = run_for(None, processes, enhancer, tmp_path / "timed", tmp_path / "target")
    assert code == 0
    rng = np.random.default_rng(KILLS)
    killed_at: list[int] = []
    runs = 0
    while len(killed_at) < KILLS:
        runs += 1
        state, target = tmp_path / f"state-{runs}", tmp_path / f"killed-{runs}"
        for _ in range(min(KILLS - len(killed_at), int(rng.integers(1, 4)))):  # a run may be killed more than once
            code, _ = run_for(float(rng.uniform(0.0, whole_s)), processes, enhancer, state, target)
            assert code in (0, -signal.SIGKILL)
            if code:
                killed_at.append(epochs_kept(state))
            assert epochs_kept(state) >= epochs_told(state)  # only the epoch under way is lost
        code, _ = run_for(None, processes, enhancer, state, target)
        assert code == 0
        assert {path.name: path.read_bytes() for path in sorted(target.iterdir())} == undisturbed
    print(f"{KILLS} kills in {runs} runs of {whole_s:.1f} s, after epochs {killed_at}")  # noqa: T201 - shown with -s
