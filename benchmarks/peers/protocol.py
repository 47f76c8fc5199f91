"""How a driver talks to the implementations it compares: each in a process of its own, one JSON line for each request.

Here are both ends, the environment that all of them share, and what a request can be. What is measured is decided in
the drivers; how an implementation does it, in the other modules of this folder.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

ROOT = Path(__file__).resolve().parents[2]


class Implementation(Protocol):
    """What a worker serves; a request that it does not know is not put to it (`tasks`)."""

    def describe(self) -> dict[str, Any]:
        """`tasks` (those of `epoch`, `evaluate`, `fit` that it can do), `versions`, and `note`: how its work differs."""

    def epoch(self, batch_size: int, steps: int | None) -> dict[str, float]:
        """One pass over all training pairs, or `steps` steps; `epoch_s` is wall seconds of a whole pass."""

    def evaluate(self) -> dict[str, float]:
        """Ranks all items for all users with validation pairs; `evaluate_s`, and `recall_20` as evidence."""

    def fit(self) -> dict[str, float]:
        """A whole fit where passes are not steps; `fit_s`."""


def serve(implementation: Implementation) -> None:
    """Answers requests from standard input until it closes. Libraries may print: their output goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        task = request.pop("do")
        answer = {"peak_rss_mb": peak_rss_mb()} if task == "peak" else getattr(implementation, task)(**request)
        answers.write(json.dumps(answer) + "\n")


class Worker:
    """The driver's end of one implementation."""

    def __init__(self, module: str, arguments: Sequence[str], threads: int, python: str = sys.executable) -> None:
        self.module = module
        self._process = subprocess.Popen(
            [python, "-m", module, *arguments, "--threads", str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, **environment(threads)},
        )

    def ask(self, task: str, **arguments: Any) -> dict[str, Any]:
        """The answer to one request; the others wait idle meanwhile."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"do": task, **arguments}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise SystemExit(f"{self.module} ended while it was asked for {task!r}; its message stands above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)


def environment(threads: int) -> Mapping[str, str]:
    """Threads, and how long an OpenMP thread waits actively: the same for every implementation."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    return {name: str(threads) for name in names} | {"GOMP_SPINCOUNT": "10000"}


def peak_rss_mb() -> float:
    """Largest resident set of this process in MB (10^6 bytes), that of the process it was forked from left out."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text(encoding="utf-8").splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


class Stopwatch:
    """`with Stopwatch() as watch: …` and then `watch.seconds`, of the wall clock."""

    def __enter__(self) -> Stopwatch:
        self._started, self.seconds = time.perf_counter(), 0.0
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._started
