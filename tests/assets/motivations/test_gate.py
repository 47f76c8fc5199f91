"""Each rule of the gate can fail, each keeps quiet on good data, and nothing bad is published."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from assets.expectations import Finding, failed
from assets.motivations.gate import gate_findings
from assets.motivations.lineage import prompt_findings
from assets.motivations.publish import publish
from assets.motivations.quarantine import QUARANTINE, QUARANTINE_TYPES
from assets.motivations.rules import motivation_findings
from assets.motivations.tables import MOTIVATION_TYPES, PROMPT_TYPES, SHOWN_TYPES, read_motivations, write_rows
from assets.tables import read_frame
from models.errors import LmmrecError
from models.language.chat import ChatRequest, Expense, Outcome, Unanswered
from models.language.extractive import ExtractiveModel
from tests.assets.motivations.shop import Folders, part_of, usual_text, write_shop
from tests.assets.motivations.stage import LIMITS, run_gate, run_prompts

pytestmark = pytest.mark.integration


def said(user: int, item: int) -> str:
    """A review that shares few of its words with others."""
    words = [f"{'bdfgklmn'[item]}{'aeiou'[n]}{'prstvwxzcbdf'[user]}{'oui'[n % 3]}" for n in range(5)]
    return f"{usual_text(user, item)} {' '.join(words)} {' '.join(words[::-1])} agree. So do {' and '.join(words)}."


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    root = tmp_path_factory.mktemp("good")
    return run_prompts(write_shop(root / "in", said), root / "out")


@pytest.fixture
def folders(good: Folders, tmp_path: Path) -> Folders:
    """A copy that a test may spoil."""
    return {name: Path(shutil.copytree(path, tmp_path / name)) for name, path in good.items()}


def spoil_prompts(
    folders: Folders, change: Callable[[pd.DataFrame, pd.DataFrame], tuple[pd.DataFrame, pd.DataFrame]]
) -> None:
    folder = folders["item_prompts"]
    prompts, shown = change(read_frame(folder / "prompts.parquet"), read_frame(folder / "shown.parquet"))
    write_rows(prompts.to_dict("records"), PROMPT_TYPES, folder / "prompts.parquet")
    write_rows(shown.to_dict("records"), SHOWN_TYPES, folder / "shown.parquet")


def spoil_motivations(folders: Folders, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    path = folders["item_motivations"] / "motivations.parquet"
    frame = change(read_motivations(path))
    for name in ("active", "passive", "reasoning"):
        frame[name] = [json.dumps(value) for value in frame[name]]
    write_rows(frame.to_dict("records"), MOTIVATION_TYPES, path)


def of_prompts(folders: Folders) -> list[Finding]:
    return prompt_findings("item", folders["item_prompts"], folders["split"])


def of_motivations(folders: Folders) -> list[Finding]:
    return motivation_findings("item", folders["item_motivations"], folders["item_prompts"], folders, LIMITS)


def test_good_data_fails_no_rule_and_raises_no_warning(good: Folders) -> None:
    found = [finding for findings in gate_findings(good, LIMITS).values() for finding in findings]
    assert len(found) > 20
    assert [finding for finding in found if not finding.passed] == []


def test_good_data_is_published_with_its_verdict(good: Folders, tmp_path: Path) -> None:
    folders = run_gate(dict(good), tmp_path)
    verdict = json.loads((folders["validated_motivations"] / "gate.json").read_text())
    assert verdict["passed"]
    for entity in ("user", "item"):
        published = folders["validated_motivations"] / f"{entity}s.parquet"
        assert published.read_bytes() == (folders[f"{entity}_motivations"] / "motivations.parquet").read_bytes()


def leak_lineage(prompts: pd.DataFrame, shown: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    held_out = next((u, i) for u in range(12) for i in range(8) if (u * 3 + i) % 2 == 0 and part_of(u, i) == "test")
    row = {"entity_idx": held_out[1], "user_idx": held_out[0], "item_idx": held_out[1], "source_id": "r9"}
    return prompts, pd.concat([shown, pd.DataFrame([row])])


def leak_hidden(prompts: pd.DataFrame, shown: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A rendered source from a validation pair that the lineage table does not mention."""
    item = int(prompts["entity_idx"].iloc[0])
    user = next(u for u in range(12) if (u * 3 + item) % 2 == 0 and part_of(u, item) == "validation")
    sources = json.loads(prompts["sources"].iloc[0])
    sources.append({"source_id": "r9", "kind": "review", "user_idx": user, "item_idx": item, "text": "x"})
    prompts.loc[prompts.index[0], "sources"] = json.dumps(sources)
    return prompts, shown


PROMPT_FAULTS = {
    "every text shown belongs to a train pair": leak_lineage,
    "every text shown has its lineage": lambda prompts, shown: (prompts, shown.iloc[1:]),
    "one prompt an entity": lambda prompts, shown: (pd.concat([prompts, prompts.iloc[:1]]), shown),
    "a prompt shows pairs of its own item only": lambda prompts, shown: (
        prompts.assign(entity_idx=prompts["entity_idx"].iloc[::-1].to_list()),
        shown,
    ),
    "every prompt has its hash": lambda prompts, shown: (prompts.assign(prompt_sha256="short"), shown),
    "no prompt is empty": lambda prompts, shown: (prompts.assign(estimated_tokens=0), shown),
    "no prompt has more than 6,000 tokens": lambda prompts, shown: (prompts.assign(estimated_tokens=6_001), shown),
}


@pytest.mark.parametrize("rule", PROMPT_FAULTS)
def test_each_prompt_rule_can_fail(folders: Folders, rule: str) -> None:
    spoil_prompts(folders, PROMPT_FAULTS[rule])
    assert rule in [finding.rule for finding in failed(of_prompts(folders))]


def test_a_leak_that_the_lineage_table_hides_is_found_in_the_rendered_sources(folders: Folders) -> None:
    spoil_prompts(folders, leak_hidden)
    rules = [finding.rule for finding in failed(of_prompts(folders))]
    assert "every text shown belongs to a train pair" in rules
    assert "every text shown has its lineage" in rules


def foreign(frame: pd.DataFrame) -> pd.DataFrame:
    frame["active"] = [[{**m, "evidence": ["r77"]} for m in side] for side in frame["active"]]
    return frame


def ungrounded(frame: pd.DataFrame) -> pd.DataFrame:
    for side in ("active", "passive"):
        frame[side] = [[{**m, "evidence": []} for m in listed] for listed in frame[side]]
    return frame


MOTIVATION_FAULTS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "one row for each of the 8 items": lambda frame: frame.iloc[:-1],
    "no entity twice": lambda frame: frame.assign(entity_idx=0),
    "indices of the split": lambda frame: frame.assign(entity_idx=frame["entity_idx"] + 1),
    "every entity has a summary": lambda frame: frame.assign(summary=[None, *frame["summary"].iloc[1:]]),
    "no summary is empty or endless": lambda frame: frame.assign(summary=["", *frame["summary"].iloc[1:]]),
    "written summaries keep to about 200 words": lambda frame: frame.assign(summary="word " * 301),
    "no published answer breaks a law that forbids it": foreign,
    "at most 20% of the items carry a fallback text": lambda frame: frame.assign(
        provenance=["fallback"] * 2 + ["extractive"] * 6
    ),
    "at least 95% of the prompts have a valid answer": lambda frame: frame.assign(
        provenance=["fallback"] + ["extractive"] * 7
    ),
}


@pytest.mark.parametrize("rule", MOTIVATION_FAULTS)
def test_each_motivation_rule_can_fail(folders: Folders, rule: str) -> None:
    spoil_motivations(folders, MOTIVATION_FAULTS[rule])
    assert rule in [finding.rule for finding in failed(of_motivations(folders))]


def test_a_quarantined_answer_that_is_published_nevertheless_fails(folders: Folders) -> None:
    row = dict.fromkeys(QUARANTINE_TYPES) | {"entity_idx": 3, "rules": '["link"]'}
    write_rows([row], QUARANTINE_TYPES, folders["item_motivations"] / QUARANTINE)
    assert [finding.rule for finding in failed(of_motivations(folders))] == ["no quarantined answer is published"]


def in_written_words(change: Callable[[int, Any], Any]) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """The table as if a language model had written it, with each row changed."""

    def changed(frame: pd.DataFrame) -> pd.DataFrame:
        rows = [change(at, row | {"provenance": "openai:x"}) for at, row in enumerate(frame.to_dict("records"))]
        return pd.DataFrame(rows, columns=frame.columns)

    return changed


COLLAPSES: dict[str, tuple[Callable[[int, Any], Any], Callable[[int, Any], Any]]] = {
    "the model does not answer the same for everybody": (
        lambda at, row: (
            row | {"summary": "Loved for the quiet motor that never wakes the baby, and for a great battery."}
        ),
        lambda at, row: row,
    ),
    "few answers list one motivation for and against": (
        lambda at, row: row | {"passive": [{**m, "motivation": m["motivation"].upper()} for m in row["active"][:1]]},
        lambda at, row: row if at else row | {"passive": row["active"][:1]},
    ),
    "few answers contradict, repeat or ramble": (
        lambda at, row: row | {"active": row["active"][:1] * 2},
        lambda at, row: row if at else row | {"active": row["active"][:1] * 2},
    ),
}


def broken_rules(folders: Folders) -> list[str]:
    findings = of_motivations(folders)
    return [finding.rule for finding in (*failed(findings), *failed(findings, "warning"))]


@pytest.mark.parametrize("rule", COLLAPSES)
def test_what_only_the_whole_table_shows_closes_the_gate_and_single_rows_do_not(
    folders: Folders, rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assets.motivations.rules.MAX_CONTRADICTING", 0.2)
    bad, good = COLLAPSES[rule]
    path = folders["item_motivations"] / "motivations.parquet"
    kept = path.read_bytes()
    spoil_motivations(folders, in_written_words(bad))
    assert rule not in broken_rules(folders)
    monkeypatch.setattr("assets.motivations.rules.FEW", 5)
    assert rule in broken_rules(folders)
    path.write_bytes(kept)
    spoil_motivations(folders, in_written_words(good))
    assert rule not in broken_rules(folders)


def test_a_failed_rule_closes_the_gate_and_is_named(folders: Folders, tmp_path: Path) -> None:
    rule = "no published answer breaks a law that forbids it"
    spoil_motivations(folders, MOTIVATION_FAULTS[rule])
    (tmp_path / "published").mkdir()
    with pytest.raises(LmmrecError, match="do not pass the gate") as raised:
        publish("shop", folders, LIMITS, tmp_path / "published")
    assert rule in str(raised.value)
    assert list((tmp_path / "published").iterdir()) == []


WARNINGS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "at most 20% of the summaries say what another says": lambda frame: frame.assign(
        summary="Same warm words, for all."
    ),
    "at least 90% of the motivations cite a source": ungrounded,
    "sources hold 50% of what answers say": lambda frame: frame.assign(
        provenance=["openai:x", *frame["provenance"].iloc[1:]],
        summary=[
            "A portable device with soft cover, praised by photographers for portraits, autofocus, shutters and lenses.",
            *frame["summary"].iloc[1:],
        ],
        active=[[], *frame["active"].iloc[1:]],
        passive=[[], *frame["passive"].iloc[1:]],
    ),
    "what the writers of ready texts were shown is known": lambda frame: frame.assign(provenance="imported"),
}


@pytest.mark.parametrize("rule", WARNINGS)
def test_a_warning_is_shown_and_fails_nothing(folders: Folders, rule: str) -> None:
    spoil_motivations(folders, WARNINGS[rule])
    findings = of_motivations(folders)
    assert [finding.rule for finding in failed(findings, "warning")] == [rule]
    assert failed(findings) == []


def test_sparse_words_close_the_gate_end_to_end(tmp_path: Path) -> None:
    """The simplest dataset that fails: no descriptions, and most reviews empty."""
    folders = write_shop(tmp_path / "in", lambda u, i: usual_text(u, i) if i < 2 else None, lambda i: None)
    run_prompts(folders, tmp_path / "out")
    with pytest.raises(LmmrecError, match="carry a fallback text"):
        run_gate(folders, tmp_path / "out")


class Down:
    """An endpoint that is down for most requests."""

    provenance = "openai:down"

    def complete(self, requests: Iterable[ChatRequest]) -> Iterator[Outcome]:
        for request in requests:
            yield Unanswered(request.id, "no answer after 8 attempts (HTTP 503)", retryable=True)

    def expense(self, requests: Iterable[ChatRequest]) -> Expense:
        return Expense(calls=sum(1 for _ in requests))


def test_an_outage_writes_nothing_so_that_the_next_run_asks_again(good: Folders, tmp_path: Path) -> None:
    from assets.motivations.generate import write_motivations

    with pytest.raises(LmmrecError, match="run again when the endpoint answers"):
        write_motivations("item", good, Down(), tmp_path, min_valid=0.95)
    assert list(tmp_path.iterdir()) == []


class Refusing(ExtractiveModel):
    """Refuses one entity."""

    def complete(self, requests: Iterable[ChatRequest]) -> Iterator[Outcome]:
        for outcome in super().complete(requests):
            yield Unanswered("0", "the model refused to answer") if outcome.id == "0" else outcome


def test_a_refusal_becomes_a_fallback_that_says_why(good: Folders, tmp_path: Path) -> None:
    from assets.motivations.generate import write_motivations

    counts = write_motivations("item", good, Refusing(), tmp_path, min_valid=0.95)
    row = read_motivations(tmp_path / "motivations.parquet").iloc[0]
    assert (row["provenance"], row["reason"]) == ("fallback", "the model refused to answer")
    assert counts["provenance_fallback"] == 1
    assert counts["fallback_reasons"] == [{"reason": "the model refused to answer", "entities": 1}]
