"""Asynchronous work told to synchronous callers: a bounded number of jobs at once, results as they come.

After the first exception no further job begins; those in flight end first, since they are paid for, and then it reaches the
caller. A caller that leaves early cancels them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")
Client = TypeVar("Client")


def run_bounded(
    open_client: Callable[[], AbstractAsyncContextManager[Client]],
    work: Callable[[Client, Job], Awaitable[Result]],
    jobs: Iterable[Job],
    concurrency: int,
) -> Iterator[Result]:
    """Results of `work(client, job)` in the order in which they are done.

    Args:
        open_client: opens what the jobs share; called within the event loop.
        work: one job.
        jobs: taken one after another, as workers become free.
        concurrency: jobs in flight at once.
    """
    with asyncio.Runner() as runner:
        stream = _stream(open_client, work, iter(jobs), concurrency)
        try:
            while True:
                try:
                    result = runner.run(_next(stream))
                except StopAsyncIteration:
                    return
                yield result
        finally:
            runner.run(stream.aclose())


async def _next(stream: AsyncIterator[Result]) -> Result:
    return await anext(stream)


async def _stream(
    open_client: Callable[[], AbstractAsyncContextManager[Client]],
    work: Callable[[Client, Job], Awaitable[Result]],
    jobs: Iterator[Job],
    concurrency: int,
) -> AsyncGenerator[Result, None]:
    async with open_client() as client:
        running: set[asyncio.Task[Result]] = set()

        def fill() -> None:
            while len(running) < concurrency and (job := next(jobs, _END)) is not _END:
                running.add(asyncio.ensure_future(work(client, job)))  # type: ignore[arg-type]

        try:
            fill()
            while running:
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                if failures := [error for task in done if (error := task.exception()) is not None]:
                    if running:
                        await asyncio.wait(running)
                    raise failures[0]
                fill()
                for task in done:
                    yield task.result()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)


_END = object()
