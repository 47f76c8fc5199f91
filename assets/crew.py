"""Cells in several processes at once: the same bytes, whoever makes them.

A crew is a pool of processes with a fixed number of threads each, kept for the next asset, since starting one costs seconds.
Every cell is made by one process and published whole, so that a crew that is killed leaves nothing half done. What a cell is
made of is the business of `assets/resources.py`.
"""

from __future__ import annotations

import atexit
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from multiprocessing import get_context
from typing import TypeVar

from models.errors import LmmrecError

Job = TypeVar("Job")
Result = TypeVar("Result")
ORPHANED_AFTER_S = 0.5
"""How often a process of the crew looks whether whoever started it is still there."""
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def in_processes(
    make: Callable[[Job], Result], jobs: Sequence[Job], processes: int, threads: int
) -> Iterator[tuple[int, Result]]:
    """(position, result) of every job as it ends, in whatever order that is.

    Args:
        make: a function of a module, since another process has to find it.
        processes: how many at once; 1 is another process as well, so that numbers do not depend on how many there are.
        threads: of each.

    Raises:
        LmmrecError: that of the first job that failed, or a process was killed; what has begun is given up then.
    """
    pool = _pool(processes, threads)
    waiting = {pool.submit(make, job): at for at, job in enumerate(jobs)}
    try:
        while waiting:
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                yield waiting.pop(future), _result(future)
    except BaseException:
        dismiss()
        raise


def dismiss() -> None:
    """End all processes now; what they were making is lost, and nothing else."""
    for pool in _pools:
        for process in list((pool._processes or {}).values()):
            process.kill()
        pool.shutdown(wait=False, cancel_futures=True)
    _pools.clear()
    _pool.cache_clear()


def _result(future: Future[Result]) -> Result:
    try:
        return future.result()
    except BrokenProcessPool:
        raise LmmrecError(
            "a process that trained cells was killed, perhaps for want of memory: start again, what is complete is kept; "
            "LMMREC_PROCESSES=1 takes the least memory."
        ) from None


_pools: list[ProcessPoolExecutor] = []


@lru_cache(maxsize=1)
def _pool(processes: int, threads: int) -> ProcessPoolExecutor:
    for older in _pools:
        older.shutdown(wait=False)
    _pools.clear()
    context = get_context("spawn")  # a fork would take over the locks of torch's threads
    pool = ProcessPoolExecutor(processes, context, initializer=_settle, initargs=(os.getpid(), threads))
    _pools.append(pool)
    return pool


def _settle(parent: int, threads: int) -> None:
    """In a new process, before anything heavy is loaded: its threads, and that it does not outlive whoever started it."""
    for name in _THREADS:
        os.environ[name] = str(threads)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides what it means

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(ORPHANED_AFTER_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


atexit.register(dismiss)
