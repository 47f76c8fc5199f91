"""The anchors by name: references without gradient training that stand in every table.

Adding one is a module and a line in `ANCHORS`. Default settings are those whose printed numbers on Amazon-book the tests
reproduce; which ones a dataset gets is chosen on its validation part (`choice`).
"""

from __future__ import annotations

from models.anchors.als import ALS
from models.anchors.contract import Anchor
from models.anchors.ease import EASE
from models.anchors.gfcf import GFCF
from models.anchors.itemknn import ItemKNN
from models.anchors.popularity import Popularity
from models.anchors.userknn import UserKNN

ANCHORS: dict[str, type[Anchor]] = {
    "popularity": Popularity,
    "itemknn": ItemKNN,
    "userknn": UserKNN,
    "ease": EASE,
    "gfcf": GFCF,
    "als": ALS,
}

__all__ = ["ANCHORS", "Anchor"]
