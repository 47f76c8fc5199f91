"""The stage as Dagster runs it: checks that block, a gate behind them, and an estimate before anything is spent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.embeddings.checks import CHECKS as EMBEDDING_CHECKS
from assets.lake import Address
from assets.motivations.assets import ASSETS as MOTIVATIONS
from assets.motivations.checks import CHECKS as MOTIVATION_CHECKS
from assets.motivations.estimate import estimate
from assets.partitions import DATASETS
from assets.settings import Settings
from models.errors import LmmrecError
from tests.assets.motivations.dagster_stage import DATASET, EVERYTHING, made, run, shop_in_lake
from tests.assets.motivations.shop import ITEMS, USERS, usual_text
from tests.llm_server import INPUT_TOKENS, Endpoint, running_endpoint

pytestmark = pytest.mark.slow


def test_the_whole_stage_runs_and_every_check_passes(home: Path) -> None:
    lake = shop_in_lake(home)
    result = run(EVERYTHING)
    assert result.success
    assert all(
        event.passed or event.severity is dg.AssetCheckSeverity.WARN for event in result.get_asset_check_evaluations()
    )
    assert len(result.get_asset_check_evaluations()) == len(MOTIVATION_CHECKS) + len(EMBEDDING_CHECKS)
    metadata = {
        event.materialization.asset_key.to_user_string(): event.materialization.metadata
        for event in result.get_asset_materialization_events()
    }
    assert metadata["item_motivations"]["provenance_extractive"].value == ITEMS
    assert metadata["user_motivations"]["provenance_extractive"].value == USERS
    assert "| id | summary |" in str(metadata["user_motivations"]["sample"].value)
    assert lake.record(Address("text_embeddings", DATASET)) is not None


def test_what_was_quarantined_is_shown_with_the_asset_the_check_and_the_gate(home: Path) -> None:
    ready = {
        "item": {f"i{n:02d}": f"Thing {n} for slow mornings." for n in range(ITEMS)}
        | {"i05": "Call +43 512 123 4567."},
        "user": {f"u{n:02d}": f"Person {n} likes slow mornings." for n in range(USERS)},
    }
    shop_in_lake(home, ready=ready)
    result = run(EVERYTHING)
    assert result.success
    made_of = {
        event.materialization.asset_key.to_user_string(): event.materialization.metadata
        for event in result.get_asset_materialization_events()
    }
    checked = {event.check_name: event.metadata for event in result.get_asset_check_evaluations()}
    for shown in (made_of["item_motivations"], checked["item_motivations_are_valid"]):
        assert shown["quarantined"].value == 1
        assert [record.data for record in shown["quarantine"].records] == [{"rule": "e-mail or phone", "entities": 1}]
    assert checked["user_motivations_are_valid"]["quarantined"].value == 0
    assert made_of["validated_motivations"]["item_fallbacks"].value == 1
    (row,) = [record.data for record in made_of["validated_motivations"]["fallback_reasons"].records]
    assert row == {"entity": "item", "reason": "quarantined: e-mail or phone", "entities": 1}


def test_a_failed_check_holds_back_all_that_follows(home: Path) -> None:
    lake = shop_in_lake(home, lambda u, i: usual_text(u, i) if i < 2 else None, description=lambda i: None)
    result = run(EVERYTHING)
    assert not result.success
    assert made(result) == {"item_prompts", "item_motivations"}
    assert lake.record(Address("validated_motivations", DATASET)) is None


def test_a_gate_launched_by_hand_refuses_the_same_data(home: Path) -> None:
    shop_in_lake(home, lambda u, i: usual_text(u, i) if i < 2 else None, description=lambda i: None)
    assert run(MOTIVATIONS[:4]).success
    result = run([MOTIVATIONS[4]])
    assert not result.success
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    said = str(failure.event_specific_data)
    assert "item_motivations: at most 20% of the items carry a fallback text" in said
    assert "observed 0.75" in said


def test_checks_have_the_partitions_of_their_assets_and_block() -> None:
    for check in [*MOTIVATION_CHECKS, *EMBEDDING_CHECKS]:
        for spec in check.check_specs:
            assert spec.blocking
            assert spec.partitions_def == DATASETS
    checked = {spec.asset_key.to_user_string() for check in MOTIVATION_CHECKS for spec in check.check_specs}
    gate = {key.to_user_string() for key in MOTIVATIONS[4].asset_deps[MOTIVATIONS[4].key]}
    assert checked <= gate


@pytest.fixture(scope="module")
def llm(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with running_endpoint(tmp_path_factory.mktemp("endpoint")) as endpoint:
        yield endpoint


def test_the_same_graph_asks_a_real_endpoint_once_and_estimates_what_is_left(
    home: Path, llm: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-graph-secret")
    lake = shop_in_lake(home)
    given = {"chat": "openai", "openai_base_url": llm.base_url}
    settings = Settings(**given)
    before = estimate(lake, DATASET, settings)
    assert [(one.entity, one.prompts, one.calls) for one in before] == [("item", ITEMS, ITEMS), ("user", USERS, USERS)]
    assert all(one.cost_usd and one.cost_usd > 0 for one in before)
    assert [one.exact_prompts for one in before] == [True, False]
    assert llm.calls() == []

    result = run(EVERYTHING, **given)
    assert result.success
    assert len(llm.calls("chat")) == ITEMS + USERS
    record = lake.record(Address("user_motivations", DATASET))
    assert record is not None
    assert record.metadata["provenance_openai"] == USERS
    assert record.metadata["input_tokens"] == USERS * INPUT_TOKENS

    after = estimate(lake, DATASET, settings)
    assert [(one.calls, one.reused, one.cost_usd) for one in after] == [(0, ITEMS, 0.0), (0, USERS, 0.0)]
    digest = lake.digest(Address("validated_motivations", DATASET))
    assert run(MOTIVATIONS, **given).success
    assert len(llm.calls("chat")) == ITEMS + USERS
    assert lake.digest(Address("validated_motivations", DATASET)) == digest
    stored = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert b"sk-test-graph-secret" not in stored


def test_an_estimate_of_a_dataset_without_text_says_so(home: Path) -> None:
    lake = shop_in_lake(home, lambda u, i: None, description=lambda i: None)
    with pytest.raises(LmmrecError, match="has no text"):
        estimate(lake, DATASET, Settings())
