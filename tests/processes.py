"""What tests ask of real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def is_alive(pid: int) -> bool:
    """True where a process of that number runs; one that ended and waits for its parent to look does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def start(home: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """The command line with these arguments, at work in `home`; nobody types."""
    return subprocess.Popen(
        [sys.executable, "-c", "from orchestration.cli import main; main()", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=home,
        env={**os.environ, "LMMREC_HOME": str(home), **environment},
    )
