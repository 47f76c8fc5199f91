"""What tests ask of real processes."""

from __future__ import annotations

from pathlib import Path


def is_alive(pid: int) -> bool:
    """True where a process of that number runs; one that ended and waits for its parent to look does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
