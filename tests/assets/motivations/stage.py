"""The whole stage on folders, without Dagster: prompts, motivations, gate."""

from __future__ import annotations

from pathlib import Path

from assets.motivations.generate import write_motivations
from assets.motivations.publish import publish
from assets.motivations.write_prompts import write_prompts
from models.language.chat import ChatModel
from models.language.extractive import ExtractiveModel
from tests.assets.motivations.shop import Folders

LIMITS = {"min_valid": 0.95, "max_fallback": 0.2}


def run_prompts(folders: Folders, root: Path, model: ChatModel | None = None) -> Folders:
    """Item prompts, item motivations, user prompts, user motivations: adds their folders."""
    chosen = model or ExtractiveModel()
    for entity in ("item", "user"):
        for kind in ("prompts", "motivations"):
            folders[f"{entity}_{kind}"] = root / f"{entity}_{kind}"
            folders[f"{entity}_{kind}"].mkdir(parents=True)
        write_prompts(entity, "shop", folders, folders[f"{entity}_prompts"])
        write_motivations(entity, folders, chosen, folders[f"{entity}_motivations"])
    return folders


def run_gate(folders: Folders, root: Path) -> Folders:
    """The gate; adds `validated_motivations`."""
    folders["validated_motivations"] = root / "validated_motivations"
    folders["validated_motivations"].mkdir(parents=True)
    publish("shop", folders, LIMITS, folders["validated_motivations"])
    return folders
