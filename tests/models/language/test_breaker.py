"""The circuit breaker: opens when nothing comes through, probes one at a time, closes with the first success."""

from __future__ import annotations

import asyncio

import pytest

from models.language.breaker import Breaker

pytestmark = pytest.mark.unit


def test_single_failures_between_successes_never_open_it() -> None:
    breaker = Breaker(failures=3)
    for _ in range(100):
        breaker.failed(probe=False)
        breaker.failed(probe=False)
        breaker.succeeded()
    assert not breaker.open


def test_while_open_one_probe_goes_out_and_its_success_lets_everybody_through() -> None:
    async def course() -> list[bool]:
        breaker = Breaker(failures=2, probe_waits_s=(0.01, 0.01))
        breaker.failed(probe=False)
        breaker.failed(probe=False)
        passed: list[bool] = []

        async def one() -> None:
            probe = await breaker.passage()
            passed.append(probe)
            if probe:
                await asyncio.sleep(0.02)
                assert len(passed) == 1
                breaker.succeeded()

        await asyncio.gather(*(one() for _ in range(5)))
        assert not breaker.open
        return passed

    assert asyncio.run(course()) == [True, False, False, False, False]


def test_after_the_last_probe_the_endpoint_is_down_and_nobody_waits() -> None:
    async def course() -> int:
        breaker, probes = Breaker(failures=1, probe_waits_s=(0.001, 0.001, 0.001)), 0
        breaker.failed(probe=False)

        async def one() -> None:
            nonlocal probes
            while not breaker.down:
                probe = await breaker.passage()
                probes += probe
                if not breaker.down:
                    breaker.failed(probe)

        await asyncio.wait_for(asyncio.gather(*(one() for _ in range(4))), 5)
        return probes

    assert asyncio.run(course()) == 3


def test_a_late_failure_of_an_older_request_ends_no_probe() -> None:
    async def course() -> None:
        breaker = Breaker(failures=1, probe_waits_s=(0.001, 0.001))
        breaker.failed(probe=False)
        assert await breaker.passage()
        breaker.failed(probe=False)
        second = asyncio.create_task(breaker.passage())
        await asyncio.sleep(0.01)
        assert not second.done()
        breaker.succeeded()
        assert await second is False

    asyncio.run(course())


def test_a_probe_that_is_cancelled_leaves_its_place_to_another() -> None:
    async def course() -> bool:
        breaker = Breaker(failures=1, probe_waits_s=(0.01,))
        breaker.failed(probe=False)
        first, second = (asyncio.create_task(breaker.passage()) for _ in range(2))
        await asyncio.sleep(0.001)
        first.cancel()
        return await asyncio.wait_for(second, 5)

    assert asyncio.run(course())
