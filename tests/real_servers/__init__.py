"""Real servers from the package index, each with a tiny model of random weights that is made on the spot: no download, CPU.

Nothing here is a look-alike: `llama_cpp.server` and `transformers serve` answer as they answer anybody. They are an extra
(`pip install 'lmmrec[real-servers]'`), or live in an environment of their own, whose interpreter REAL_SERVERS_PYTHON
names. What the product must make of them is `tests/test_real_servers.py`.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
_STARTS_WITHIN_S = 120.0


@dataclass(frozen=True)
class RealServer:
    """One implementation."""

    name: str
    needs: tuple[str, ...]
    """Modules without which it does not start."""
    make_model: str
    """Script of this folder that writes the model to the path that it is given."""
    model_file: str
    command: Callable[[Path, int], list[str]]
    """Arguments of the interpreter that serve a model file on a port."""
    model_name: Callable[[Path], str]
    """What clients call the model."""


LLAMA_CPP = RealServer(
    "llama-cpp-python",
    ("llama_cpp.server.app", "gguf"),
    "make_gguf.py",
    "tiny.gguf",
    lambda path, port: [
        *("-m", "llama_cpp.server", "--model", str(path), "--model_alias", "tiny-random"),
        *("--n_ctx", "8192", "--host", "127.0.0.1", "--port", str(port)),
    ],
    lambda path: "tiny-random",
)
TRANSFORMERS = RealServer(
    "transformers",
    ("transformers", "fastapi", "uvicorn", "accelerate"),
    "make_transformers.py",
    "tiny",
    lambda path, port: [
        *("-m", "transformers.cli.transformers", "serve", str(path)),
        *("--host", "127.0.0.1", "--port", str(port), "--device", "cpu"),
    ],
    str,
)


def interpreter() -> str:
    """Where the servers are installed."""
    return os.environ.get("REAL_SERVERS_PYTHON") or sys.executable


def missing(server: RealServer) -> str:
    """Why `server` cannot be started; empty where it can."""
    code = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"
    tried = subprocess.run([interpreter(), "-c", code, *server.needs], capture_output=True, text=True, timeout=120)
    return tried.stderr.strip().splitlines()[-1] if tried.returncode else ""


@contextmanager
def running(server: RealServer, folder: Path) -> Iterator[tuple[str, str]]:
    """(base URL, model name) of a server that is ready."""
    model = folder / server.model_file
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    subprocess.run(
        [interpreter(), str(FOLDER / server.make_model), str(model)], check=True, env=environment, timeout=120
    )
    port = _free_port()
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [interpreter(), *server.command(model, port)],
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,
        )
    try:
        _wait_until_it_answers(process, port, folder / "server.log")
        yield f"http://127.0.0.1:{port}/v1", server.model_name(model)
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_it_answers(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _STARTS_WITHIN_S
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/openapi.json", timeout=5).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            assert process.poll() is None, log.read_text(errors="replace")[-2000:]
            time.sleep(0.2)
    raise AssertionError(f"no answer within {_STARTS_WITHIN_S:g} s: {log.read_text(errors='replace')[-2000:]}")
