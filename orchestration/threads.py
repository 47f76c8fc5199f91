"""How torch's threads wait for each other.

OpenMP threads spin by default. On cores that other work keeps busy a training step then takes twenty times as long, and a
machine that runs a web server, a daemon and two steps is always busy. The limit is read when torch is loaded, so this has to
be said before; a user's own setting wins.
"""

import os

SPINS = "1000"
"""Rounds before a waiting thread goes to sleep: about a microsecond."""


def wait_politely() -> None:
    """Make OpenMP threads of this process and its children sleep soon; without effect once torch is loaded."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
