"""What an experiment consists of: requests, whose cells are those of any other run, so that what is there is never made twice.

How they are run is the planner's and the runner's; what is read off them is `assets.evaluation.table_one`.
"""

from __future__ import annotations

from collections.abc import Sequence

from assets.recipes import Request
from assets.training.data import CONTROLS

SEEDS = (2023, 2024, 2025, 2026, 2027)
"""Of the evaluation protocol."""
TARGET = "lmmrec"
"""The method that the others are there for."""
RIVALS = ("uist", "once", "autograph", "rlmrec-con")
"""The rows of the paper's Table I between base and LMMRec, and the closest published relative."""
STRONG = ("ease", "gfcf")
"""Closed forms that stand in every table, with and without texts."""


def table_one(
    dataset: str, base_model: str, seeds: Sequence[int] = SEEDS, every_control: bool = False
) -> tuple[Request, ...]:
    """Table I on one dataset and base model: base, rivals, LMMRec with both controls, and the strong bases beside them.

    Args:
        seeds: of whatever is trained in steps; closed forms are fitted with the first alone.
        every_control: shuffled and random text for the rivals, too.
    """
    controlled = {TARGET, *(RIVALS if every_control else ())}
    variants = {
        method: ("full", *CONTROLS) if method in controlled else ("full",) for method in ("base", *RIVALS, TARGET)
    }
    return (
        Request(dataset, (base_model,), ("base", *RIVALS, TARGET), tuple(seeds), variants | {"base": ("full",)}),
        Request(dataset, STRONG, ("base", "text-prior"), tuple(seeds[:1])),
    )
