"""Which texts of a table say almost the same as another one: MinHash with banding, linear in the number of texts.

Texts are compared as sets of content words (their stems), since a model that answers the same for everybody still changes
the small words. Candidates from the banding are compared exactly, against a few of each band's texts, so that a table in
which all texts are alike costs no more than any other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from models.language.quality.words import content_words, stem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ALIKE = 0.8
"""Jaccard similarity of their content words, from which on two texts count as near duplicates."""
_BANDS, _ROWS = 16, 4
"""16 bands of 4 rows find a pair of similarity 0.8 with probability 0.9998, one of 0.3 with 0.12."""
_COMPARED = 4
"""Texts of one bucket that each further text of it is compared with."""
_PRIME = (1 << 61) - 1


def near_another(texts: Sequence[str]) -> NDArray[np.bool_]:
    """(len(texts),) True where another text of the table is alike; texts without content words are alike one another.

    >>> near_another(["warm soup for winter", "a violin", "the warm soup, for winter"]).tolist()
    [True, False, True]
    """
    import numpy as np

    words = [frozenset(map(stem, content_words(text))) for text in texts]
    alike = np.zeros(len(texts), dtype=bool)
    if not texts:
        return alike
    signatures = _signatures(words)
    for band in range(_BANDS):
        buckets: dict[bytes, list[int]] = {}
        rows = np.ascontiguousarray(signatures[:, band * _ROWS : (band + 1) * _ROWS])
        for at, row in enumerate(rows):
            members = buckets.setdefault(row.tobytes(), [])
            for other in members:
                if not (alike[at] and alike[other]) and _jaccard(words[at], words[other]) >= ALIKE:
                    alike[at] = alike[other] = True
            if len(members) < _COMPARED:
                members.append(at)
    return alike


def _signatures(words: Sequence[frozenset[str]]) -> NDArray[np.uint64]:
    """(n, bands x rows) minima of as many hash functions over each set; the empty set has the largest value."""
    import numpy as np

    lengths = np.array([max(1, len(one)) for one in words])
    values = np.fromiter((value for one in words for value in (map(_hash, one) if one else [0])), dtype=np.uint64)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    random = np.random.default_rng(0)
    factors = random.integers(1, 1 << 31, size=_BANDS * _ROWS, dtype=np.uint64)
    offsets = random.integers(0, 1 << 61, size=_BANDS * _ROWS, dtype=np.uint64)
    signatures = np.empty((len(words), _BANDS * _ROWS), dtype=np.uint64)
    for column, (factor, offset) in enumerate(zip(factors, offsets, strict=True)):
        mixed = (values * factor + offset) % np.uint64(_PRIME)
        signatures[:, column] = np.minimum.reduceat(mixed, starts)
    return signatures


def _hash(word: str) -> int:
    """30 bits that depend on the word alone, in every process: products with a factor stay below 2^61."""
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=4).digest()) >> 2


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one or other else 1.0
