"""The C allocator while training: a step frees and takes the same megabytes again, so they stay with the process.

glibc gives large blocks back to the system at once, and every step would pay for their pages anew: on a two-core machine
that doubled the time of LMMRec's losses, and took a third of a LightGCN step over a million nodes. Blocks of their own
(mmap), always used above 32 MB, are therefore switched off. Elsewhere than on Linux with glibc nothing is changed.
"""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Parameter numbers of mallopt(3)."""
KEPT_BYTES = 2**31 - 1
"""Free memory at the top of the heap that is not given back; no number above this one is accepted."""


def keep_freed_memory() -> bool:
    """Tells glibc to keep freed blocks, for the whole process; False where there is no glibc to tell."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return all(mallopt(number, value) == 1 for number, value in ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, KEPT_BYTES)))
