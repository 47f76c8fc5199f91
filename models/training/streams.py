"""Named random streams: one seed, many independent generators.

Every consumer (initial weights, sampler, edge dropout, an enhancer) draws from its own stream, so that switching one of
them off or on never shifts the numbers that another one sees.
"""

from __future__ import annotations

import zlib

import numpy as np
import torch


def numpy_stream(seed: int, name: str) -> np.random.Generator:
    """A fast generator that depends on `seed` and `name` alone."""
    return np.random.Generator(np.random.SFC64(_sequence(seed, name)))


def torch_stream(seed: int, name: str) -> torch.Generator:
    """The same for initial weights; always on the CPU, so that every device starts from the same bytes."""
    state = int(_sequence(seed, name).generate_state(1, np.uint64)[0])
    return torch.Generator().manual_seed(state % 2**63)


def _sequence(seed: int, name: str) -> np.random.SeedSequence:
    return np.random.SeedSequence([seed, zlib.crc32(name.encode())])
