"""How torch's threads wait for each other.

OpenMP threads spin by default. On two cores that other work kept busy, a LightGCN epoch of 0.2 s then took 9 s; it took
0.8 s with the limit below, under similar load at another moment. The limit costs an idle machine
5 %; a machine with a web server, a daemon and two steps is always busy. It is read
when torch is loaded, so this has to be said before; a user's own setting wins.
"""

import os

SPINS = "10000"
"""Rounds before a waiting thread goes to sleep: longer than the gap between two parallel regions of a training step."""


def wait_politely() -> None:
    """Make OpenMP threads of this process and its children sleep soon; without effect once torch is loaded."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
