"""What is tried where nobody names a base model: the candidates that data of this size can afford.

Closed forms are fitted in seconds to minutes and always tried; a graph network is left out where training it would take
hours, and that is said. Which candidate is published is decided afterwards, by the asset `selection`.
"""

from __future__ import annotations

from dataclasses import dataclass

from assets.lake import Address, Lake
from assets.settings import Settings
from assets.tables import count_rows, read_sizes
from models.bases.config import EASE_MAX_ITEMS

CANDIDATES = ("lightgcn", "ease", "gfcf")
"""Base models, the cheapest representative of each kind: a graph network, an item model, a graph filter."""
CANDIDATE_METHODS = ("base", "lmmrec", "text-prior")
"""What is tried on them; methods that are there for comparison are run by name."""
TRAINED_PAIRS = 500_000
"""Train pairs above which a graph network is no candidate on a CPU: an epoch grows with their square, and 30 or more of them
take hours beyond this size."""


@dataclass(frozen=True)
class Candidates:
    """Base models to try, and why others are not."""

    base_models: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    """One phrase each."""


def affordable(lake: Lake, dataset: str, settings: Settings) -> Candidates:
    """The candidates for a dataset; all of them as long as its split is not there to tell its size."""
    split = Address("split", dataset)
    if lake.record(split) is None:
        return Candidates(CANDIDATES)
    _, num_items = read_sizes(lake.path(split))
    pairs = count_rows(lake.path(split) / "train.parquet")
    return affordable_for(num_items, pairs, settings.device == "cuda")


def affordable_for(num_items: int, pairs: int, on_gpu: bool) -> Candidates:
    """The same from sizes: items of the catalogue, train pairs, and whether a GPU was asked for by name."""
    reasons = {}
    if pairs > TRAINED_PAIRS and not on_gpu:
        reasons["lightgcn"] = f"{pairs:,} train pairs, above {TRAINED_PAIRS:,} it trains for hours without a GPU"
    if num_items > EASE_MAX_ITEMS:
        reasons["ease"] = f"{num_items:,} items, its dense matrix is allowed {EASE_MAX_ITEMS:,}"
    return Candidates(
        tuple(name for name in CANDIDATES if name not in reasons),
        tuple(f"{name} ({reason})" for name, reason in reasons.items()),
    )
