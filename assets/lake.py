"""The lake: every partition of every asset as one folder of files with a record beside them.

A partition is written whole or not at all: files go to a staging folder on the same disk, are synced, and take their place
by rename. Its record says what it was made of (inputs, config, code version), so "is it still up to date?" is a comparison
and never a guess. What the files hold is the business of each stage; which assets exist is `assets/recipes.py`.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from models.errors import LmmrecError

RECORD = "record.json"
WITHDRAWN = "withdrawn.json"
"""Takes the record's place in a partition that a blocking check refused."""
_DIMENSIONS = ("dataset", "base_model", "method", "variant", "seed")
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
"""Constants of Linux's renameat2(2)."""


@dataclass(frozen=True, order=True)
class Address:
    """Where one partition (or one cell of it) lives: `lake/<asset>/dataset=…/base_model=…/variant=…/seed=…`."""

    asset: str
    dataset: str | None = None
    base_model: str | None = None
    method: str | None = None
    variant: str | None = None
    seed: int | None = None

    @property
    def relative_path(self) -> Path:
        parts = [f"{name}={value}" for name in _DIMENSIONS if (value := getattr(self, name)) is not None]
        return Path(self.asset, *parts)

    def __str__(self) -> str:
        return self.relative_path.as_posix()


class FileEntry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    bytes: int
    sha256: str


class Record(BaseModel):
    """What a partition holds and what it was made of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: str
    code_version: str
    config: dict[str, Any]
    """Everything beside the inputs that decides the content, as plain JSON."""
    inputs: dict[str, str]
    """Address of each input -> its digest when this was made."""
    files: dict[str, FileEntry]
    digest: str
    """sha256 over the names and hashes of the files: equal digests mean equal content."""
    created_at: datetime
    run_id: str
    duration_s: float
    metadata: dict[str, Any] = {}
    """Counts and figures that people look at; decides nothing."""


@dataclass
class Draft:
    """A partition that is being written: put files under `path`, figures into `metadata`."""

    path: Path
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Lake:
    """All partitions under one home."""

    home: Path

    @property
    def root(self) -> Path:
        return self.home / "lake"

    def path(self, address: Address) -> Path:
        """The folder of a partition, whether it exists or not."""
        return self.root / address.relative_path

    def record(self, address: Address) -> Record | None:
        """The record of a partition, or None where there is none, or a file that it names is gone or has another size."""
        folder = self.path(address)
        try:
            record = Record.model_validate_json((folder / RECORD).read_bytes())
        except (FileNotFoundError, NotADirectoryError, ValidationError):
            return None
        for name, entry in record.files.items():
            try:
                if (folder / name).stat().st_size != entry.bytes:
                    return None
            except FileNotFoundError:
                return None
        return record

    def read(self, address: Address) -> Path:
        """The folder of a complete partition.

        Raises:
            LmmrecError: it is not there; the text names the command that makes it.
        """
        if self.record(address) is None:
            dataset = f" {address.dataset}" if address.dataset else ""
            if reason := self.withdrawn(address):
                raise LmmrecError(
                    f"{address} did not pass its checks ({reason}): mend the data or the catalogue entry, then make it again "
                    f"with `lmmrec run{dataset}`."
                )
            raise LmmrecError(
                f"{address} is not in {self.root}: make it with `lmmrec run{dataset}`, or materialize "
                f"`{address.asset}` in the Dagster UI."
            )
        return self.path(address)

    def cells(self, asset: str, **dimensions: Any) -> list[Address]:
        """Complete partitions of `asset` whose dimensions agree with the given ones, in a fixed order."""
        found = []
        for record_path in sorted((self.root / asset).glob(f"**/{RECORD}")):
            address = _address_of(asset, record_path.parent.relative_to(self.root / asset))
            agrees = all(getattr(address, name) == value for name, value in dimensions.items())
            if agrees and self.record(address) is not None:
                found.append(address)
        return sorted(found, key=str)

    @contextmanager
    def write(
        self,
        address: Address,
        *,
        code_version: str,
        config: Mapping[str, Any],
        inputs: Mapping[str, str],
        run_id: str = "",
    ) -> Iterator[Draft]:
        """Write one partition whole: an exception inside leaves what was there before untouched."""
        started = time.monotonic()
        staging = self.root / ".staging" / uuid.uuid4().hex
        try:
            staging.mkdir(parents=True)
        except OSError as error:
            raise LmmrecError(
                f"cannot write under {self.root} ({error.strerror}): set LMMREC_HOME to a folder with write access."
            ) from None
        try:
            draft = Draft(path=staging)
            yield draft
            files = {
                path.relative_to(staging).as_posix(): FileEntry(bytes=path.stat().st_size, sha256=_sha256(path))
                for path in sorted(staging.rglob("*"))
                if path.is_file()
            }
            record = Record(
                address=str(address),
                code_version=code_version,
                config=json.loads(json.dumps(dict(config), sort_keys=True, default=str)),
                inputs=dict(inputs),
                files=files,
                digest=_digest(files),
                created_at=datetime.now(UTC),
                run_id=run_id,
                duration_s=time.monotonic() - started,
                metadata=draft.metadata,
            )
            (staging / RECORD).write_text(record.model_dump_json(indent=1))
            _sync_tree(staging)
            self._publish(staging, self.path(address))
        except OSError as error:
            raise LmmrecError(
                f"{address} could not be written to {self.root} ({error.strerror or error}; "
                f"{shutil.disk_usage(self.home).free:,} bytes free): free space or set LMMREC_HOME elsewhere; "
                "what was there before is untouched."
            ) from error
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def withdraw(self, address: Address, reason: str) -> None:
        """Take a partition that a blocking check refused out of use; its files stay, for whoever wants to look at them.

        Dagster lets a failed check hold back its own run alone. Without its record nobody can build on the partition, in
        whichever run, and it counts as stale.
        """
        if self.record(address) is None:
            return
        folder = self.path(address)
        write_atomically(folder / WITHDRAWN, json.dumps({"reason": reason}))
        (folder / RECORD).unlink()
        _sync(folder)

    def withdrawn(self, address: Address) -> str | None:
        """Why a partition was taken out of use, or None where it was not."""
        try:
            return str(json.loads((self.path(address) / WITHDRAWN).read_bytes())["reason"])
        except (FileNotFoundError, NotADirectoryError, ValueError, KeyError):
            return None

    def digest(self, address: Address) -> str | None:
        """Content digest of a complete partition, None where there is none."""
        record = self.record(address)
        return record.digest if record else None

    def _publish(self, staging: Path, final: Path) -> None:
        final.parent.mkdir(parents=True, exist_ok=True)
        if final.exists():
            _swap(staging, final)
        else:
            staging.rename(final)
        _sync(final.parent)


def write_atomically(path: Path, content: bytes | str) -> None:
    """Replace one file whole: temp name in the same folder, sync, rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        _sync(temporary)
        temporary.replace(path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _swap(new: Path, old: Path) -> None:
    """Let two folders trade places in one step, so that no moment sees neither; what was old is now at `new`."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        done = libc.renameat2(_AT_FDCWD, os.fsencode(new), _AT_FDCWD, os.fsencode(old), _RENAME_EXCHANGE) == 0
    except (OSError, AttributeError):
        done = False
    if done:
        return
    # Not every file system can exchange: two renames then, and back again if the second fails.
    retired = new.with_name(new.name + ".old")
    old.rename(retired)
    try:
        new.rename(old)
    except OSError:
        retired.rename(old)
        raise
    shutil.rmtree(retired, ignore_errors=True)


def _address_of(asset: str, relative: Path) -> Address:
    values: dict[str, Any] = dict(part.split("=", 1) for part in relative.parts)
    if "seed" in values:
        values["seed"] = int(values["seed"])
    return Address(asset, **values)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(files: Mapping[str, FileEntry]) -> str:
    canonical = json.dumps({name: entry.sha256 for name, entry in sorted(files.items())})
    return hashlib.sha256(canonical.encode()).hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_tree(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            _sync(path)
    _sync(folder)
