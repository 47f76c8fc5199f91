"""Work beside the forward pass: what a step needs that waits for nothing of it, on the half of the threads that it leaves.

On a CPU many operations of a step are too small for all threads. Two independent parts on half of the threads each end
sooner than one after the other on all of them (measured: docs/models.md). On a GPU, and with one thread, nothing runs beside.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar

import torch

T = TypeVar("T")


class Beside:
    """One helper thread, started when it is first needed; one piece of work at a time."""

    def __init__(self, device: torch.device) -> None:
        self._on_cpu = device.type == "cpu"
        self._threads = 0
        self._pool: ThreadPoolExecutor | None = None
        self._running: Future[Any] | None = None

    def start(self, work: Callable[[], T]) -> Callable[[], T]:
        """Starts `work`, until `join` on half of torch's threads; the function that is returned waits for its result.

        Without a thread to spare the work is done when its result is first asked for.
        """
        self.join()
        threads = torch.get_num_threads()
        if not self._on_cpu or threads == 1:
            return cache(work)
        if self._pool is None or threads != self._threads:
            self._threads = threads
            self._pool = ThreadPoolExecutor(1, "beside", torch.set_num_threads, (threads // 2,))
        future = self._pool.submit(work)
        self._running = future
        torch.set_num_threads(threads - threads // 2)

        def result() -> T:
            try:
                return future.result()
            finally:
                self.join()

        return result

    def join(self) -> None:
        """Waits for what is running, if anything is, and gives all threads back to the caller."""
        if self._running is not None:
            running, self._running = self._running, None
            running.exception()
            torch.set_num_threads(self._threads)
