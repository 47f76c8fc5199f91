"""The name of a request: a hash of everything that decides its answer, under which answers and attempts are kept.

Names must never change for the same request: whatever was paid for would be asked again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

PLACEHOLDER = "\x00the one text that differs\x00"
"""Stands in a `SharedRequest` for it; no request holds control characters elsewhere."""


def request_sha256(request: Mapping[str, Any]) -> str:
    """sha256 of the request as canonical JSON, in hex."""
    return hashlib.sha256(_canonical(request)).hexdigest()


class SharedRequest:
    """Names requests that differ in one text only; `request_sha256` of each, without writing the rest anew each time."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        """
        Args:
            request: one of them, with `PLACEHOLDER` as that text.
        """
        before, self._after = _canonical(request).split(_canonical(PLACEHOLDER))
        self._before = hashlib.sha256(before)

    def name(self, text: str) -> str:
        """That of the request with this text."""
        digest = self._before.copy()
        digest.update(_canonical(text))
        digest.update(self._after)
        return digest.hexdigest()


def _canonical(value: Any) -> bytes:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")
