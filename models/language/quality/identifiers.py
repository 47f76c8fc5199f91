"""Ids and indices of users and items, and the fence of the prompt: what only the pipeline knows.

Ids that are ordinary words or small numbers cannot be told from language and are not looked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from models.language.quality.case import Case

_SHORTEST_ID, _SHORTEST_NUMBER, _LONGEST_WORD = 5, 7, 15
_TOKEN = re.compile(r"[A-Za-z0-9_-]{5,}")
_INDEX = re.compile(
    r"\b(?:user|item|customer|product|entity|reviewer)"
    r"(?:[ _-]?(?:idx|index|id)\b[ :=#]*|[ _]?#[ ]?|_)\d+|\b(?:user|item|entity)_id(?:x)?\b",
    re.IGNORECASE,
)


def telling_ids(ids: Iterable[str]) -> frozenset[str]:
    """Those ids that no word or figure of a text would be taken for.

    >>> sorted(telling_ids(["B00A9V3K1Q", "camera", "1984", "76561198000000001", "-0Xz_kVnQbQnFQY3gRmWVg"]))
    ['-0Xz_kVnQbQnFQY3gRmWVg', '76561198000000001', 'B00A9V3K1Q']
    """
    return frozenset(name for name in map(str, ids) if _TOKEN.fullmatch(name) and _is_telling(name))


def names_an_id(case: Case) -> bool:
    """An id of the dataset, or an index; ids that the catalogue shows as part of a name are public."""
    text = case.everything
    if _INDEX.search(text):
        return True
    if not case.ids:
        return False
    found = {token for raw in _TOKEN.findall(text) for token in (raw, raw.strip("-_"))}
    return any(token.lower() not in case.catalogue for token in found & case.ids)


def shows_the_fence(case: Case) -> bool:
    """The line around the sources, or its nonce."""
    return "=====" in case.everything or (case.fence is not None and case.fence in case.everything)


def _is_telling(name: str) -> bool:
    digits = sum(char.isdigit() for char in name)
    if digits == len(name):
        return len(name) >= _SHORTEST_NUMBER
    mixed = name.lower() != name and name.upper() != name and not name.istitle()
    return (digits >= 2 and len(name) >= _SHORTEST_ID) or (len(name) > _LONGEST_WORD and (mixed or digits > 0))
