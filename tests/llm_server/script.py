"""What the server is told to do: single steps, random faults by share, and settings of the whole endpoint.

A script is JSON: `{"settings": {...}, "chat": [step, ...], "embeddings": [...], "batches": [...], "storm": [{"share": 0.1,
"step": {...}, "kind": "chat"}, ...]}`; `lines` are requests of a batch, `upload`, `create`, `retrieve`, `download` … the
calls around it. Steps of a list are taken in order of arrival; one with
`match` waits for a request whose body holds that text. Where no step fits, the storm decides by a hash of body and
attempt, so that the same requests meet the same faults in every run. Where that gives none, the answer is valid.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

DEFAULT: Final[Any] = object()
"""Stands where a step says nothing, since null is something that it can say."""
KINDS = (
    "chat",
    "embeddings",
    "lines",
    "upload",
    "files",
    "file",
    "download",
    "delete",
    "create",
    "list",
    "retrieve",
    "cancel",
)
"""What steps can be written for; the kinds of the log of calls, too."""


@dataclass(frozen=True, slots=True)
class Step:
    """One scripted answer, to a request or to a line of a batch."""

    match: str = ""
    """Only for a request whose body contains this text."""
    always: bool = False
    """Taken every time instead of once."""
    status: int = 200
    code: str | None = None
    """`code` and `type` of the error body."""
    message: str = "scripted failure"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = DEFAULT
    """The whole body: text as it is, anything else as JSON."""
    content: Any = DEFAULT
    """Content of the message; None is null."""
    wrap: str | None = None
    """Text around the valid answer, which replaces `{answer}`."""
    cut_content: int | None = None
    """Only so many characters of the content."""
    finish_reason: str = "stop"
    refusal: str | None = None
    usage: Any = DEFAULT
    """Replaces `usage`; None leaves it out, though tokens are billed."""
    delay_s: float = 0.0
    close: bool = False
    """Close the connection instead of answering."""
    reset: bool = False
    """Reset the connection (RST) instead of answering."""
    close_mid_body: bool = False
    """Close after half of the body."""
    drip_s: float = 0.0
    """Send the body in small pieces over so many seconds (slow loris)."""
    scramble: bool = False
    """Embeddings in reverse order."""
    vectors: Mapping[str, list[Any]] = field(default_factory=dict)
    """Text that an input contains -> the vector that it gets."""
    missing: bool = False
    """A line of a batch that appears in neither file."""

    @property
    def is_answered(self) -> bool:
        """True where the client gets a whole response."""
        return not (self.close or self.reset or self.close_mid_body)


@dataclass(frozen=True, slots=True)
class BatchStep:
    """How one batch goes; the first batch takes the first step of `batches`, and so on."""

    end: str = "completed"
    """`completed`, `expired`, `cancelled` or `failed` (then with `code` and `message`)."""
    answered: float = 1.0
    """Share of the lines that are worked off; an expired batch names the others in its error file."""
    validating_s: float = 0.02
    takes_s: float = 0.05
    """From creation to the end."""
    code: str = "invalid_json_line"
    message: str = "This line is not parseable as valid JSON."
    duplicates: int = 0
    """Lines that stand twice in the output file."""
    unknown: int = 0
    """Lines of the output file with an id that nobody asked for."""
    torn: bool = False
    """The last line of the output file is cut."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How the whole endpoint behaves."""

    latency_s: float | tuple[float, float] = 0.0
    """Of every answer; between two bounds, by a hash of the request."""
    capacity: int | None = None
    """Requests in flight; one more is answered 429 at once."""
    retry_after_s: float | None = None
    """Retry-After of those."""
    requests_per_minute: int | None = None
    """Refilled evenly, as at OpenAI; announced in `x-ratelimit-*`, 429 where used up."""
    tokens_per_minute: int | None = None
    seed: int = 0
    """Of the storm."""
    refuse_response_format: tuple[str, ...] = ()
    """Types of `response_format` that are answered with `refuse_status`."""
    refuse_parameters: tuple[str, ...] = ()
    """Parameters that are answered so, too."""
    refuse_status: int = 400
    """Some servers say 500, and name no parameter then."""
    max_input_chars: int | None = None
    """A longer prompt, or a longer text to embed, is answered 400 `context_length_exceeded`."""
    max_texts: int | None = None
    """More texts to embed in one request are answered 400."""
    models: tuple[str, ...] = ()
    """Listed; where given, other models are answered 404."""
    dimension: int = 16
    without_batches: bool = False
    """As most self-hosted servers: files and batches are answered 404."""
    max_batch_lines: int = 50_000
    log_requests: bool = True
    """False keeps bodies out of the log, for long runs."""


@dataclass(frozen=True, slots=True)
class Storm:
    """One kind of random fault."""

    share: float
    step: Step
    kind: str = "chat"


@dataclass
class Script:
    """One script, and how far it is played."""

    settings: Settings = field(default_factory=Settings)
    steps: dict[str, list[Step | None]] = field(default_factory=dict)
    """By kind; a step that was taken is None."""
    batches: list[BatchStep] = field(default_factory=list)
    storm: list[Storm] = field(default_factory=list)
    attempts: dict[bytes, int] = field(default_factory=dict)
    """How often a body has come."""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Script:
        """The script in plain values.

        Raises:
            TypeError: a key is not known.
        """
        if unknown := set(given) - {"settings", "batches", "storm", *KINDS}:
            raise TypeError(f"a script has no {sorted(unknown)}")
        return cls(
            Settings(**given.get("settings", {})),
            {kind: [Step(**step) for step in given.get(kind, [])] for kind in KINDS},
            [BatchStep(**step) for step in given.get("batches", [])],
            [Storm(**(one | {"step": Step(**one["step"])})) for one in given.get("storm", [])],
        )

    def step(self, kind: str, body: bytes) -> tuple[Step, int, bytes]:
        """(what to do with a request, its attempt, a digest of it); a step that is taken once is gone."""
        digest = hashlib.blake2b(body, digest_size=16).digest()
        attempt = self.attempts[digest] = self.attempts.get(digest, 0) + 1
        steps = self.steps.get(kind, [])
        for position, step in enumerate(steps):
            if step is not None and step.match.encode() in body:
                if not step.always:
                    steps[position] = None
                return step, attempt, digest
        if self.storm:
            drawn = share_of(digest, f"{self.settings.seed}:{attempt}")
            for one in self.storm:
                if one.kind != kind:
                    continue
                if drawn < one.share:
                    return one.step, attempt, digest
                drawn -= one.share
        return _VALID, attempt, digest

    def batch(self) -> BatchStep:
        """How the next batch goes."""
        return self.batches.pop(0) if self.batches else BatchStep()

    def latency_s(self, digest: bytes) -> float:
        """Seconds before an answer."""
        stated = self.settings.latency_s
        if isinstance(stated, (int, float)):
            return stated
        low, high = stated
        return low + (high - low) * share_of(digest, "latency")


_VALID = Step()


class ScriptFile:
    """The script on disk, read again when the file is another one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._script = Script()

    def current(self) -> Script:
        """The script of this moment."""
        stat = self._path.stat()
        seen = stat.st_ino, stat.st_mtime_ns, stat.st_size
        if seen != self._seen:
            self._script, self._seen = Script.of(json.loads(self._path.read_text())), seen
        return self._script


def share_of(digest: bytes, purpose: str) -> float:
    """In [0, 1), the same for the same request and purpose."""
    hashed = hashlib.blake2b(purpose.encode() + digest, digest_size=8).digest()
    return int.from_bytes(hashed, "big") / 2.0**64
