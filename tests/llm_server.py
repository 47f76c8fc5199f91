"""A scriptable OpenAI-compatible endpoint in a process of its own: real HTTP over loopback, no transport is patched.

`python -m tests.llm_server SCRIPT LOG` prints its port. The script (JSON, read again for every request) holds lists `chat`
and `embeddings` of steps, taken in order of arrival; a step with `match` waits for a request whose body contains that text.
A step may set status, headers, body (raw), content, finish_reason, refusal, usage, delay_s, close. When no step fits, the
answer is valid: it cites the sources that the prompt shows. Every request is a line of the log.
"""

from __future__ import annotations

import hashlib
import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

DIMENSION = 16
INPUT_TOKENS, OUTPUT_TOKENS = 1000, 100


@dataclass
class Endpoint:
    """A running server, as tests see it."""

    base_url: str
    script: Path
    log: Path

    def play(self, **steps: list[dict[str, Any]]) -> None:
        """Replace the script."""
        self.script.write_text(json.dumps(steps))

    def calls(self, kind: str | None = None) -> list[dict[str, Any]]:
        """What has been asked so far, in order of arrival."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [call for call in map(json.loads, lines) if kind in (None, call["kind"])]


@contextmanager
def running_endpoint(folder: Path) -> Iterator[Endpoint]:
    """Start the server, and stop it at the end."""
    script, log = folder / "script.json", folder / "calls.jsonl"
    script.write_text("{}")
    command = [sys.executable, "-m", "tests.llm_server", str(script), str(log)]
    root = Path(__file__).resolve().parents[1]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root, start_new_session=True)
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield Endpoint(f"http://127.0.0.1:{port}/v1", script, log)
    finally:
        process.terminate()
        process.wait(timeout=10)


class _State:
    def __init__(self, script: Path, log: Path) -> None:
        self.script, self.log, self.lock = script, log, threading.Lock()
        self.played: dict[str, set[int]] = {}
        self.version = ""
        self.in_flight = 0

    def next_step(self, kind: str, body: str) -> dict[str, Any]:
        text = self.script.read_text()
        if text != self.version:
            self.version, self.played = text, {}
        used = self.played.setdefault(kind, set())
        for position, step in enumerate(json.loads(text).get(kind, [])):
            if position not in used and step.get("match", "") in body:
                if not step.get("always"):
                    used.add(position)
                return dict(step)
        return {}


def answer_to(prompt: str) -> dict[str, Any]:
    """A valid answer that depends on the prompt alone and cites its first source."""
    sources = [json.loads(line) for line in prompt.splitlines() if line.startswith('{"source"')]
    name = hashlib.sha256(prompt.encode()).hexdigest()[:8]
    cited = [sources[0]["source"]] if sources else []
    return {
        "reasoning": ["read the sources"],
        "active": [{"motivation": f"likes {name}", "evidence": cited, "strength": 0.75}],
        "passive": [],
        "summary": f"People choose it for {name} and for nothing else.",
    }


def vector_of(text: str) -> list[float]:
    """A vector that depends on the text alone."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return [byte / 128 - 1 for byte in digest[:DIMENSION]]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: _State

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        kind = "embeddings" if self.path.endswith("/embeddings") else "chat"
        state = self.state
        with state.lock:
            state.in_flight += 1
            step = state.next_step(kind, raw)
            status = 0 if step.get("close") else step.get("status", 200)
            record = {"kind": kind, "at": time.monotonic(), "in_flight": state.in_flight, "status": status}
            request = json.loads(raw)
            record |= {"authorization": bool(self.headers.get("authorization")), "request": request}
            with state.log.open("a") as log:
                log.write(json.dumps(record) + "\n")
        time.sleep(step.get("delay_s", 0))
        with state.lock:
            state.in_flight -= 1
        if step.get("close"):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        body = step["body"] if "body" in step else json.dumps(_response(kind, request, step))
        self._send(status, body if isinstance(body, str) else json.dumps(body), step.get("headers", {}))

    def _send(self, status: int, body: str, headers: dict[str, str]) -> None:
        content = body.encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def handle(self) -> None:
        with suppress(ConnectionError):
            super().handle()

    def log_message(self, *arguments: Any) -> None:
        """The log is a file."""


def _response(kind: str, request: dict[str, Any], step: dict[str, Any]) -> dict[str, Any]:
    if step.get("status", 200) != 200:
        return {"error": {"message": "scripted failure", "code": step.get("code"), "type": step.get("code")}}
    if kind == "embeddings":
        texts = request["input"]
        data = [{"object": "embedding", "index": at, "embedding": vector_of(text)} for at, text in enumerate(texts)]
        if step.get("scramble"):
            data.reverse()
        usage = {"prompt_tokens": 10 * len(texts), "total_tokens": 10 * len(texts)}
        return {"object": "list", "model": request["model"], "data": data, "usage": usage}
    prompt = next(m["content"] for m in request["messages"] if re.search("^=====", m["content"], re.MULTILINE))
    message = {
        "role": "assistant",
        "content": step.get("content", json.dumps(answer_to(prompt))),
        "refusal": step.get("refusal"),
    }
    choice = {"index": 0, "message": message, "finish_reason": step.get("finish_reason", "stop")}
    usage = {"prompt_tokens": INPUT_TOKENS, "completion_tokens": OUTPUT_TOKENS, "total_tokens": 1100}
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": request["model"],
        "choices": [choice],
        "usage": step.get("usage", usage),
    }


def main() -> None:
    """Serve until terminated."""
    _Handler.state = _State(Path(sys.argv[1]), Path(sys.argv[2]))
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
