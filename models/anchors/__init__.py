"""The anchors by name: references without gradient training that stand in every table.

Adding one is a module and a line in `ANCHORS`. Settings are those whose printed numbers on Amazon-book the
tests reproduce.
"""

from __future__ import annotations

from collections.abc import Callable

from models.anchors.contract import Anchor
from models.anchors.ease import EASE
from models.anchors.gfcf import GFCF
from models.anchors.itemknn import ItemKNN
from models.anchors.popularity import Popularity

ANCHORS: dict[str, Callable[[], Anchor]] = {
    "popularity": Popularity,
    "itemknn": ItemKNN,
    "ease": EASE,
    "gfcf": GFCF,
}

__all__ = ["ANCHORS", "Anchor"]
