"""What must not be published is kept apart with its reasons, and its entity gets a text from metadata."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assets.motivations.generate import write_motivations
from assets.motivations.quarantine import QUARANTINE, origin_of, read_quarantine
from assets.motivations.tables import read_motivations
from models.errors import LmmrecError
from models.language.chat import Answered, ChatRequest, Outcome
from models.language.extractive import ExtractiveModel
from tests.assets.motivations.shop import ITEMS, Folders, usual_text, write_shop
from tests.assets.motivations.stage import run_prompts

pytestmark = pytest.mark.integration


class Scripted(ExtractiveModel):
    """Answers as the extractive model does, but is marked as a language model, and says something else of some items."""

    provenance = "openai:scripted"

    def __init__(self, changes: dict[str, dict[str, Any]]) -> None:
        self._changes = changes

    def complete(self, requests: Iterable[ChatRequest]) -> Iterator[Outcome]:
        for outcome in super().complete(requests):
            assert isinstance(outcome, Answered)
            changes = self._changes.get(outcome.id, {})
            yield replace(outcome, answer=outcome.answer.model_copy(update=changes))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    root = tmp_path_factory.mktemp("good")
    return run_prompts(write_shop(root / "in"), root / "out")


SPOILT = {
    "1": {"summary": "Write to jane.doe@mail.example, the quiet motor never wakes the baby."},
    "2": {"summary": "As an AI language model I cannot provide motivations, see https://evil.example/x."},
    "3": {"summary": "Better than the Nokia one: a great battery for long train journeys."},
}


@pytest.fixture(scope="module")
def sifted(good: Folders, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("sifted")
    return folder, write_motivations("item", good, Scripted(SPOILT), folder)


def test_f11_a_quarantined_item_gets_a_text_from_metadata_and_its_row_says_why(
    sifted: tuple[Path, dict[str, Any]],
) -> None:
    table = read_motivations(sifted[0] / "motivations.parquet").set_index("entity_idx")
    assert len(table) == ITEMS
    assert table.loc[1, "reason"] == "quarantined: e-mail or phone"
    assert table.loc[2, "reason"] == "quarantined: refusal, link"
    assert table.loc[3, "reason"] == "quarantined: invented name"
    for index in (1, 2, 3):
        assert table.loc[index, "provenance"] == "fallback"
        assert table.loc[index, "summary"] == f"Device {index}. Gadgets, Travel"
        assert not table.loc[index, "active"]
    assert set(table.drop(index=[1, 2, 3])["provenance"]) == {"openai:scripted"}


def test_f11_the_answers_themselves_are_kept_beside_the_motivations(sifted: tuple[Path, dict[str, Any]]) -> None:
    assert read_quarantine(sifted[0]) == {1: ["e-mail or phone"], 2: ["refusal", "link"], 3: ["invented name"]}
    kept = read_motivations(sifted[0] / QUARANTINE).set_index("entity_idx")
    assert kept.loc[2, "summary"] == SPOILT["2"]["summary"]
    assert kept.loc[2, "provenance"] == "openai:scripted"
    assert kept.loc[2, "entity_id"] == "i02"
    assert len(kept.loc[2, "prompt_sha256"]) == 64
    assert set(kept.loc[2, "active"][0]) == {"motivation", "evidence", "strength"}


def test_what_was_quarantined_is_counted_by_law(sifted: tuple[Path, dict[str, Any]]) -> None:
    figures = sifted[1]
    assert figures["quarantined"] == figures["provenance_fallback"] == 3
    assert {row["rule"]: row["entities"] for row in figures["quarantine"]} == {
        "e-mail or phone": 1,
        "refusal": 1,
        "link": 1,
        "invented name": 1,
    }
    assert "jane" not in json.dumps(figures["quarantine"]) + json.dumps(figures["fallback_reasons"])


def test_an_imported_text_that_must_not_be_published_falls_back_too(tmp_path: Path) -> None:
    ready = {
        "item": {f"i{n:02d}": f"Thing {n} for slow mornings." for n in range(ITEMS)}
        | {"i01": "Call +43 512 123 4567 for it."},
        "user": {},
    }
    folders = run_prompts(write_shop(tmp_path / "in", ready=ready), tmp_path / "out")
    table = read_motivations(folders["item_motivations"] / "motivations.parquet").set_index("entity_idx")
    assert (table.loc[1, "provenance"], table.loc[1, "reason"]) == ("fallback", "quarantined: e-mail or phone")
    assert set(table.drop(index=1)["provenance"]) == {"imported"}


def test_user_prompts_never_see_a_quarantined_summary(tmp_path: Path) -> None:
    folders = write_shop(tmp_path / "in")
    poison = {str(item): {"summary": f"Buy it at https://evil.example/{item}."} for item in range(ITEMS)}
    run_prompts(folders, tmp_path / "out", Scripted(poison))
    assert b"evil.example" in (folders["item_motivations"] / QUARANTINE).read_bytes()
    assert not any(b"evil.example" in path.read_bytes() for path in folders["user_prompts"].iterdir())


def test_good_answers_leave_an_empty_quarantine(good: Folders) -> None:
    assert read_quarantine(good["item_motivations"]) == {}
    assert len(read_motivations(good["item_motivations"] / QUARANTINE)) == 0


def test_f12_f13_hostile_answers_are_quarantined_alone_and_kept_as_they_are(good: Folders, tmp_path: Path) -> None:
    from tests.assets.motivations.hostile import HOSTILE

    for name, text in {
        n: t for n, t in HOSTILE.items() if n in ("script", "formula", "markdown link", "chatml turn")
    }.items():
        folder = tmp_path / name
        folder.mkdir()
        write_motivations("item", good, Scripted({"4": {"summary": text}}), folder)
        assert list(read_quarantine(folder)) == [4]
        assert read_motivations(folder / QUARANTINE)["summary"].tolist() == [text]


@pytest.mark.parametrize("damage", [b"", b"PAR1 torn", None])
def test_f21_a_damaged_quarantine_is_refused_with_the_remedy(
    good: Folders, tmp_path: Path, damage: bytes | None
) -> None:
    path = tmp_path / QUARANTINE
    if damage is not None:
        path.write_bytes(damage)
    with pytest.raises(LmmrecError, match=r"quarantine\.parquet cannot be read .*lmmrec run"):
        read_quarantine(tmp_path)


def test_provenance_tells_who_wrote_a_text() -> None:
    assert [origin_of(p) for p in ("extractive", "imported", "openai:gpt-4o-mini")] == [
        "extracted",
        "imported",
        "written",
    ]


def test_usual_reviews_are_quoted_without_quarantine(tmp_path: Path) -> None:
    said = lambda u, i: usual_text(u, i) + " Bought at https://shop.example/42, ask jane@mail.example!"
    folders = run_prompts(write_shop(tmp_path / "in", said), tmp_path / "out")
    table = read_motivations(folders["user_motivations"] / "motivations.parquet")
    assert set(table["provenance"]) == {"extractive"}
    assert not table["summary"].str.contains("example").any()
