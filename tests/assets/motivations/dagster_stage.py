"""The whole stage as Dagster runs it, on the tiny shop in a lake."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg

from assets.embeddings.assets import ASSETS as EMBEDDINGS
from assets.embeddings.checks import CHECKS as EMBEDDING_CHECKS
from assets.lake import Address, Lake
from assets.motivations.assets import ASSETS as MOTIVATIONS
from assets.motivations.checks import CHECKS as MOTIVATION_CHECKS
from assets.resources import Installation
from tests.assets.motivations.shop import usual_text, write_shop

DATASET = "demo"
EVERYTHING = [*MOTIVATIONS, *EMBEDDINGS, *MOTIVATION_CHECKS, *EMBEDDING_CHECKS]


def shop_in_lake(home: Path, text: Callable[[int, int], str | None] = usual_text, **options: Any) -> Lake:
    """The datasets stage of `demo`, as if it had run."""
    lake = Lake(home)
    for asset, folder in write_shop(home / "raw", text, **options).items():
        with lake.write(Address(asset, DATASET), code_version="1", config={}, inputs={}) as draft:
            for path in folder.iterdir():
                shutil.copy(path, draft.path / path.name)
    return lake


def run(assets: list[Any], **settings: Any) -> dg.ExecuteInProcessResult:
    installation = Installation(**({"encoder": "lsa"} | settings))
    return dg.materialize(
        assets,
        partition_key=DATASET,
        resources={"installation": installation},
        raise_on_error=False,
        instance=dg.DagsterInstance.ephemeral(),
    )


def made(result: dg.ExecuteInProcessResult) -> set[str]:
    return {event.materialization.asset_key.to_user_string() for event in result.get_asset_materialization_events()}
