"""The C allocator while training: a step frees and takes the same megabytes again, so they stay with the process.

glibc gives large blocks back to the system at once, and every step would pay for their pages anew: on a two-core machine
that doubled the time of LMMRec's losses. Elsewhere than on Linux with glibc nothing is changed.
"""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Parameter numbers of mallopt(3)."""
LARGEST_KEPT_BLOCK_BYTES = 32 * 2**20
"""The most that glibc accepts; larger blocks are returned when freed."""
KEPT_BYTES = 512 * 2**20
"""Free memory at the top of the heap that is not given back."""


def keep_freed_memory() -> bool:
    """Tells glibc to keep freed blocks, for the whole process; False where there is no glibc to tell."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return all(
        mallopt(number, value) == 1
        for number, value in ((M_MMAP_THRESHOLD, LARGEST_KEPT_BLOCK_BYTES), (M_TRIM_THRESHOLD, KEPT_BYTES))
    )
