"""The server as tests see it: start it, give it a script, read what it was asked. It runs in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.llm_server.script import Script


@dataclass
class Endpoint:
    """A running server, as tests see it."""

    base_url: str
    script: Path
    log: Path

    def play(self, **script: Any) -> None:
        """Replace the script; every step is unplayed again, and every request is its first attempt again.

        Files and batches stay. See `script.py` for what can be said.

        Raises:
            TypeError: a key that the server does not know.
        """
        Script.of(script)
        fresh = self.script.with_suffix(".new")
        fresh.write_text(json.dumps(script))
        fresh.replace(self.script)  # Another inode: the server sees the change whatever the clock's grain.

    def calls(self, kind: str | None = None) -> list[dict[str, Any]]:
        """What has been asked so far, in order of arrival; `line` is one request of a batch that was worked off."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [call for call in map(json.loads, lines) if kind in (None, call["kind"])]

    def state(self) -> dict[str, Any]:
        """Open connections (this one included), requests in flight, requests and CPU seconds since the start."""
        with urllib.request.urlopen(self.base_url.removesuffix("/v1") + "/state", timeout=10) as response:
            state: dict[str, Any] = json.load(response)
            return state


@contextmanager
def running_endpoint(folder: Path) -> Iterator[Endpoint]:
    """Start the server, and stop it at the end."""
    script, log = folder / "script.json", folder / "calls.jsonl"
    script.write_text("{}")
    command = [sys.executable, "-m", "tests.llm_server", str(script), str(log)]
    root = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root, start_new_session=True)
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield Endpoint(f"http://127.0.0.1:{port}/v1", script, log)
    finally:
        process.terminate()
        process.wait(timeout=10)
