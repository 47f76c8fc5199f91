"""A fitted model on disk: weights as safetensors, everything else as JSON; no pickle, nothing executed on load.

    model.safetensors   `final.*` (what is scored with) and `parameters.*` (the trained weights)
    config.json         settings of base, enhancer and training, seed, sizes, best epoch
    history.json        one entry per evaluation
    ids.json            original user and item ids in row order

The bytes are a function of the model alone: no times, paths, devices. Atomic replacement is the caller's (the lake's).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.bases import base_spec
from models.enhancers import enhancer_spec
from models.errors import LmmrecError
from models.training.config import TrainingConfig
from models.training.fitted import FittedModel

FORMAT = "lmmrec-checkpoint/1"


def save(model: FittedModel, folder: Path, user_ids: Sequence[str], item_ids: Sequence[str]) -> None:
    """Writes the four files into `folder`, which is made where it is missing."""
    if (len(user_ids), len(item_ids)) != (model.num_users, model.num_items):
        raise LmmrecError(
            f"{len(user_ids)} user and {len(item_ids)} item ids were given for a model of {model.num_users} users "
            f"and {model.num_items} items; give one id per row"
        )
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"final.{name}": tensor for name, tensor in model.final.items()}
    tensors |= {f"parameters.{name}": tensor for name, tensor in model.parameters.items()}
    save_file(
        {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, folder / "model.safetensors"
    )
    config = {
        "format": FORMAT,
        "num_users": model.num_users,
        "num_items": model.num_items,
        "seed": model.seed,
        "best_epoch": model.best_epoch,
        "base": model.base.model_dump(),
        "enhancer": None if model.enhancer is None else model.enhancer.model_dump(),
        "training": model.training.model_dump(),
    }
    _write_json(folder / "config.json", config)
    _write_json(folder / "history.json", model.history)
    _write_json(folder / "ids.json", {"users": list(user_ids), "items": list(item_ids)})


def load(folder: Path, device: str = "cpu") -> FittedModel:
    """Reads what `save` wrote. Raises `LmmrecError` where a file is missing, damaged, or of another shape."""
    config = _read_json(folder / "config.json")
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise LmmrecError(f"{folder / 'config.json'} is not a checkpoint of the form {FORMAT}; train the model again")
    tensors = _read_tensors(folder / "model.safetensors", device)
    try:
        base = base_spec(config["base"]["name"]).config.model_validate(config["base"])
        enhancer = config["enhancer"] and enhancer_spec(config["enhancer"]["name"]).config.model_validate(
            config["enhancer"]
        )
        model = FittedModel(
            base=base,
            enhancer=enhancer,
            training=TrainingConfig.model_validate(config["training"]),
            seed=config["seed"],
            num_users=config["num_users"],
            num_items=config["num_items"],
            final=tensors["final"],
            parameters=tensors["parameters"],
            history=_read_json(folder / "history.json"),
            best_epoch=config["best_epoch"],
        )
    except (KeyError, TypeError, ValidationError) as error:
        raise LmmrecError(
            f"{folder / 'config.json'} does not describe a model of this version ({type(error).__name__}); train it again"
        ) from error
    _check_rows(model, folder)
    return model


def load_ids(folder: Path) -> tuple[list[str], list[str]]:
    """The original user and item ids, in row order."""
    ids = _read_json(folder / "ids.json")
    return ids["users"], ids["items"]


def _read_tensors(path: Path, device: str) -> dict[str, dict[str, Tensor]]:
    """`final` and `parameters`, each by name without its prefix."""
    try:
        tensors = load_file(path, device=device)
    except (OSError, SafetensorError) as error:
        raise LmmrecError(f"{path} cannot be read as safetensors ({error}); train the model again") from error
    broken = [name for name, tensor in tensors.items() if not bool(torch.isfinite(tensor).all())]
    if broken:
        raise LmmrecError(f"{path}: tensor {broken[0]!r} holds values that are not finite; train the model again")
    groups: dict[str, dict[str, Tensor]] = {"final": {}, "parameters": {}}
    for name, tensor in tensors.items():
        group, _, rest = name.partition(".")
        groups.setdefault(group, {})[rest] = tensor
    return groups


def _check_rows(model: FittedModel, folder: Path) -> None:
    base, enhancer = model.base, model.enhancer
    if enhancer is not None:
        base = base.model_copy(update={"dim": enhancer.scored_dim(base.dim)})
    expected = base_spec(base.name).scored().final_shapes(base, model.num_users, model.num_items)
    for name, shape in expected.items():
        found = tuple(model.final[name].shape) if name in model.final else None
        fits = found is not None and len(found) == len(shape)
        if not fits or any(want not in (None, have) for want, have in zip(shape, found or (), strict=True)):
            raise LmmrecError(
                f"{folder / 'model.safetensors'}: tensor 'final.{name}' has shape {found}, "
                f"but config.json says {shape}; train the model again"
            )


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LmmrecError(f"{path} cannot be read ({type(error).__name__}: {error}); train the model again") from error
