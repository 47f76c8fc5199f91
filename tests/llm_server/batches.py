"""Files and batches as OpenAI serves them: upload, create, poll, collect; kept in memory while the server lives.

A batch moves by the clock, when somebody looks at it. Its lines are answered like chat requests, under the script's `lines`,
in an order that has nothing to do with that of the input. A step of `upload`, `create`, `retrieve` or `download` with a
status refuses the call; one that loses the reply (`close`, `reset`) loses only the reply: what was asked for is done.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from tests.llm_server.answers import body_of, error_body, objection, tokens_billed
from tests.llm_server.calls import CallLog
from tests.llm_server.http import Reply, Request
from tests.llm_server.script import BatchStep, Script, share_of

_KINDS = {"/v1/chat/completions": "chat", "/v1/embeddings": "embeddings"}
_OVER = ("completed", "expired", "cancelled", "failed")


@dataclass
class _File:
    id: str
    name: str
    purpose: str
    content: bytes

    def shown(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "file",
            "bytes": len(self.content),
            "created_at": 0,
            "filename": self.name,
            "purpose": self.purpose,
            "status": "processed",
        }


@dataclass
class _Batch:
    id: str
    endpoint: str
    input_file_id: str
    metadata: dict[str, str]
    step: BatchStep
    lines: list[bytes]
    started: float = field(default_factory=time.monotonic)
    created_at: float = field(default_factory=time.time)
    status: str = "validating"
    cancelled: float | None = None
    """When it was asked to stop."""
    errors: list[dict[str, Any]] = field(default_factory=list)
    output_file_id: str | None = None
    error_file_id: str | None = None
    completed: int = 0
    failed: int = 0

    def shown(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": self.endpoint,
            "errors": {"object": "list", "data": self.errors} if self.errors else None,
            "input_file_id": self.input_file_id,
            "completion_window": "24h",
            "status": self.status,
            "output_file_id": self.output_file_id,
            "error_file_id": self.error_file_id,
            "created_at": int(self.created_at),
            "request_counts": {"total": len(self.lines), "completed": self.completed, "failed": self.failed},
            "metadata": self.metadata,
        }


class Batches:
    """All files and batches of this server."""

    def __init__(self, log: CallLog) -> None:
        self._log = log
        self._files: dict[str, _File] = {}
        self._batches: dict[str, _Batch] = {}

    def answer(self, request: Request, script: Script) -> Reply | None:
        """The reply; None where the path is none of files and batches."""
        for method, pattern, kind, act in self._routes():
            found = re.fullmatch(pattern, request.path)
            if not found or request.method != method:
                continue
            step, attempt, digest = script.step(kind, request.body or request.path.encode())
            facts: dict[str, Any] = {"path": request.path, "bytes": len(request.body), "attempt": attempt}
            if step.status != 200:
                self._log.append(kind, step.status, **facts)
                return Reply(step.status, body_of("chat", {}, step, script.settings), step.headers)
            status, body = act(request, script, *found.groups())
            self._log.append(kind, status if step.is_answered else 0, **facts)
            ending: Any = "reset" if step.reset else "close" if step.close else "whole"
            if step.close_mid_body:
                ending = "mid_body"
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            return Reply(status, raw, step.headers, step.delay_s + script.latency_s(digest), ending, step.drip_s)
        return None

    def _routes(self) -> list[tuple[str, str, str, Callable[..., tuple[int, Any]]]]:
        return [
            ("POST", "/v1/files", "upload", self._upload),
            ("GET", "/v1/files", "files", self._list_files),
            ("GET", "/v1/files/([^/]+)", "file", self._file),
            ("GET", "/v1/files/([^/]+)/content", "download", self._download),
            ("DELETE", "/v1/files/([^/]+)", "delete", self._delete),
            ("POST", "/v1/batches", "create", self._create),
            ("GET", "/v1/batches", "list", self._list),
            ("GET", "/v1/batches/([^/]+)", "retrieve", self._retrieve),
            ("POST", "/v1/batches/([^/]+)/cancel", "cancel", self._cancel),
        ]

    def _upload(self, request: Request, script: Script) -> tuple[int, Any]:
        fields = _multipart(request)
        if "file" not in fields or "purpose" not in fields:
            return 400, error_body("'file' and 'purpose' are required properties", None, "invalid_request_error")
        name, content = fields["file"]
        kept = self._store(name, fields["purpose"][1].decode(), content)
        return 200, kept.shown()

    def _store(self, name: str, purpose: str, content: bytes) -> _File:
        kept = _File(f"file-{uuid.uuid4().hex}", name, purpose, content)
        self._files[kept.id] = kept
        return kept

    def _list_files(self, request: Request, script: Script) -> tuple[int, Any]:
        return 200, _page([file.shown() for file in reversed(self._files.values())], request)

    def _file(self, request: Request, script: Script, name: str) -> tuple[int, Any]:
        return (200, self._files[name].shown()) if name in self._files else _missing("File", name)

    def _download(self, request: Request, script: Script, name: str) -> tuple[int, Any]:
        return (200, self._files[name].content) if name in self._files else _missing("File", name)

    def _delete(self, request: Request, script: Script, name: str) -> tuple[int, Any]:
        gone = self._files.pop(name, None)
        return (200, {"id": name, "object": "file", "deleted": True}) if gone else _missing("File", name)

    def _create(self, request: Request, script: Script) -> tuple[int, Any]:
        asked = json.loads(request.body)
        if asked.get("endpoint") not in _KINDS or asked.get("completion_window") != "24h":
            return 400, error_body("Invalid value: endpoint or completion_window", None, "invalid_request_error")
        if asked.get("input_file_id") not in self._files:
            return _missing("File", str(asked.get("input_file_id")))
        file = self._files[asked["input_file_id"]]
        if file.purpose != "batch":
            return 400, error_body("The file's purpose is not 'batch'.", None, "invalid_request_error")
        name = f"batch_{uuid.uuid4().hex}"
        lines = file.content.splitlines()
        batch = _Batch(name, asked["endpoint"], file.id, asked.get("metadata") or {}, script.batch(), lines)
        self._batches[name] = batch
        return 200, batch.shown()

    def _list(self, request: Request, script: Script) -> tuple[int, Any]:
        for batch in self._batches.values():
            self._advance(batch, script)
        return 200, _page([batch.shown() for batch in reversed(self._batches.values())], request)

    def _retrieve(self, request: Request, script: Script, name: str) -> tuple[int, Any]:
        if name not in self._batches:
            return _missing("Batch", name)
        self._advance(self._batches[name], script)
        return 200, self._batches[name].shown()

    def _cancel(self, request: Request, script: Script, name: str) -> tuple[int, Any]:
        if name not in self._batches:
            return _missing("Batch", name)
        batch = self._batches[name]
        self._advance(batch, script)
        if batch.status in _OVER:
            return 409, error_body(
                f"Cannot cancel a batch with status '{batch.status}'.", None, "invalid_request_error"
            )
        batch.status, batch.cancelled = "cancelling", time.monotonic()
        return 200, batch.shown()

    def _advance(self, batch: _Batch, script: Script) -> None:
        """Bring a batch to where it is by now."""
        age = time.monotonic() - batch.started
        if batch.status in _OVER:
            return
        if batch.cancelled is not None:
            if time.monotonic() - batch.cancelled >= batch.step.validating_s:
                self._end(batch, "cancelled", script)
            return
        if age < batch.step.validating_s:
            return
        batch.errors = _problems(batch, script)
        if batch.errors:
            batch.status = "failed"
        elif age < batch.step.takes_s:
            batch.status = "in_progress"
        else:
            self._end(batch, batch.step.end, script)

    def _end(self, batch: _Batch, status: str, script: Script) -> None:
        batch.status = status
        by_chance = sorted(batch.lines, key=lambda line: share_of(line, "order"))
        answered = round(batch.step.answered * len(by_chance))
        outputs: list[str] = []
        errors: list[str] = []
        for line in by_chance[:answered]:
            worked = self._work_off(batch, line, script)
            if worked is not None:
                (outputs if worked["response"]["status_code"] == 200 else errors).append(json.dumps(worked))
        batch.completed, batch.failed = len(outputs), len(errors)
        if status == "expired":
            errors += [json.dumps(_expired(json.loads(line)["custom_id"])) for line in by_chance[answered:]]
        outputs += outputs[: batch.step.duplicates]
        outputs += [
            json.dumps(json.loads(outputs[0]) | {"custom_id": f"nobody-{n}"}) for n in range(batch.step.unknown)
        ]
        if outputs:
            text = "\n".join(outputs)
            whole = text[: -len(outputs[-1]) // 2] if batch.step.torn else text + "\n"
            batch.output_file_id = self._store("output.jsonl", "batch_output", whole.encode()).id
        if errors:
            batch.error_file_id = self._store("error.jsonl", "batch_output", ("\n".join(errors) + "\n").encode()).id

    def _work_off(self, batch: _Batch, line: bytes, script: Script) -> dict[str, Any] | None:
        """One line of an output or error file; None where the script loses it."""
        kind = _KINDS[batch.endpoint]
        asked = json.loads(line)
        request = asked["body"]
        refused = objection(kind, request, script.settings)
        step, attempt, _ = script.step("lines", line)
        status, body = refused or (step.status, body_of(kind, request, step, script.settings))
        tokens = (0, 0) if refused or step.missing else tokens_billed(kind, request, step)
        self._log.append(
            "line",
            status,
            json.dumps(request).encode() if script.settings.log_requests else None,
            batch=batch.id,
            custom_id=asked["custom_id"],
            attempt=attempt,
            missing=step.missing,
            input_tokens=tokens[0],
            output_tokens=tokens[1],
        )
        if step.missing:
            return None
        response = {"status_code": status, "request_id": uuid.uuid4().hex, "body": _as_json(body)}
        return {"id": uuid.uuid4().hex, "custom_id": asked["custom_id"], "response": response, "error": None}


def _problems(batch: _Batch, script: Script) -> list[dict[str, Any]]:
    """Why the whole file is refused; empty where it is not."""
    if batch.step.end == "failed":
        return [{"code": batch.step.code, "message": batch.step.message, "line": 1, "param": None}]
    if not batch.lines:
        return [{"code": "empty_file", "message": "The input file is empty.", "line": None, "param": None}]
    if len(batch.lines) > script.settings.max_batch_lines:
        message = f"The batch has more than {script.settings.max_batch_lines} requests."
        return [{"code": "too_many_tasks", "message": message, "line": None, "param": None}]
    problems: list[dict[str, Any]] = []
    seen: set[str] = set()
    for number, line in enumerate(batch.lines, 1):
        code = _problem(line, batch.endpoint, seen)
        if code is not None:
            problems.append({"code": code, "message": f"Line {number}: {code}.", "line": number, "param": None})
    return problems


def _problem(line: bytes, endpoint: str, seen: set[str]) -> str | None:
    try:
        asked = json.loads(line)
    except ValueError:
        return "invalid_json_line"
    if not {"custom_id", "method", "url", "body"} <= set(asked):
        return "missing_required_parameter"
    if asked["method"] != "POST" or asked["url"] != endpoint:
        return "mismatched_endpoint"
    if asked["custom_id"] in seen:
        return "duplicate_custom_id"
    seen.add(asked["custom_id"])
    return None


def _expired(custom_id: str) -> dict[str, Any]:
    message = "This request could not be executed before the completion window expired."
    error = {"code": "batch_expired", "message": message}
    return {"id": uuid.uuid4().hex, "custom_id": custom_id, "response": None, "error": error}


def _as_json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("latin-1")


def _page(found: list[dict[str, Any]], request: Request) -> dict[str, Any]:
    query = parse_qs(request.query)
    limit = int(query.get("limit", ["20"])[0])
    names = [one["id"] for one in found]
    after = query.get("after", [None])[0]
    start = names.index(after) + 1 if after in names else 0
    data = found[start : start + limit]
    ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {"first_id": None, "last_id": None}
    return {"object": "list", "data": data, "has_more": start + limit < len(found), **ends}


def _missing(what: str, name: str) -> tuple[int, bytes]:
    return 404, error_body(f"No such {what} object: {name}", None, "invalid_request_error", "id")


def _multipart(request: Request) -> dict[str, tuple[str, bytes]]:
    """Field -> (file name, content)."""
    boundary = request.headers["content-type"].partition("boundary=")[2].strip('"').encode()
    fields = {}
    for part in request.body.split(b"--" + boundary)[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        stated = head.decode("latin-1")
        name = re.search(r'[; ]name="?([^";\r\n]+)', stated)
        filename = re.search(r'filename="?([^";\r\n]+)', stated)
        if name:
            fields[name[1]] = (filename[1] if filename else "", content.removesuffix(b"\r\n"))
    return fields
