"""The base models by name. Adding one is a module, its settings in `config`, and a line in `BASES`.

The registry itself imports no torch: a recipe may ask for a base's settings in a process that never trains.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from models.bases.config import (
    BaseConfig,
    BPRMFConfig,
    EaseConfig,
    GFCFConfig,
    LightGCNConfig,
    PolyCFConfig,
    PolyCFEmbeddingConfig,
    PolyCFSignalConfig,
    SimGCLConfig,
    WeightedGCLConfig,
)
from models.errors import LmmrecError

if TYPE_CHECKING:
    from models.bases.closed_form import ClosedFormBase
    from models.bases.contract import BaseModel, Scored


@dataclass(frozen=True)
class BaseSpec:
    """One base model: its settings, and where its class lives."""

    config: type[BaseConfig]
    module: str
    class_name: str

    closed_form: bool = False
    """True where the model is fitted by a formula, without training steps."""

    def scored(self) -> type[Scored]:
        """The class as far as scoring is concerned, imported when it is needed."""
        found: type[Scored] = getattr(import_module(self.module), self.class_name)
        return found

    def model(self) -> type[BaseModel]:
        """The class of a model that is trained in steps."""
        found: type[BaseModel] = getattr(import_module(self.module), self.class_name)
        return found

    def formula(self) -> type[ClosedFormBase]:
        """The class of a model in closed form."""
        found: type[ClosedFormBase] = getattr(import_module(self.module), self.class_name)
        return found


BASES: dict[str, BaseSpec] = {
    "lightgcn": BaseSpec(LightGCNConfig, "models.bases.lightgcn", "LightGCN"),
    "weightedgcl": BaseSpec(WeightedGCLConfig, "models.bases.weightedgcl", "WeightedGCL"),
    "bprmf": BaseSpec(BPRMFConfig, "models.bases.lightgcn", "LightGCN"),
    "simgcl": BaseSpec(SimGCLConfig, "models.bases.weightedgcl", "WeightedGCL"),
    "polycf": BaseSpec(PolyCFConfig, "models.bases.polycf", "PolyCF"),
    "polycf-embedding": BaseSpec(PolyCFEmbeddingConfig, "models.bases.polycf_embedding", "PolyCFEmbedding"),
    "polycf-signal": BaseSpec(PolyCFSignalConfig, "models.bases.polycf_signal", "PolyCFSignal"),
    "ease": BaseSpec(EaseConfig, "models.bases.ease", "EASE", closed_form=True),
    "gfcf": BaseSpec(GFCFConfig, "models.bases.gfcf", "GFCF", closed_form=True),
}


def base_spec(name: str) -> BaseSpec:
    """The registered base model; an unknown name is the user's to mend."""
    if name not in BASES:
        raise LmmrecError(f"there is no base model {name!r}; choose one of {', '.join(sorted(BASES))}")
    return BASES[name]


def refuse_without_embeddings(base: BaseConfig, enhancer: str) -> None:
    """An enhancer works on the embeddings of its base; says so where the base has none."""
    if base.dim == 0:
        raise LmmrecError(
            f"base model {base.name!r} has no embeddings that {enhancer!r} could reach; "
            "train it alone (method base), or put the enhancer on polycf or polycf-embedding"
        )


__all__ = [
    "BASES",
    "BPRMFConfig",
    "BaseConfig",
    "BaseSpec",
    "EaseConfig",
    "GFCFConfig",
    "LightGCNConfig",
    "PolyCFConfig",
    "PolyCFEmbeddingConfig",
    "PolyCFSignalConfig",
    "SimGCLConfig",
    "WeightedGCLConfig",
    "base_spec",
    "refuse_without_embeddings",
]
