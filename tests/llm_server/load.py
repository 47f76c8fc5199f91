"""Plain load for the server: many connections that ask one request after another, and how long each took.

As cheap as a client can be, so that what is measured is the server.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Load:
    """What one load did."""

    statuses: tuple[int, ...]
    wall_s: float
    latencies_s: tuple[float, ...]
    """Of each request, in order of its end."""


async def _client(address: tuple[str, int], bodies: list[bytes], path: str, done: list[tuple[int, float]]) -> None:
    reader, writer = await asyncio.open_connection(*address)
    while bodies:
        body = bodies.pop()
        started = time.perf_counter()
        head = f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer x\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        await reader.readexactly(length)
        done.append((int(answer.split(b" ", 2)[1]), time.perf_counter() - started))
    writer.close()
    await writer.wait_closed()


def put_load(base_url: str, bodies: list[bytes], connections: int, path: str = "/chat/completions") -> Load:
    """Ask all `bodies` over so many connections."""
    parts = urlsplit(base_url)
    assert parts.hostname is not None
    assert parts.port is not None
    address = parts.hostname, parts.port
    left, done = list(bodies), list[tuple[int, float]]()

    async def everybody() -> None:
        clients = (_client(address, left, parts.path + path, done) for _ in range(connections))
        await asyncio.gather(*clients)

    started = time.perf_counter()
    asyncio.run(everybody())
    return Load(tuple(s for s, _ in done), time.perf_counter() - started, tuple(s for _, s in done))
