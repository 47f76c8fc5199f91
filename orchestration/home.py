"""The home of one installation, as the command line uses it: Dagster's own folder, the log files, and who is at work.

Only one `lmmrec run` writes to a home at a time. What lies in the lake belongs to `assets/lake.py`.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from assets.lake import write_atomically
from models.errors import LmmrecError

LOCK = "run.lock"


def prepare(home: Path) -> Path:
    """Make `home` ready for Dagster and point DAGSTER_HOME at it.

    The instance settings are copied there once and then left alone: pool limits are the user's to change.

    Raises:
        LmmrecError: the folder cannot be written.
    """
    dagster_home = home / "dagster"
    try:
        dagster_home.mkdir(parents=True, exist_ok=True)
        if not (dagster_home / "dagster.yaml").exists():
            write_atomically(dagster_home / "dagster.yaml", Path(__file__).with_name("dagster.yaml").read_bytes())
        (home / "logs").mkdir(exist_ok=True)
        if not os.access(home, os.W_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        raise LmmrecError(
            f"cannot write to {home} ({error.strerror or error}): set LMMREC_HOME to a folder with write access."
        ) from None
    os.environ["LMMREC_HOME"] = str(home)
    os.environ["DAGSTER_HOME"] = str(dagster_home)
    return dagster_home


def new_log_file(home: Path, command: str) -> Path:
    """Where the chatter of one command goes; the folder exists after `prepare`."""
    return home / "logs" / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{command}-{os.getpid()}.log"


@contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Hold the home for one run; the lock goes with the process, however it ends.

    Raises:
        LmmrecError: another process holds it; the text says which and since when.
    """
    path = home / LOCK
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LmmrecError(
                f"{_owner(path)} is already running on {home}: wait for it, or set LMMREC_HOME to another folder."
            ) from None
        file.truncate(0)
        owner = {
            "pid": os.getpid(),
            "command": " ".join(["lmmrec", *sys.argv[1:]]),
            "since": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC",
        }
        file.write(json.dumps(owner))
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def _owner(path: Path) -> str:
    try:
        owner = json.loads(path.read_text(encoding="utf-8"))
        return f"`{owner['command']}` (process {owner['pid']}, since {owner['since']})"
    except (OSError, ValueError, KeyError):
        return "another process"
