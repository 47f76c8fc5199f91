"""Damaged files and unusable homes: one sentence with the remedy, before anything is paid for."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from assets.lake import Address, Lake
from assets.motivations.assets import ASSETS as MOTIVATIONS
from assets.motivations.tables import read_answered, read_motivations, read_requests
from assets.tables import write_frame
from models.errors import LmmrecError
from tests.assets.motivations.dagster_stage import DATASET, EVERYTHING, run, shop_in_lake
from tests.assets.motivations.shop import ITEMS
from tests.llm_server import Endpoint, running_endpoint

pytestmark = pytest.mark.slow

READERS: dict[str, Callable[[Path], Any]] = {
    "prompts": lambda folder: list(read_requests(folder, "item", "1")),
    "motivations": lambda folder: read_motivations(folder / "motivations.parquet"),
    "both": lambda folder: list(read_answered(folder, folder, "item", "1")),
}


def torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def of_another_version(path: Path) -> None:
    import pandas as pd

    write_frame(pd.DataFrame({"something": ["else"]}), path)


DAMAGES: dict[str, Callable[[Path], None]] = {
    "zero bytes": lambda path: path.write_bytes(b"") and None,
    "torn": torn,
    "no Parquet": lambda path: path.write_text("entity_idx,summary\n0,good\n") and None,
    "another version": of_another_version,
    "gone": lambda path: path.unlink(),
}


@pytest.fixture(scope="module")
def good_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("good") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LMMREC_HOME", str(home))
        shop_in_lake(home)
        assert run(MOTIVATIONS[:2]).success
    return home


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("reader", READERS)
def test_f21_a_damaged_file_is_refused_by_name_with_the_remedy(
    good_home: Path, tmp_path: Path, reader: str, damage: str
) -> None:
    for asset in ("item_prompts", "item_motivations"):
        shutil.copytree(Lake(good_home).path(Address(asset, DATASET)), tmp_path, dirs_exist_ok=True)
    name = "prompts.parquet" if reader == "prompts" else "motivations.parquet"
    DAMAGES[damage](tmp_path / name)
    if (reader, damage) == ("motivations", "another version"):
        assert "summary" not in read_motivations(tmp_path / name)
        return
    with pytest.raises(LmmrecError, match=rf"{name} cannot be read .*`lmmrec run`"):
        READERS[reader](tmp_path)


def test_f21_the_next_step_says_in_one_sentence_what_is_damaged(good_home: Path, home: Path) -> None:
    shutil.copytree(good_home, home, dirs_exist_ok=True)
    path = Lake(home).path(Address("item_motivations", DATASET)) / "motivations.parquet"
    path.write_bytes(b"\0" * path.stat().st_size)
    result = run([MOTIVATIONS[2]])
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "motivations.parquet cannot be read" in str(failure.event_specific_data)


@pytest.fixture(scope="module")
def llm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with running_endpoint(tmp_path_factory.mktemp("endpoint")) as endpoint:
        yield endpoint


def no_staging(home: Path) -> None:
    """A lake that cannot be written, for root, too: a file stands where its folder should be."""
    shutil.rmtree(home / "lake" / ".staging", ignore_errors=True)
    (home / "lake" / ".staging").write_text("")


def no_store(home: Path) -> None:
    (home / "llm.sqlite").mkdir()


@pytest.mark.parametrize(("spoil", "said"), [(no_staging, "set LMMREC_HOME"), (no_store, "llm.sqlite")])
def test_f22_a_home_that_cannot_be_written_is_said_before_any_paid_call(
    good_home: Path,
    home: Path,
    llm: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Path], None],
    said: str,
) -> None:
    shutil.copytree(good_home, home, dirs_exist_ok=True)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-damage-secret")
    calls = len(llm.calls())
    spoil(home)
    result = run([MOTIVATIONS[1]], chat="openai", openai_base_url=llm.base_url)
    assert not result.success
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert said in str(failure.event_specific_data)
    assert "sk-test-damage-secret" not in str(failure.event_specific_data)
    assert len(llm.calls()) == calls


@pytest.mark.parametrize("name", ["my höme 目录", 'it\'s a "home"; drop table', "100% of $HOME {x}", "a#b=c&d [e] *?"])
def test_f22_a_home_may_have_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    home = tmp_path / name
    monkeypatch.setenv("LMMREC_HOME", str(home))
    lake = shop_in_lake(home)
    result = run(EVERYTHING)
    assert result.success
    record = lake.record(Address("item_motivations", DATASET))
    assert record is not None
    assert record.metadata["provenance_extractive"] == ITEMS


def test_f22_a_home_behind_a_link_is_the_same_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.setenv("LMMREC_HOME", str(tmp_path / "link"))
    shop_in_lake(tmp_path / "link")
    assert run(MOTIVATIONS).success
    assert Lake(tmp_path / "real").record(Address("validated_motivations", DATASET)) is not None
