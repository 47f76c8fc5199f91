"""Asynchronous work told to synchronous callers: a bounded number of jobs at once, results in the order of the jobs.

Jobs are drawn as workers become free, and never further ahead of the oldest unfinished one than a window, so that a stream of
any length takes the same memory. After the first exception no further job begins, the others are cancelled (what they do
about it is theirs), and then it reaches the caller. A caller that leaves early cancels them, too.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")
Client = TypeVar("Client")
HANDED_OVER_EVERY_S = 0.02
"""Results wait so long for others: each change between loop and caller costs the runner's signal handling."""
SWITCH_INTERVAL_S = 0.0005
WINDOW = 4_000
"""Results that may wait for an older one: about 10 MB of answers."""


def run_in_order(
    open_client: Callable[[], AbstractAsyncContextManager[Client]],
    work: Callable[[Client, Job], Awaitable[Result]],
    jobs: Iterable[Job],
    workers: int,
) -> Iterator[Result]:
    """Results of `work(client, job)` in the order of `jobs`.

    Args:
        open_client: opens what the jobs share; called within the event loop.
        work: one job.
        jobs: drawn one after another.
        workers: jobs at work at once.
    """
    with _quick_event_loop(), asyncio.Runner() as runner:
        stream = _stream(open_client, work, iter(jobs), workers)
        try:
            while True:
                try:
                    results = runner.run(_next(stream))
                except StopAsyncIteration:
                    return
                yield from results
        finally:
            runner.run(stream.aclose())


@contextmanager
def _quick_event_loop() -> Iterator[None]:
    """The interpreter as an event loop wants it that hands each answer to a thread, and waits until that has it on disk.

    A thread that wants to run gets its turn ten times as soon: about a tenth more answers a second. Full collections, which
    fast garbage calls for again and again, pass over all that was imported before: 6 % more.
    """
    interval = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        sys.setswitchinterval(interval)


async def _next(stream: AsyncGenerator[list[Result], None]) -> list[Result]:
    return await anext(stream)


async def _stream(
    open_client: Callable[[], AbstractAsyncContextManager[Client]],
    work: Callable[[Client, Job], Awaitable[Result]],
    jobs: Iterator[Job],
    workers: int,
) -> AsyncGenerator[list[Result], None]:
    loop, handed_over = asyncio.get_running_loop(), -HANDED_OVER_EVERY_S
    async with open_client() as client:
        running: set[asyncio.Task[Result]] = set()
        ordered: deque[asyncio.Task[Result]] = deque()
        changed = asyncio.Event()
        failures: list[BaseException] = []

        def ended(task: asyncio.Task[Result]) -> None:
            running.discard(task)
            if not task.cancelled() and (error := task.exception()) is not None:
                failures.append(error)
            changed.set()

        try:
            while True:
                while len(running) < workers and len(ordered) < WINDOW and (job := next(jobs, _END)) is not _END:
                    task: asyncio.Task[Result] = asyncio.ensure_future(work(client, job))  # type: ignore[arg-type]
                    task.add_done_callback(ended)
                    running.add(task)
                    ordered.append(task)
                if not ordered:
                    return
                await changed.wait()
                changed.clear()
                if failures:
                    raise failures[0]
                if not ordered[0].done():
                    continue
                if running and (early := handed_over + HANDED_OVER_EVERY_S - loop.time()) > 0.0:
                    loop.call_later(early, changed.set)
                    continue
                results = []
                while ordered and ordered[0].done():
                    results.append(ordered.popleft().result())
                yield results
                handed_over = loop.time()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)


_END = object()
