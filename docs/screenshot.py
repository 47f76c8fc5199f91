"""Draws docs/lineage.png: the lineage page of the real Dagster UI, from headless Chromium.

    python docs/screenshot.py [--home FOLDER] [--chromium PROGRAM]

Starts `lmmrec ui` on a home (a fresh one unless told otherwise), waits for the graph to settle, takes the picture and ends
everything it started. Not part of any test: the picture is looked at by people.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

TARGET = Path(__file__).with_name("lineage.png")
GROUPS = ("datasets", "motivations", "embeddings", "training", "evaluation")
PAGE = "/asset-groups?expanded=" + urllib.parse.quote(",".join(f"global@global:{group}" for group in GROUPS))
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--force-device-scale-factor=1.5",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, help="LMMREC_HOME to show; default: a fresh one")
    parser.add_argument("--chromium", default="chromium")
    parser.add_argument("--width", type=int, default=2400)
    parser.add_argument("--height", type=int, default=1300)
    parser.add_argument("--wait", type=int, default=60, help="seconds that the page may take to draw")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        home = (arguments.home or Path(scratch, "home")).absolute()
        port = free_port()
        ui = subprocess.Popen(
            [sys.executable, "-c", "from orchestration.cli import main; main()", "ui", "--port", str(port)],
            start_new_session=True,
            env={**os.environ, "LMMREC_HOME": str(home)},
        )
        try:
            wait_until_up(port)
            skip_the_greeting(port)
            subprocess.run(
                [
                    arguments.chromium,
                    *FLAGS,
                    f"--user-data-dir={scratch}/profile",
                    f"--window-size={arguments.width},{arguments.height}",
                    f"--virtual-time-budget={arguments.wait * 1000}",
                    f"--screenshot={TARGET}",
                    f"http://127.0.0.1:{port}{PAGE}",
                ],
                check=True,
                timeout=arguments.wait * 4,
            )
        finally:
            ui.send_signal(signal.SIGTERM)
            ui.wait(60)
    sys.stdout.write(f"{TARGET}: {TARGET.stat().st_size:,} bytes\n")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_up(port: int, within_s: float = 120.0) -> None:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=5).close()
            return
        time.sleep(0.5)
    raise SystemExit(f"the UI was not up within {within_s} s")


def skip_the_greeting(port: int) -> None:
    """Tell the UI that its invitation to the community has been seen; it would cover the graph."""
    body = json.dumps({"query": "mutation { setNuxSeen }"}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/graphql", body, {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=60).close()


if __name__ == "__main__":
    main()
