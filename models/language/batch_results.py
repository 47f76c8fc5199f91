"""What a batch brought back: its output and error files as one verdict a request, joined by `custom_id` and never by position.

Files may be torn, out of order, hold a request twice, or somebody else's: such lines are counted and left aside, and a request
without a line has no answer yet. What an answer must look like is `questions.py`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from models.language.retry import redact
from models.language.verdict import Abort, Failure, Quarantine, Retry


@dataclass
class BatchResults:
    """Lines by request."""

    replies: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """Request -> its line, as it stands in a file."""
    doubled: int = 0
    unknown: int = 0
    """Lines with an id that this batch does not have."""
    unreadable: int = 0

    @property
    def left_aside(self) -> str:
        """What was not taken, in words; empty where everything was."""
        counts = {"doubled": self.doubled, "of unknown requests": self.unknown, "unreadable": self.unreadable}
        return ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)


def read_results(files: Iterable[bytes], names: Collection[str]) -> BatchResults:
    """The lines of all `files` for the requests `names`; the first line of a request counts."""
    results = BatchResults()
    for content in files:
        for raw in content.splitlines():
            if not raw.strip():
                continue
            line = _parsed(raw)
            if line is None:
                results.unreadable += 1
            elif line["custom_id"] not in names:
                results.unknown += 1
            elif line["custom_id"] in results.replies:
                results.doubled += 1
            else:
                results.replies[line["custom_id"]] = line
    return results


def body_or_failure(line: Mapping[str, Any] | None) -> tuple[int | None, Any, Failure | None]:
    """(status, body of the answer, what it means where there is none) of one line; no line is no answer yet."""
    if line is None:
        return None, None, Retry("the batch brought no line for it")
    response = line.get("response")
    if not isinstance(response, Mapping):
        code = _text(_mapping(line.get("error")).get("code")) or "no response"
        return None, None, Retry(f"the batch did not work it off ({code})")
    stated, body = response.get("status_code"), response.get("body")
    status = stated if isinstance(stated, int) else None
    if status == 200:
        return status, body, None
    error = _mapping(_mapping(body).get("error"))
    if "insufficient_quota" in (error.get("code"), error.get("type")):
        return status, body, Abort("the account has no credit left (insufficient_quota): check billing", status)
    if status is None or status in (408, 409, 429) or status >= 500:
        return status, body, Retry(f"HTTP {status}", status)
    message = redact(_text(error.get("message")) or "", "")[:200]
    return status, body, Quarantine(f"HTTP {status}: {message}", status, _text(error.get("param")))


def tokens_of(body: Any) -> tuple[int, int] | None:
    """(input, output) that a body states; None where it does not."""
    usage = _mapping(_mapping(body).get("usage"))
    read, written = usage.get("prompt_tokens"), usage.get("completion_tokens")
    return (read, written) if isinstance(read, int) and isinstance(written, int) and min(read, written) >= 0 else None


def _parsed(raw: bytes) -> Mapping[str, Any] | None:
    try:
        line = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return line if isinstance(line, Mapping) and isinstance(line.get("custom_id"), str) else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
