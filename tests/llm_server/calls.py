"""The log of calls: one JSON line for each request, on its way to the disk before its answer is on its way to the client.

Lines are appended unbuffered, so that a test which has an answer also has its line, and a killed server loses none. The
file may be emptied from outside at any time.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any


class CallLog:
    """Appends to one file."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def append(self, kind: str, status: int, raw: bytes | None = None, **facts: Any) -> None:
        """One call; `raw` is its body, which must be JSON, and is logged as `request`."""
        line = json.dumps({"kind": kind, "at": time.monotonic(), "status": status, **facts}).encode()
        if raw is not None:
            whole = raw if b"\n" not in raw else json.dumps(json.loads(raw)).encode()
            line = line[:-1] + b', "request": ' + whole + b"}"
        os.write(self._file, line + b"\n")
