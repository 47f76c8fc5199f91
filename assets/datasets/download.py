"""Downloads of raw files: several mirrors, resumed where they broke off, verified, put in place by rename.

A file under its final name is always complete, and carries the right hash where one is declared. What was fetched so far
waits beside it as `.part`. Only the standard library's HTTP client is used.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from models.errors import LmmrecError
from models.progress import track

CHUNK_BYTES = 1024 * 1024
TIMEOUT_S = 60.0
ATTEMPTS = 3
"""Tries a mirror gets before the next one; each goes on where the last broke off."""
BACKOFF_S = 1.0
"""Wait before the second try; doubled for each further one."""


class _WrongContentError(Exception):
    """A mirror gave other bytes than the declared hash asks for."""


def target_of(mirrors: Sequence[str], folder: Path) -> Path:
    """Where the download of `mirrors` lies: the name of the first, with a mark of its address."""
    name = Path(urllib.parse.unquote(urllib.parse.urlsplit(mirrors[0]).path)).name or "download"
    return folder / f"{hashlib.sha256(mirrors[0].encode()).hexdigest()[:8]}-{name}"


def fetch(mirrors: Sequence[str], sha256: str | None, target: Path, homepage: str | None = None) -> Path:
    """The file behind `mirrors` at `target`; nothing is transferred where it is there already and right.

    Args:
        mirrors: http, https or file addresses of the same content, tried in order.
        sha256: hex digest of the content; without one, what came complete is taken.

    Raises:
        LmmrecError: no mirror gave the file, or what lies at `target` has another hash; says what each mirror answered
            and how to bring the file oneself.
    """
    if target.exists():
        if sha256 is not None:
            verify(target, sha256)
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LmmrecError(f"cannot write to {target.parent} ({error.strerror}): set LMMREC_HOME elsewhere.") from None
    part = target.with_name(f"{target.name}.part")
    answers = []
    for mirror in mirrors:
        try:
            _fetch_from(mirror, part, target.name)
            if sha256 is not None and (found := digest(part)) != sha256:
                raise _WrongContentError(f"wrong content (sha256 {found[:12]}…, declared {sha256[:12]}…)")
        except _WrongContentError as error:
            part.unlink(missing_ok=True)
            answers.append(f"{_shown(mirror)}: {error}")
        except (OSError, http.client.HTTPException, ValueError) as error:
            answers.append(f"{_shown(mirror)}: {_reason(error)}")
        else:
            _put_in_place(part, target)
            return target
    place = f" (get it from {homepage})" if homepage else ""
    raise LmmrecError(
        f"{target.name} could not be downloaded: {'; '.join(answers)}. Run again to go on where it broke off, or bring "
        f"your own file{place}: put it at {target}, or give `path` instead of `url` in the catalogue entry."
    )


def verify(path: Path, sha256: str) -> None:
    """Refuse a file with another content hash.

    Raises:
        LmmrecError: it has; names both hashes.
    """
    found = digest(path)
    if found != sha256:
        raise LmmrecError(
            f"{path} has sha256 {found}, but the catalogue entry declares {sha256}: remove the file to fetch it again, or "
            "correct `sha256`."
        )


def digest(path: Path) -> str:
    """sha256 of a file as hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _fetch_from(mirror: str, part: Path, name: str) -> None:
    """Complete `part` from one mirror; raises what the last try raised."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _transfer(mirror, part, name)
            return
        except urllib.error.HTTPError as error:
            if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
                part.unlink(missing_ok=True)
            elif error.code < 500 and error.code != http.client.TOO_MANY_REQUESTS:
                raise
            if attempt == ATTEMPTS:
                raise
        except (OSError, http.client.HTTPException) as error:
            if attempt == ATTEMPTS or _is_local(error):
                raise
        time.sleep(BACKOFF_S * 2 ** (attempt - 1))


def _transfer(mirror: str, part: Path, name: str) -> None:
    """One request: from where `part` ends, or from the start where the server does not resume."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(mirror, headers={"User-Agent": "lmmrec", "Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
        resumed = getattr(response, "status", None) == http.client.PARTIAL_CONTENT and _starts_at(response, have)
        have = have if resumed else 0
        length = response.headers.get("Content-Length")
        total = have + int(length) if length is not None else None
        with part.open("ab" if resumed else "wb") as output, track(f"download {name}", total, "bytes") as step:
            step.advance(have)
            while chunk := response.read(CHUNK_BYTES):
                output.write(chunk)
                step.advance(len(chunk))
            output.flush()
            os.fsync(output.fileno())
    if total is not None and (got := part.stat().st_size) != total:
        raise ConnectionError(f"the connection was cut after {got:,} of {total:,} bytes")


def _starts_at(response: http.client.HTTPResponse, offset: int) -> bool:
    """Whether a partial answer is the part that was asked for."""
    return (response.headers.get("Content-Range") or "").startswith(f"bytes {offset}-")


def _put_in_place(part: Path, target: Path) -> None:
    part.replace(target)
    descriptor = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_local(error: Exception) -> bool:
    """A fault of this machine (disk, rights), which no second try mends."""
    return isinstance(error, OSError) and not isinstance(error, (urllib.error.URLError, ConnectionError, TimeoutError))


def _shown(mirror: str) -> str:
    """The address without user, password and query: they may be secret."""
    parts = urllib.parse.urlsplit(mirror)
    return urllib.parse.urlunsplit((parts.scheme, parts.hostname or "", parts.path, "", ""))


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code}"
    if isinstance(error, urllib.error.URLError):
        return str(error.reason)
    return " ".join(str(error).split()) or type(error).__name__
