"""How many requests are in flight: bounded, fair, and as many as an endpoint of any capacity sustains."""

from __future__ import annotations

import asyncio
import random

import pytest

from models.language.limiter import FIRST_LIMIT, Limiter

pytestmark = pytest.mark.unit


class SimulatedTime:
    """An event loop whose clock jumps to the next timer, so that hours pass in a blink."""

    def __enter__(self) -> asyncio.AbstractEventLoop:
        self.loop = asyncio.new_event_loop()
        self.now = 0.0
        select = self.loop._selector.select  # type: ignore[attr-defined]

        def jump(timeout: float | None) -> object:
            self.now += timeout or 0.0
            return select(0)

        self.loop._selector.select = jump  # type: ignore[attr-defined]
        self.loop.time = lambda: self.now  # type: ignore[method-assign]
        return self.loop

    def __exit__(self, *exception: object) -> None:
        self.loop.close()


def serve(most: int, capacity: int, requests: int, latency_s: float = 0.1, seed: int = 0) -> tuple[float, int, int]:
    """(seconds, rejections, most in flight) of so many accepted requests at an endpoint that holds `capacity` at once."""
    drawn, rejected, held, peak = random.Random(seed), 0, 0, 0
    with SimulatedTime() as loop:
        limiter = Limiter(most, clock=loop.time)

        async def request() -> None:
            nonlocal rejected, held, peak
            while True:
                async with limiter.slot() as slot:
                    slot.accepted = held < capacity
                    if slot.accepted:
                        held += 1
                        peak = max(peak, limiter.in_flight)
                        await asyncio.sleep(latency_s * drawn.uniform(0.8, 1.2))
                        held -= 1
                        return
                    await asyncio.sleep(0.001)
                rejected += 1
                await asyncio.sleep(0.5 * drawn.random())

        async def everybody() -> None:
            left = iter(range(requests))

            async def worker() -> None:
                for _ in left:
                    await request()

            await asyncio.gather(*(worker() for _ in range(2 * most)))

        loop.run_until_complete(everybody())
        return loop.time(), rejected, peak


@pytest.mark.parametrize("capacity", [3, 5, 20, 50])
def test_an_endpoint_of_any_capacity_is_used_at_nine_tenths_with_few_rejections(capacity: int) -> None:
    requests = 200 * capacity
    seconds, rejected, _ = serve(64, capacity, requests)
    assert requests / seconds >= 0.9 * capacity / 0.1
    assert rejected <= 0.05 * (requests + rejected)


def test_an_endpoint_without_a_limit_is_used_to_the_bound_within_a_few_rounds() -> None:
    seconds, rejected, peak = serve(64, 1_000, 6_400)
    assert rejected == 0
    assert peak == 64
    assert seconds < 1.1 * 6_400 / 64 * 0.1


@pytest.mark.parametrize("most", [1, 2, 7])
def test_the_bound_of_the_user_is_never_passed(most: int) -> None:
    assert serve(most, 1_000, 300)[2] == most


def test_the_bound_recovers_after_an_endpoint_turned_everything_away() -> None:
    with SimulatedTime() as loop:
        limiter = Limiter(64, clock=loop.time)

        async def once(accepted: bool) -> None:
            async with limiter.slot() as slot:
                await asyncio.sleep(0.01)
                slot.accepted = accepted

        async def course() -> tuple[float, float]:
            for _ in range(20):
                await asyncio.gather(*(once(False) for _ in range(8)))
            low = limiter.limit
            for _ in range(4_000):
                await asyncio.gather(*(once(True) for _ in range(int(limiter.limit))))
            return low, limiter.limit

        low, high = loop.run_until_complete(course())
        assert low == 1
        assert high == 64


def test_those_who_came_first_go_first() -> None:
    order: list[int] = []

    async def course() -> None:
        limiter = Limiter(1)

        async def one(number: int) -> None:
            async with limiter.slot():
                order.append(number)
                await asyncio.sleep(0)

        await asyncio.gather(*(one(number) for number in range(10)))

    asyncio.run(course())
    assert order == list(range(10))


def test_a_pause_holds_everybody_and_ends() -> None:
    with SimulatedTime() as loop:
        limiter, begun = Limiter(4, clock=loop.time), []

        async def one() -> None:
            async with limiter.slot():
                begun.append(loop.time())

        async def course() -> None:
            limiter.pause(30.0)
            limiter.pause(5.0)
            await asyncio.gather(*(one() for _ in range(8)))

        loop.run_until_complete(course())
        assert begun == [pytest.approx(30.0)] * 8


def test_a_waiter_that_is_cancelled_takes_no_place_with_it() -> None:
    async def course() -> int:
        limiter = Limiter(1)

        async def hold(seconds: float) -> None:
            async with limiter.slot():
                await asyncio.sleep(seconds)

        first = asyncio.create_task(hold(0.02))
        waiting = [asyncio.create_task(hold(0)) for _ in range(3)]
        await asyncio.sleep(0.01)
        waiting[0].cancel()
        await asyncio.gather(first, *waiting, return_exceptions=True)
        async with limiter.slot():
            return limiter.in_flight

    assert asyncio.run(course()) == 1
    assert FIRST_LIMIT > 1
