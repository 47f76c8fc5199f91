"""What an experiment consists of: requests, whose cells are those of any other run, so that what is there is never made twice.

How they are run is the planner's and the runner's; what is read off them is `assets.evaluation.experiments`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from assets.evaluation.experiments import ABLATIONS, RIVALS, STRONG, TABLES, TARGET
from assets.recipes import Request
from assets.training.data import CONTROLS
from assets.training.noise import NOISE
from assets.training.tuning import ASSET as TUNING

SEEDS = (2023, 2024, 2025, 2026, 2027)
"""Of the evaluation protocol."""
NOISE_SEEDS = SEEDS[:2]
"""Of Fig. 2, whose six levels take most of the time."""


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


def table_two(dataset: str, base_model: str, seeds: Sequence[int] = SEEDS) -> tuple[Request, ...]:
    """Table II: LMMRec whole and without one of its parts, beside the bare base."""
    variants = {"base": ("full",), TARGET: ("full", *ABLATIONS)}
    return (Request(dataset, (base_model,), ("base", TARGET), tuple(seeds), variants),)


def figure_two(
    dataset: str, base_model: str, seeds: Sequence[int] = SEEDS, methods: Sequence[str] = ("base", TARGET)
) -> tuple[Request, ...]:
    """Fig. 2: train with pairs that never happened, for base and LMMRec."""
    variants = dict.fromkeys(methods, ("full", *NOISE))
    return (Request(dataset, (base_model,), tuple(methods), tuple(seeds), variants),)


def merged(*requests: Request) -> Request:
    """One request for all rows of several with the same seeds."""
    variants: dict[str, tuple[str, ...]] = {}
    for request in requests:
        for method in request.methods:
            variants[method] = tuple(
                dict.fromkeys((*variants.get(method, ()), *request.variants.get(method, ("full",))))
            )
    return replace(requests[0], methods=tuple(variants), variants=variants)


def requests_of(
    experiments: Sequence[str],
    dataset: str,
    base_models: Sequence[str],
    seeds: Sequence[int] = SEEDS,
    noise_seeds: Sequence[int] = NOISE_SEEDS,
    every_control: bool = False,
    trials: int = 0,
) -> list[Request]:
    """What the experiments of `TABLES` take on each base model; cells that several of them share are made once.

    Args:
        noise_seeds: of Fig. 2, whose six levels take most of the time.
        trials: above 0, all methods are tuned first.
    """
    found: list[Request] = []
    for base_model in base_models:
        for name in experiments:
            if name == "table-1":
                made = table_one(dataset, base_model, seeds, every_control)
            elif name == "table-2":
                made = table_two(dataset, base_model, seeds)
            else:
                made = figure_two(dataset, base_model, noise_seeds)
            also = (TABLES[name], *((TUNING,) if trials else ()))
            found += [replace(made[0], also=also), *made[1:]]
    return list({repr(request): request for request in found}.values())
