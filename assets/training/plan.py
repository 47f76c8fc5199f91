"""Which model a cell is: base, enhancer, training preset and text control, from the names in its address.

The one place where names become model configs: the recipe records the plan, `cells.py` trains after it. Imports no torch,
so that asking what is stale stays cheap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from assets.lake import Address
from assets.training.data import CONTROLS
from assets.training.methods import METHODS
from assets.training.noise import NOISE
from models.bases import BaseConfig, base_spec
from models.enhancers import EnhancerConfig, enhancer_spec, refuse_mismatch
from models.errors import LmmrecError
from models.training.config import PRESETS, TrainingConfig


@dataclass(frozen=True)
class CellPlan:
    """Everything beside the inputs that decides a checkpoint."""

    base: BaseConfig
    enhancer: EnhancerConfig | None
    training: TrainingConfig
    text_control: str | None
    """None (the real vectors), or a name of `CONTROLS`."""
    seed: int
    noise: float = 0.0
    """Pairs that never happened in train, as a share of its pairs."""

    def as_config(self) -> dict[str, Any]:
        """Plain JSON for the record."""
        return {
            "base": self.base.model_dump(mode="json"),
            "enhancer": self.enhancer.model_dump(mode="json") if self.enhancer else None,
            "training": self.training.model_dump(mode="json"),
            "text_control": self.text_control,
            "seed": self.seed,
        } | ({"noise": self.noise} if self.noise else {})


def plan_cell(address: Address, method: str, preset: str = "lmmrec") -> CellPlan:
    """The plan of one cell.

    Args:
        address: its base model, variant and seed.
        method: a name of `METHODS`.
        preset: training preset of the dataset's catalogue entry.

    Raises:
        LmmrecError: unknown base model, one that lacks what the enhancer works on, or an unknown variant.
    """
    assert address.base_model is not None
    assert address.seed is not None
    ablations = {} if method == "base" else enhancer_spec(method).variants
    known = ("full", *(CONTROLS if METHODS[method].needs_text else ()), *ablations, *NOISE)
    if address.variant not in known:
        raise LmmrecError(f"method '{method}' has no variant '{address.variant}': known are {', '.join(known)}.")
    base = base_spec(address.base_model).config(name=address.base_model)
    enhancer = None
    if method != "base":
        refuse_mismatch(base, method)
        enhancer = enhancer_spec(method).config(name=method, **ablations.get(address.variant or "full", {}))
    return CellPlan(
        base=base,
        enhancer=enhancer,
        training=PRESETS[preset],
        text_control=address.variant if address.variant in CONTROLS else None,
        seed=address.seed,
        noise=NOISE.get(address.variant or "full", 0.0),
    )
