"""All that changes from step to step of a training run, as named tensors and plain JSON, and back into a trainer.

    module.*      weights, buffers, the teacher: the state dicts of base and enhancer
    optimizer.*   Adam's moments and step, by the name of the parameter
    generator.*   torch generators; numpy generators are JSON, and so is what a module gives by `get_extra_state`

Generators are found by themselves, wherever trainer, sampler or a module holds one as an attribute. A module that counts
keeps its counter in a persistent buffer or in `get_extra_state`. Files belong to `state`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.training.trainer import Trainer


@dataclass(frozen=True)
class Snapshot:
    """Of one moment between two epochs."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]
    """JSON: `extra` (modules) and `generators` (numpy), by name."""

    def shapes(self) -> dict[str, Any]:
        """What must agree between the snapshot and the trainer that it is put into; Adam is empty before its first step."""
        tensors = {
            name: f"{tensor.dtype} {tuple(tensor.shape)}"
            for name, tensor in self.tensors.items()
            if not name.startswith("optimizer.")
        }
        return tensors | {f"{kind}.{name}": "present" for kind, named in self.values.items() for name in named}


def take(trainer: Trainer) -> Snapshot:
    """The present state. Tensors are not copied: store them before the next step."""
    tensors: dict[str, Tensor] = {}
    extra: dict[str, Any] = {}
    for prefix, module in _modules(trainer).items():
        for name, value in module.state_dict().items():
            if isinstance(value, Tensor):
                tensors[f"module.{prefix}.{name}"] = value
            else:
                extra[f"{prefix}.{name}"] = value
    names = _optimized_names(trainer)
    for index, entries in trainer.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{names[index]}.{key}": torch.as_tensor(value) for key, value in entries.items()}
    generators: dict[str, Any] = {}
    for name, generator in _generators(trainer).items():
        if isinstance(generator, torch.Generator):
            tensors[f"generator.{name}"] = generator.get_state()
        else:
            generators[name] = _to_json(generator.bit_generator.state)
    return Snapshot(tensors, {"extra": extra, "generators": generators})


def put_back(trainer: Trainer, snapshot: Snapshot) -> None:
    """Makes `trainer` go on as the one that `snapshot` was taken of; their `shapes` must agree."""
    for prefix, module in _modules(trainer).items():
        states = dict(_below(f"module.{prefix}.", snapshot.tensors)) | dict(
            _below(f"{prefix}.", snapshot.values["extra"])
        )
        module.load_state_dict(states)
    indices = {name: index for index, name in enumerate(_optimized_names(trainer))}
    moments: dict[int, dict[str, Tensor]] = {}
    for path, tensor in _below("optimizer.", snapshot.tensors):
        name, _, key = path.rpartition(".")
        moments.setdefault(indices[name], {})[key] = tensor.clone()
    trainer.optimizer.load_state_dict(
        {"state": moments, "param_groups": trainer.optimizer.state_dict()["param_groups"]}
    )
    for name, generator in _generators(trainer).items():
        if isinstance(generator, torch.Generator):
            generator.set_state(snapshot.tensors[f"generator.{name}"])
        else:
            generator.bit_generator.state = _from_json(snapshot.values["generators"][name])


def _modules(trainer: Trainer) -> dict[str, nn.Module]:
    return {"base": trainer.base, "enhancer": trainer.enhancer}


def _optimized_names(trainer: Trainer) -> list[str]:
    """Names of the parameters in the optimizer's own order."""
    return [name for name, _ in trainer.named_parameters()]


def _generators(trainer: Trainer) -> dict[str, np.random.Generator | torch.Generator]:
    """Every random generator that trainer, sampler or a module holds as an attribute."""
    holders: dict[str, object] = {"trainer": trainer, "sampler": trainer.sampler}
    for prefix, module in _modules(trainer).items():
        holders |= {f"{prefix}.{name}".rstrip("."): part for name, part in module.named_modules()}
    return {
        f"{place}.{name}": value
        for place, holder in holders.items()
        for name, value in vars(holder).items()
        if isinstance(value, (np.random.Generator, torch.Generator))
    }


def _below(prefix: str, named: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((name.removeprefix(prefix), value) for name, value in named.items() if name.startswith(prefix))


def _to_json(value: Any) -> Any:
    """A bit generator's state; arrays become {dtype: numbers}, whole numbers stay exact."""
    if isinstance(value, dict):
        return {key: _to_json(part) for key, part in value.items()}
    if isinstance(value, np.ndarray):
        return {f"array:{value.dtype}": value.tolist()}
    return value.item() if isinstance(value, np.generic) else value


def _from_json(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and (key := next(iter(value))).startswith("array:"):
        return np.array(value[key], dtype=key.removeprefix("array:"))
    return {key: _from_json(part) for key, part in value.items()}
