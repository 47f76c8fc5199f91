"""F32, the mutation twins: whichever way words of validation or test come near a prompt, the gate closes and says where."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from assets.expectations import Finding, failed
from assets.lake import Address, Lake
from assets.motivations.ancestry import CHAIN, ancestry_findings, up_to
from assets.motivations.assets import ASSETS as MOTIVATIONS
from assets.motivations.lineage import prompt_findings
from assets.motivations.tables import PROMPT_TYPES, SHOWN_TYPES, write_rows
from assets.tables import read_frame, write_frame
from models.errors import LmmrecError
from tests.assets.motivations.dagster_stage import DATASET, EVERYTHING, made, run, shop_in_lake
from tests.assets.motivations.shop import ITEMS, USERS, part_of, usual_text

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def good_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which prompts and motivations were made."""
    home = tmp_path_factory.mktemp("good") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LMMREC_HOME", str(home))
        shop_in_lake(home)
        assert run(MOTIVATIONS).success
    return home


@pytest.fixture
def lake(good_home: Path, home: Path) -> Lake:
    """A copy that a test may spoil, set as LMMREC_HOME."""
    shutil.copytree(good_home, home, dirs_exist_ok=True)
    return Lake(home)


def folder_of(lake: Lake, asset: str) -> Path:
    return lake.path(Address(asset, DATASET))


def broken(found: dict[str, list[Finding]]) -> list[str]:
    return [finding.rule for findings in found.values() for finding in failed(findings)]


def rewrite(lake: Lake, asset: str, change: Callable[[Path], None]) -> None:
    """Write a partition again with its old record's inputs, after a change: what a wrong program would leave."""
    address = Address(asset, DATASET)
    record = lake.record(address)
    assert record is not None
    with lake.write(address, code_version=record.code_version, config=record.config, inputs=record.inputs) as draft:
        for name in record.files:
            shutil.copy(folder_of(lake, asset) / name, draft.path / name)
        change(draft.path)


def move_a_train_pair_to_validation(folder: Path) -> None:
    train, validation = (read_frame(folder / f"{part}.parquet") for part in ("train", "validation"))
    write_frame(pd.concat([validation, train.iloc[:1]]), folder / "validation.parquet")
    write_frame(train.iloc[1:], folder / "train.parquet")


def show_a_held_out_pair(entity: str, part: str) -> Callable[[Path], None]:
    """A prompt with the review of a pair of another part, lineage and all."""

    def change(folder: Path) -> None:
        user, item = next(
            (u, i) for u in range(USERS) for i in range(ITEMS) if (u * 3 + i) % 2 == 0 and part_of(u, i) == part
        )
        index = item if entity == "item" else user
        prompts, shown = read_frame(folder / "prompts.parquet"), read_frame(folder / "shown.parquet")
        at = prompts.index[prompts["entity_idx"] == index][0]
        sources = json.loads(prompts.loc[at, "sources"])
        sources.append(
            {"source_id": "r9", "kind": "review", "user_idx": user, "item_idx": item, "text": usual_text(user, item)}
        )
        prompts.loc[at, "sources"] = json.dumps(sources)
        row = {"entity_idx": index, "user_idx": user, "item_idx": item, "source_id": "r9"}
        write_rows(prompts.to_dict("records"), PROMPT_TYPES, folder / "prompts.parquet")
        write_rows(pd.concat([shown, pd.DataFrame([row])]).to_dict("records"), SHOWN_TYPES, folder / "shown.parquet")

    return change


def hide_the_pair_of_a_summary(folder: Path) -> None:
    """A summary in a user's prompt that claims to belong to no pair."""
    prompts = read_frame(folder / "prompts.parquet")
    sources = json.loads(prompts.loc[0, "sources"])
    sources.append({"source_id": "i9", "kind": "summary", "user_idx": None, "item_idx": None, "text": "said in test"})
    prompts.loc[0, "sources"] = json.dumps(sources)
    write_rows(prompts.to_dict("records"), PROMPT_TYPES, folder / "prompts.parquet")


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))


def test_f32_an_untouched_chain_is_found_in_order(lake: Lake) -> None:
    found = ancestry_findings(lake, DATASET)
    assert list(found) == list(CHAIN)
    assert broken(found) == []
    assert up_to("user_prompts") == ("item_prompts", "item_motivations", "user_prompts")


@pytest.mark.parametrize("entity", ["item", "user"])
@pytest.mark.parametrize("part", ["validation", "test"])
def test_f32_a_held_out_pair_in_a_prompt_is_found(lake: Lake, entity: str, part: str) -> None:
    rewrite(lake, f"{entity}_prompts", show_a_held_out_pair(entity, part))
    findings = prompt_findings(entity, folder_of(lake, f"{entity}_prompts"), folder_of(lake, "split"))  # type: ignore[arg-type]
    assert [finding.rule for finding in failed(findings)] == ["every text shown belongs to a train pair"]


def test_f32_a_summary_without_a_pair_in_a_users_prompt_is_found(lake: Lake) -> None:
    rewrite(lake, "user_prompts", hide_the_pair_of_a_summary)
    findings = prompt_findings("user", folder_of(lake, "user_prompts"), folder_of(lake, "split"))
    assert [finding.rule for finding in failed(findings)] == ["every text shown has its lineage"]


def test_f32_a_split_that_changed_after_the_prompts_is_found_along_the_chain(lake: Lake) -> None:
    rewrite(lake, "split", move_a_train_pair_to_validation)
    assert broken(ancestry_findings(lake, DATASET)) == [
        "item_prompts: made from the split and the texts of now",
        "user_prompts: made from the split and the texts of now",
        "user_motivations: made from the split and the texts of now",
    ]


def test_f32_item_summaries_from_an_older_split_are_found_in_front_of_users_prompts(home: Path) -> None:
    """The user prompts are new and show train pairs only, but the summaries in them were written about another part."""
    lake = shop_in_lake(home)
    assert run(MOTIVATIONS[:2]).success
    rewrite(lake, "split", move_a_train_pair_to_validation)
    assert run([MOTIVATIONS[2]]).success
    own = prompt_findings("user", folder_of(lake, "user_prompts"), folder_of(lake, "split"))
    assert failed(own) == []
    assert broken(ancestry_findings(lake, DATASET, up_to("user_prompts"))) == [
        "item_prompts: made from the split and the texts of now"
    ]


def test_f32_item_summaries_that_changed_after_the_users_prompts_are_found(lake: Lake) -> None:
    def say_something_else(folder: Path) -> None:
        shutil.copy(folder_of(lake, "user_motivations") / "motivations.parquet", folder / "motivations.parquet")

    rewrite(lake, "item_motivations", say_something_else)
    assert broken(ancestry_findings(lake, DATASET)) == ["user_prompts: made from the split and the texts of now"]


@pytest.mark.parametrize("name", ["prompts.parquet", "shown.parquet"])
def test_f21_f32_a_file_edited_in_place_is_found_though_its_size_is_the_same(lake: Lake, name: str) -> None:
    flip_a_byte(folder_of(lake, "user_prompts") / name)
    assert lake.record(Address("user_prompts", DATASET)) is not None
    assert broken(ancestry_findings(lake, DATASET)) == ["user_prompts: files are as they were written"]


def test_f21_a_file_cut_short_takes_the_partition_out_of_the_lake(lake: Lake) -> None:
    path = folder_of(lake, "item_motivations") / "motivations.parquet"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(LmmrecError, match="make it with `lmmrec run demo`"):
        lake.read(Address("item_motivations", DATASET))
    assert "item_motivations: files are as they were written" in broken(ancestry_findings(lake, DATASET))


MUTATIONS: dict[str, tuple[Callable[[Lake], None], str]] = {
    "held-out pair": (
        lambda lake: rewrite(lake, "user_prompts", show_a_held_out_pair("user", "test")),
        "user_prompts: every text shown belongs to a train pair",
    ),
    "older split": (
        lambda lake: rewrite(lake, "split", move_a_train_pair_to_validation),
        "item_prompts: made from the split and the texts of now",
    ),
    "edited lineage": (
        lambda lake: flip_a_byte(folder_of(lake, "item_prompts") / "shown.parquet"),
        "item_prompts",
    ),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_f32_the_gate_closes_on_a_poisoned_lineage(lake: Lake, name: str) -> None:
    mutate, rule = MUTATIONS[name]
    shutil.rmtree(folder_of(lake, "validated_motivations"))
    mutate(lake)
    result = run([MOTIVATIONS[4]])
    assert not result.success
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert rule in str(failure.event_specific_data)
    assert lake.record(Address("validated_motivations", DATASET)) is None


def test_f32_checks_withdraw_prompts_of_an_older_split(lake: Lake) -> None:
    """Whoever materializes the split alone and then the users' motivations does not get them."""
    rewrite(lake, "split", move_a_train_pair_to_validation)
    checks = [check for check in EVERYTHING if isinstance(check, dg.AssetChecksDefinition)]
    result = run([MOTIVATIONS[2], MOTIVATIONS[3], *checks[:4]])
    assert not result.success
    assert made(result) == {"user_prompts"}
    assert "made from the split" in (lake.withdrawn(Address("user_prompts", DATASET)) or "")
