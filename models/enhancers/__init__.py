"""The enhancers by name. Adding one is a module, its settings in `config`, and a line in `ENHANCERS`.

The registry itself imports no torch: a recipe may ask for an enhancer's settings in a process that never trains.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from models.enhancers.config import EnhancerConfig, LMMRecConfig
from models.errors import LmmrecError

if TYPE_CHECKING:
    from models.enhancers.contract import Enhancer


@dataclass(frozen=True)
class EnhancerSpec:
    """One enhancer: its settings, where its class lives, and whether it needs text vectors."""

    config: type[EnhancerConfig]
    module: str
    class_name: str
    needs_text: bool

    def model(self) -> type[Enhancer]:
        """The class, imported when it is needed; built as `model(config, base, texts, rng)`."""
        found: type[Enhancer] = getattr(import_module(self.module), self.class_name)
        return found


ENHANCERS: dict[str, EnhancerSpec] = {
    "lmmrec": EnhancerSpec(LMMRecConfig, "models.enhancers.lmmrec", "LMMRec", needs_text=True),
}


def enhancer_spec(name: str) -> EnhancerSpec:
    """The registered enhancer; an unknown name is the user's to mend."""
    if name not in ENHANCERS:
        raise LmmrecError(f"there is no enhancer {name!r}; choose one of {', '.join(sorted(ENHANCERS))}")
    return ENHANCERS[name]


__all__ = ["ENHANCERS", "EnhancerConfig", "EnhancerSpec", "LMMRecConfig", "enhancer_spec"]
