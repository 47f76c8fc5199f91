"""The batch backend in the graph: chosen by a setting, and no reason to make anything again that was asked one by one."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from assets.lake import Address
from assets.motivations.assets import ASSETS
from assets.motivations.recipe import RECIPES
from assets.recipes import Situation, stale_reason
from assets.resources import Installation
from assets.settings import Settings
from tests.assets.motivations.test_wiring import DATASET, shop_in_lake
from tests.llm_server import running_endpoint

pytestmark = pytest.mark.slow


def test_motivations_asked_in_batches_are_those_asked_one_by_one(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-graph-secret")
    lake = shop_in_lake(home)
    recipes = {recipe.asset: recipe for recipe in RECIPES}
    address = Address("item_motivations", DATASET)
    with running_endpoint(tmp_path) as endpoint:
        given = {"chat": "openai-batch", "openai_base_url": endpoint.base_url, "chat_batch_poll_s": 0.02}
        result = dg.materialize(
            ASSETS[:2],
            partition_key=DATASET,
            resources={"installation": Installation(**given)},
            instance=dg.DagsterInstance.ephemeral(),
        )
        assert result.success
        assert endpoint.calls("chat") == []
        record = lake.record(address)
        assert record is not None
        assert record.metadata["calls"] == record.metadata["provenance_openai"] == len(endpoint.calls("line")) > 0
    online, batch = Settings(chat="openai"), Settings.model_validate(given)
    for settings in (online, batch):
        assert stale_reason(lake, recipes["item_motivations"], address, Situation(settings, None)) is None
    other = Situation(Settings(chat="openai", chat_model="another"), None)
    assert stale_reason(lake, recipes["item_motivations"], address, other) is not None
