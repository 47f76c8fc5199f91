"""HTTP/1.1 with keep-alive over asyncio, as little of it as a test server needs, and the ways in which a reply can go wrong.

A request is handed to one synchronous function when it is whole; its reply is sent after its delay. Bodies have a
content-length; chunked requests are answered 411. What a reply says belongs to `service.py`.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal

_PIECE_S = 0.05
"""Between two pieces of a dripping body, at least."""
_REASONS = {status.value: status.phrase for status in HTTPStatus}


@dataclass(frozen=True, slots=True)
class Request:
    """One whole request."""

    method: str
    path: str
    """Without the query."""
    query: str
    headers: Mapping[str, str]
    """By name in lower case."""
    body: bytes


@dataclass(slots=True)
class Reply:
    """What is sent back, when, and how it ends."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    ending: Literal["whole", "close", "reset", "mid_body"] = "whole"
    drip_s: float = 0.0
    release: Callable[[], None] = lambda: None
    """Called once, when the reply begins or its client is gone."""


class Connection(asyncio.Protocol):
    """One client; requests are answered one after another."""

    opened = 0
    """Open connections of this process."""

    def __init__(self, answer: Callable[[Request], Reply]) -> None:
        self._answer = answer
        self._received = bytearray()
        self._waiting: tuple[asyncio.TimerHandle | None, Reply] | None = None
        self._drip: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        Connection.opened += 1

    def connection_lost(self, error: Exception | None) -> None:
        Connection.opened -= 1
        if self._drip is not None:
            self._drip.cancel()
        if self._waiting is not None:
            timer, reply = self._waiting
            self._waiting = None
            if timer is not None:
                timer.cancel()
            reply.release()

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._next()

    def _next(self) -> None:
        if self._waiting is not None or self._drip is not None or self._transport.is_closing():
            return
        request = self._take()
        if request is None:
            return
        reply = self._answer(request)
        if reply.delay_s > 0:
            timer = asyncio.get_running_loop().call_later(reply.delay_s, self._send)
            self._waiting = timer, reply
        else:
            self._waiting = None, reply
            self._send()

    def _take(self) -> Request | None:
        """The next whole request; None while bytes are missing."""
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return None
        first, *lines = self._received[:end].decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        if "transfer-encoding" in headers:
            self._transport.write(b"HTTP/1.1 411 Length Required\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            self._transport.close()
            return None
        start, length = end + 4, int(headers.get("content-length", 0))
        if len(self._received) < start + length:
            if headers.get("expect", "").lower() == "100-continue" and len(self._received) == start:
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            return None
        body = bytes(self._received[start : start + length])
        del self._received[: start + length]
        method, target, _ = first.split(" ", 2)
        path, _, query = target.partition("?")
        return Request(method, path, query, headers, body)

    def _send(self) -> None:
        assert self._waiting is not None
        _, reply = self._waiting
        self._waiting = None
        reply.release()
        if reply.ending == "reset":
            raw: socket.socket = self._transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
            return
        if reply.ending == "close":
            self._transport.close()
            return
        head = [f"HTTP/1.1 {reply.status} {_REASONS.get(reply.status, 'Scripted')}"]
        named = {"content-type": "application/json", **reply.headers, "content-length": str(len(reply.body))}
        head += [f"{name}: {value}" for name, value in named.items()]
        start = ("\r\n".join(head) + "\r\n\r\n").encode("latin-1")
        if reply.ending == "mid_body":
            self._transport.write(start + reply.body[: len(reply.body) // 2])
            self._transport.close()
            return
        if reply.drip_s > 0:
            self._transport.write(start)
            size = max(1, round(len(reply.body) * _PIECE_S / reply.drip_s))
            self._drip_on(reply.body, size, reply.drip_s * size / len(reply.body))
            return
        self._transport.write(start + reply.body)
        if self._received:
            self._next()

    def _drip_on(self, rest: bytes, size: int, pause_s: float) -> None:
        self._transport.write(rest[:size])
        if len(rest) <= size:
            self._drip = None
            self._next()
            return
        loop = asyncio.get_running_loop()
        self._drip = loop.call_later(pause_s, self._drip_on, rest[size:], size, pause_s)
