"""The enhancers by name. Adding one is a module, its settings in `config` or `rival_configs`, and a line in `ENHANCERS`.

The registry itself imports no torch: a recipe may ask for an enhancer's settings in a process that never trains.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from models.bases import BASES, BaseConfig, base_spec, refuse_without_embeddings
from models.enhancers.config import LMMREC_VARIANTS, EnhancerConfig, LMMRecConfig, TextPriorConfig
from models.enhancers.rival_configs import AutoGraphConfig, ONCEConfig, RLMRecConConfig, RLMRecGenConfig, UISTConfig
from models.errors import LmmrecError

if TYPE_CHECKING:
    from models.enhancers.contract import Enhancer


@dataclass(frozen=True)
class EnhancerSpec:
    """One enhancer: its settings, where its class lives, and whether it needs text vectors."""

    config: type[EnhancerConfig]
    module: str
    """Empty where the enhancer has no class of its own: the base model fits it with itself."""
    class_name: str
    needs_text: bool
    works_on: Literal["embeddings", "formulas"] = "embeddings"
    """Which base models it goes with: those with ID embeddings, or those in closed form, with which it is fitted in one."""
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Settings by which it turns into an ablation or another form, by name."""

    def model(self) -> type[Enhancer]:
        """The class, imported when it is needed; built as `model(config, base, texts, rng)`."""
        found: type[Enhancer] = getattr(import_module(self.module), self.class_name)
        return found


ENHANCERS: dict[str, EnhancerSpec] = {
    "lmmrec": EnhancerSpec(
        LMMRecConfig, "models.enhancers.lmmrec", "LMMRec", needs_text=True, variants=LMMREC_VARIANTS
    ),
    "rlmrec-con": EnhancerSpec(RLMRecConConfig, "models.enhancers.rlmrec_con", "RLMRecCon", needs_text=True),
    "rlmrec-gen": EnhancerSpec(RLMRecGenConfig, "models.enhancers.rlmrec_gen", "RLMRecGen", needs_text=True),
    "uist": EnhancerSpec(
        UISTConfig, "models.enhancers.uist", "UIST", needs_text=True, variants={"last-level": {"score": "last"}}
    ),
    "autograph": EnhancerSpec(
        AutoGraphConfig,
        "models.enhancers.autograph",
        "AutoGraph",
        needs_text=True,
        variants={"gat": {"aggregator": "gat"}},
    ),
    "once": EnhancerSpec(
        ONCEConfig, "models.enhancers.once", "ONCE", needs_text=True, variants={"without-edges": {"edges": False}}
    ),
    "text-prior": EnhancerSpec(TextPriorConfig, "", "", needs_text=True, works_on="formulas"),
}


def enhancer_spec(name: str) -> EnhancerSpec:
    """The registered enhancer; an unknown name is the user's to mend."""
    if name not in ENHANCERS:
        raise LmmrecError(f"there is no enhancer {name!r}; choose one of {', '.join(sorted(ENHANCERS))}")
    return ENHANCERS[name]


def goes_with(base: BaseConfig, enhancer: str) -> bool:
    """True where the enhancer finds in this base model what it works on."""
    if enhancer_spec(enhancer).works_on == "formulas":
        return base_spec(base.name).closed_form
    return base.dim > 0


def refuse_mismatch(base: BaseConfig, enhancer: str) -> None:
    """Says so where it does not, with the base models that would do."""
    if goes_with(base, enhancer):
        return
    if enhancer_spec(enhancer).works_on == "embeddings":
        refuse_without_embeddings(base, enhancer)
    able = ", ".join(name for name, spec in BASES.items() if spec.closed_form)
    raise LmmrecError(f"{enhancer!r} goes with base models in closed form ({able}), not with {base.name!r}; choose one")


__all__ = [
    "ENHANCERS",
    "AutoGraphConfig",
    "EnhancerConfig",
    "EnhancerSpec",
    "LMMRecConfig",
    "ONCEConfig",
    "RLMRecConConfig",
    "RLMRecGenConfig",
    "TextPriorConfig",
    "UISTConfig",
    "enhancer_spec",
    "goes_with",
    "refuse_mismatch",
]
