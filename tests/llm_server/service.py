"""From a request to its reply: routes, the script's word on it, what is logged and billed.

Everything is decided, and logged, when the request arrives; only the sending waits. Batches are `batches.py`.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from tests.llm_server.answers import body_of, error_body, objection, tokens_billed
from tests.llm_server.batches import Batches
from tests.llm_server.calls import CallLog
from tests.llm_server.http import Connection, Reply, Request
from tests.llm_server.limits import RateLimits
from tests.llm_server.script import Script, ScriptFile, Step

_KINDS = {"/v1/chat/completions": "chat", "/v1/embeddings": "embeddings"}


class Service:
    """The endpoint."""

    def __init__(self, script: Path, log: Path) -> None:
        self._file, self._log = ScriptFile(script), CallLog(log)
        self._script = Script()
        self._limits = RateLimits(self._script.settings)
        self._batches = Batches(self._log)
        self._requests = self._in_flight = 0

    def answer(self, request: Request) -> Reply:
        """The reply to one request."""
        self._requests += 1
        script = self._file.current()
        if script is not self._script:
            self._script, self._limits = script, RateLimits(script.settings)
        kind = _KINDS.get(request.path)
        if kind is not None and request.method == "POST":
            return self._ask(kind, request)
        if request.path == "/state":
            return Reply(200, json.dumps(self._state()).encode())
        if request.path == "/v1/models":
            models = [{"id": name, "object": "model", "owned_by": "test"} for name in self._script.settings.models]
            return Reply(200, json.dumps({"object": "list", "data": models}).encode())
        if not script.settings.without_batches:
            reply = self._batches.answer(request, script)
            if reply is not None:
                return reply
        self._log.append("unknown", 404, path=request.path, method=request.method)
        return Reply(404, error_body(f"Invalid URL ({request.method} {request.path})", None, "invalid_request_error"))

    def _ask(self, kind: str, request: Request) -> Reply:
        script, settings = self._script, self._script.settings
        facts: dict[str, Any] = {
            "in_flight": self._in_flight + 1,
            "connections": Connection.opened,
            "authorization": "authorization" in request.headers,
            "attempt": 0,
            "input_tokens": 0,
            "output_tokens": 0,
        }
        try:
            asked = json.loads(request.body)
        except ValueError:
            return self._refuse(kind, 400, error_body("The body of the request is no JSON."), {}, None, facts)
        raw = request.body if settings.log_requests else None
        if settings.capacity is not None and self._in_flight >= settings.capacity:
            wait = {} if settings.retry_after_s is None else {"retry-after": f"{settings.retry_after_s:g}"}
            body = error_body("Rate limit reached: too many requests at once.", "rate_limit_exceeded", "requests")
            return self._refuse(kind, 429, body, wait, raw, facts)
        headers, wait_s = self._limits.take(-(-len(request.body) // 4))
        if wait_s is not None:
            body = error_body("Rate limit reached for requests or tokens.", "rate_limit_exceeded", "tokens")
            return self._refuse(kind, 429, body, headers | {"retry-after-ms": f"{1000 * wait_s:.0f}"}, raw, facts)
        if (refused := objection(kind, asked, settings)) is not None:
            return self._refuse(kind, *refused, headers, raw, facts)
        step, facts["attempt"], digest = script.step(kind, request.body)
        facts["input_tokens"], facts["output_tokens"] = tokens_billed(kind, asked, step)
        if step.close_mid_body:
            facts["cut"] = True
        self._log.append(kind, 0 if step.close or step.reset else step.status, raw, **facts)
        self._in_flight += 1
        return Reply(
            step.status,
            body_of(kind, asked, step, settings),
            {**headers, **step.headers},
            step.delay_s + script.latency_s(digest),
            _ending(step),
            step.drip_s,
            self._release,
        )

    def _refuse(
        self, kind: str, status: int, body: bytes, headers: dict[str, str], raw: bytes | None, facts: dict[str, Any]
    ) -> Reply:
        self._log.append(kind, status, raw, **facts)
        return Reply(status, body, headers)

    def _release(self) -> None:
        self._in_flight -= 1

    def _state(self) -> dict[str, Any]:
        return {
            "connections": Connection.opened,
            "in_flight": self._in_flight,
            "requests": self._requests,
            "cpu_s": time.process_time(),
        }


def _ending(step: Step) -> Any:
    if step.reset:
        return "reset"
    if step.close:
        return "close"
    return "mid_body" if step.close_mid_body else "whole"
