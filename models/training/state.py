"""The state of an unfinished training run on disk, replaced whole after every epoch; no pickle, nothing executed on load.

    state.safetensors    the snapshot; course, identity and checksum as JSON in the header, so that they cannot disagree
    best-N.safetensors   weights of the best epoch N, written when it is found, before the state that names it

A killed process leaves the old state or the new one. Nothing is synced to the disk: a machine that loses power may leave a
torn file, which its checksum tells. A finished model is `checkpoint`.
"""

from __future__ import annotations

import fcntl
import json
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from models.errors import LmmrecError
from models.training.course import Course
from models.training.identity import differences
from models.training.snapshot import Snapshot

FORMAT = "lmmrec-training-state/1"
STATE = "state.safetensors"
_SPARES = (".*.unfinished", ".*.retired")
_DTYPES = {
    torch.float32: "F32",
    torch.float64: "F64",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
"""Names of the types in a safetensors file."""


class OtherRunError(LmmrecError):
    """The folder holds the state of another run; `differences` has one line each."""

    def __init__(self, folder: Path, found: list[str]) -> None:
        super().__init__(
            f"{folder} holds the state of another training run ({'; '.join(found)}); "
            "go on with the stored values, give another folder, or remove this one to start over"
        )
        self.differences = found


@dataclass(frozen=True)
class Resumed:
    """What a run goes on with."""

    course: Course
    snapshot: Snapshot
    best_weights: dict[str, Tensor] | None
    circumstances: Mapping[str, Any]


@dataclass
class StateFolder:
    """The state of one run; made by `opened`, which keeps other processes out."""

    path: Path
    identity: Mapping[str, Any]
    notes: list[str] = field(default_factory=list)
    """What a reader should know: a torn file that was left aside."""
    _best: dict[str, Any] | None = None
    """Name and checksum of the weights file that the stored state refers to."""

    def load(self) -> Resumed | None:
        """The stored state; None where there is none, or a torn one. Raises `OtherRunError` where it is another run's."""
        if not (self.path / STATE).exists():
            return None
        try:
            header, tensors = _read(self.path / STATE)
            if header["format"] != FORMAT:
                raise OtherRunError(self.path, [f"format: {header['format']} -> {FORMAT}"])
            if found := differences(header["identity"], self.identity):
                raise OtherRunError(self.path, found)
            best = header["best"] and self._read_best(header["best"])
            course = Course(**header["course"])
        except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
            self.notes.append(f"{self.path / STATE} is damaged ({error}), so training starts over")
            return None
        self._best = header["best"]
        return Resumed(course, Snapshot(tensors, header["values"]), best, header["circumstances"])

    def save(
        self,
        course: Course,
        snapshot: Snapshot,
        best_weights: Mapping[str, Tensor] | None,
        circumstances: Mapping[str, Any],
    ) -> None:
        """Replaces the state; `best_weights` are read only where `course.best_epoch` is new."""
        try:
            name = f"best-{course.best_epoch}.safetensors"
            if best_weights is not None and (self._best is None or self._best["name"] != name):
                self._best = {"name": name, "checksum": _write(self.path / name, best_weights, {})}
            header = {
                "format": FORMAT,
                "identity": self.identity,
                "circumstances": circumstances,
                "course": asdict(course),
                "values": snapshot.values,
                "best": self._best,
            }
            _write(self.path / STATE, snapshot.tensors, header)
            self._remove_older_best()
        except OSError as error:
            raise LmmrecError(
                f"the training state cannot be written to {self.path} ({error.strerror or error}); free space, or give "
                "another folder; the state of the epoch before is still there"
            ) from error

    def _read_best(self, best: Mapping[str, Any]) -> dict[str, Tensor]:
        _, weights = _read(self.path / best["name"])
        if _checksum(weights, "{}") != best["checksum"]:
            raise ValueError(f"{best['name']} is not the file that the state names")
        return weights

    def _remove_older_best(self) -> None:
        for path in self.path.glob("best-*.safetensors"):
            if self._best is None or path.name != self._best["name"]:
                path.unlink(missing_ok=True)


@contextmanager
def opened(folder: Path, identity: Mapping[str, Any]) -> Iterator[StateFolder]:
    """The state of the run `identity` in `folder`, which is made where it is missing.

    Raises `LmmrecError` where it cannot be written, or another process trains into it; that lock dies with its process.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise LmmrecError(f"cannot keep training state in {folder} ({error.strerror}); give another folder") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise LmmrecError(
            f"another process is training into {folder}; wait for its end, or give another folder"
        ) from error
    try:
        yield StateFolder(folder, identity)
    finally:
        for path in [path for pattern in _SPARES for path in folder.glob(pattern)]:
            path.unlink(missing_ok=True)
        os.close(descriptor)


def discard(folder: Path) -> None:
    """Removes the state in `folder`, and the folder where nothing else lies in it; nothing happens where there is none."""
    for path in _own_files(folder):
        path.unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _own_files(folder: Path) -> list[Path]:
    """State, best weights, and the spare files."""
    return [path for pattern in (STATE, "best-*.safetensors", *_SPARES) for path in folder.glob(pattern)]


def _write(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> str:
    """Replaces `path` whole; the checksum over tensors and header.

    What `path` was becomes the next unfinished file, whose pages the next epoch overwrites: a new file's pages cost the
    kernel five times the writing. `path` itself is at every moment the old file or the new one.
    """
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(header, allow_nan=False)
    checksum = _checksum(stored, text)
    unfinished, retired = (path.with_name(f".{path.name}.{kind}") for kind in ("unfinished", "retired"))
    with unfinished.open("r+b" if unfinished.exists() else "wb") as file:
        _write_safetensors(file, stored, {"header": text, "checksum": checksum})
    retired.unlink(missing_ok=True)
    with suppress(OSError):  # no file yet, or no hard links on this disk
        retired.hardlink_to(path)
    unfinished.replace(path)
    if retired.exists():
        retired.replace(unfinished)
    return checksum


def _write_safetensors(file: BinaryIO, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """The safetensors format, tensor by tensor: the library would copy all of them first, and writes new files only."""
    entries: dict[str, Any] = {"__metadata__": dict(metadata)}
    end = 0
    for name, tensor in tensors.items():
        start, end = end, end + tensor.nbytes
        entries[name] = {"dtype": _DTYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, end]}
    text = json.dumps(entries).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little") + text)
    for tensor in tensors.values():
        file.write(_bytes(tensor))
    file.truncate()


def _bytes(tensor: Tensor) -> memoryview:
    return tensor.reshape(-1).view(torch.uint8).numpy().data


def _read(path: Path) -> tuple[Any, dict[str, Tensor]]:
    """Header and tensors, copied off the file. Raises `ValueError` where the checksum does not agree."""
    with safe_open(str(path), framework="pt") as file:
        metadata = file.metadata() or {}
        tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 - not a mapping
    if _checksum(tensors, metadata["header"]) != metadata["checksum"]:
        raise ValueError("its checksum does not agree")
    return json.loads(metadata["header"]), tensors


def _checksum(tensors: Mapping[str, Tensor], text: str) -> str:
    """CRC-32 over text, names, types, shapes and bytes; it guards against torn files, not against people."""
    value = zlib.crc32(text.encode())
    for name, tensor in sorted(tensors.items()):
        value = zlib.crc32(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode(), value)
        value = zlib.crc32(_bytes(tensor), value)
    return f"{value:08x}"
