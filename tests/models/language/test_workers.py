"""Results in the order of the jobs, a bounded window ahead, and a clean end after failures."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from models.language import workers
from models.language.workers import run_in_order

pytestmark = pytest.mark.unit


@asynccontextmanager
async def nothing() -> AsyncIterator[None]:
    yield None


def test_results_come_in_the_order_of_jobs_whatever_each_takes() -> None:
    drawn = random.Random(1)

    async def work(_: None, job: int) -> int:
        await asyncio.sleep(drawn.random() / 100)
        return job

    assert list(run_in_order(nothing, work, range(300), 16)) == list(range(300))


def test_jobs_are_drawn_no_further_ahead_than_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "WINDOW", 20)
    drawn = 0
    furthest = 0

    def jobs() -> Iterator[int]:
        nonlocal drawn
        for job in range(500):
            drawn += 1
            yield job

    async def work(_: None, job: int) -> int:
        await asyncio.sleep(0.02 if job == 3 else 0)
        return job

    for done, result in enumerate(run_in_order(nothing, work, jobs(), 4)):
        assert result == done
        furthest = max(furthest, drawn - done)
    assert 4 < furthest <= 21


def test_the_first_failure_reaches_the_caller_and_cancels_the_others() -> None:
    cancelled: list[int] = []

    async def work(_: None, job: int) -> int:
        if job == 5:
            raise KeyError(job)
        try:
            await asyncio.sleep(10 if job > 5 else 0)
        except asyncio.CancelledError:
            cancelled.append(job)
            raise
        return job

    with pytest.raises(KeyError):
        list(run_in_order(nothing, work, range(1_000), 8))
    assert cancelled
    assert max(cancelled) < 20


def test_a_caller_that_leaves_early_cancels_what_runs() -> None:
    ended: list[int] = []

    async def work(_: None, job: int) -> int:
        try:
            await asyncio.sleep(0 if job == 0 else 10)
        finally:
            ended.append(job)
        return job

    stream = run_in_order(nothing, work, range(10), 4)
    assert next(stream) == 0
    stream.close()  # type: ignore[attr-defined]
    assert sorted(ended)[0] == 0
    assert len(ended) >= 4
