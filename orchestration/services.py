"""The two long-running processes of the UI: Dagster's web server and its daemon, as children that never outlive us.

Both load the installed code location by module name, so the current folder does not matter. What they run on is `home.py`.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from models.errors import LmmrecError
from orchestration.home import new_log_file, prepare

_MODULE = ("-m", "orchestration.definitions")
_GRACE_S = 15.0
"""How long a child may take to end after SIGTERM before it is killed."""


def serve(home: Path, host: str, port: int, say: Callable[[str], None]) -> int:
    """Run web server and daemon until a signal arrives or one of them ends.

    Returns:
        Exit status: 0 after Ctrl-C or SIGTERM, 1 where a child ended by itself.

    Raises:
        LmmrecError: the port is taken, the home cannot be written, or a service ended by itself.
    """
    _check_port(host, port)
    prepare(home)
    log = new_log_file(home, "ui")
    _make_ready()
    commands = {
        "web server": ["dagster_webserver", "-h", host, "-p", str(port), *_MODULE],
        "daemon": ["dagster._daemon", "run", *_MODULE],
    }
    with log.open("ab") as output, _signals() as received:
        children = {name: _start(command, output.fileno()) for name, command in commands.items()}
        try:
            if _wait_until_up(host, port, children.values(), received):
                say(f"Dagster UI: http://{host}:{port}  (home {home}, log {log}; Ctrl-C stops it)")
            while not received:
                ended = [name for name, child in children.items() if child.poll() is not None]
                if ended:
                    raise LmmrecError(f"the {ended[0]} ended by itself: {log} says why.")
                time.sleep(0.2)
        finally:
            _stop(children.values())
    say("stopped")
    return 0


def _make_ready() -> None:
    """Say what is wrong with the catalogue before anything starts, and create Dagster's databases, once.

    Two processes that create them at the same moment leave a version table with two heads.
    """
    import dagster as dg

    from orchestration.definitions import defs

    defs.resolve_all_job_defs()
    with dg.DagsterInstance.get() as instance:
        instance.get_runs_count()


def _start(command: Sequence[str], output: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", *command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )


def _check_port(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise LmmrecError(
                f"cannot listen on {host}:{port} ({error.strerror}): choose another port with `lmmrec ui --port`."
            ) from None


def _wait_until_up(host: str, port: int, children: Iterable[subprocess.Popen[bytes]], received: Sequence[int]) -> bool:
    waiting = list(children)
    while not received and all(child.poll() is None for child in waiting):
        try:
            socket.create_connection((host, port), timeout=1).close()
            return True
        except OSError:
            time.sleep(0.2)
    return False


def _stop(children: Iterable[subprocess.Popen[bytes]]) -> None:
    """End the children and what they started: asked first, killed after a grace period."""
    running = list(children)
    for child in running:
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + _GRACE_S
    for child in running:
        with suppress(subprocess.TimeoutExpired):
            child.wait(max(0.1, deadline - time.monotonic()))
        _kill_group(child.pid)
        child.wait()


def _kill_group(leader: int) -> None:
    """Kill what is left of a child's process group; its members have had their time."""
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM instead of dying from them, so that the children are always ended."""
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
