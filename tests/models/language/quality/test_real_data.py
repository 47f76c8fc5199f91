"""The rules keep quiet on good texts: written by language models (Last.fm), and quoted from reviews of three shops."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scipy.sparse import load_npz

from assets.motivations.config import PromptConfig
from assets.motivations.prompts import render
from models.language.chat import Answered, Source
from models.language.extractive import ExtractiveModel
from models.language.quality import hard, judge_answer, judge_case
from models.language.quality.case import Case
from models.language.quality.grounding import support_of
from models.language.quality.near_duplicates import near_another

pytestmark = pytest.mark.real_data
FALSE_ALARMS = 0.005
"""Share of good rows that may be refused, at most."""


def lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


@pytest.fixture(scope="module")
def lastfm(shared_data: Path) -> list[Case]:
    """What a language model wrote about each listener, beside what it was told about their artists."""
    folder = shared_data / "lastfm_llm"
    with gzip.open(folder / "artists.dat.gz", "rt", encoding="utf-8", errors="replace") as file:
        names = dict(line.split("\t")[:2] for line in file)
    sources = {
        row["iid"]: (names.get(row["lastfm_artistID"], ""), row["text"])
        for row in lines(folder / "item_profile.jsonl.gz")
    }
    train = load_npz(folder / "train_mat.npz").tocsr()
    cases = []
    for row in lines(folder / "user_profile.jsonl.gz"):
        shown = [
            Source(f"i{item}", kind, text)
            for item in train[row["uid"]].indices
            for kind, text in zip(("title", "summary"), sources[item], strict=True)
        ]
        cases.append(Case(row["text"], sources=tuple(shown)))
    return cases


def test_texts_that_a_model_wrote_from_their_sources_pass(lastfm: list[Case]) -> None:
    """What is left are names that stand nowhere in the sources: bands that the model added (1 in 230)."""
    found = Counter(flaw.rule for case in lastfm for flaw in judge_case(case))
    assert len(lastfm) > 1_800
    assert set(found) <= {"invented name"}
    assert found["invented name"] <= FALSE_ALARMS * len(lastfm)


def test_texts_about_somebody_else_are_told_by_the_names_in_them(lastfm: list[Case]) -> None:
    exchanged = [
        Case(case.summary, sources=other.sources)
        for case, other in zip(lastfm, lastfm[700:] + lastfm[:700], strict=True)
    ]
    assert sum(bool(hard(judge_case(case))) for case in exchanged[::10]) > 0.85 * len(exchanged[::10])


def test_support_is_far_above_the_bound_for_texts_about_their_sources(lastfm: list[Case]) -> None:
    shares = sorted(map(support_of, lastfm))
    assert shares[0] > 0.5
    assert shares[len(shares) // 200] > 0.7


def test_imported_texts_pass_unless_they_are_in_another_script(shared_data: Path) -> None:
    texts = [row["text"] for row in lines(shared_data / "lastfm_llm" / "item_profile.jsonl.gz")]
    assert [judge_case(Case(text, origin="imported")) for text in texts] == [[]] * len(texts)
    refused = [text for text in texts if judge_case(Case(text))]
    latin = [sum(char.isalpha() and char < "\u0250" for char in text) / sum(map(str.isalpha, text)) for text in refused]
    assert 0 < len(refused) < 0.01 * len(texts)
    assert max(latin) < 0.6


def test_few_good_texts_look_like_another(shared_data: Path) -> None:
    for entity, most in (("user", 0.12), ("item", 0.01)):
        texts = [row["text"] for row in lines(shared_data / "lastfm_llm" / f"{entity}_profile.jsonl.gz")]
        assert near_another(texts).mean() < most


def reviews(data: Path, shop: str) -> list[str]:
    if shop == "yelp":
        return [row["text"] for row in lines(data / "yelp_raw" / "yelp_academic_dataset_review.sample2.json.gz")]
    if shop == "steam":
        return [row["review"] for row in lines(data / "steam_raw" / "Football_Manager_2015.jsonlines.gz")]
    return [row.get("reviewText", "") for row in lines(data / "amazon_raw" / "Gift_Cards_5.json.gz")]


@pytest.mark.parametrize("shop", ["yelp", "steam", "gift cards"])
def test_no_text_quoted_from_a_review_is_refused(shared_data: Path, shop: str) -> None:
    requests = [
        render("item", str(at), [Source("r1", "review", text)], PromptConfig())
        for at, text in enumerate(reviews(shared_data, shop)[:1_500])
    ]
    answers = [outcome for outcome in ExtractiveModel().complete(requests) if isinstance(outcome, Answered)]
    assert len(answers) > 0.9 * len(requests)
    flaws = [hard(judge_answer(requests[int(one.id)], one.answer, origin="extracted")) for one in answers]
    assert [flaw for found in flaws for flaw in found] == []


@pytest.mark.parametrize("shop", ["yelp", "steam", "gift cards"])
def test_rules_for_models_are_not_set_off_by_how_people_write(shared_data: Path, shop: str) -> None:
    """Reviews as if a model had written them: customers who cannot do things, prices, hearts, shouting."""
    texts = [text for text in reviews(shared_data, shop)[:1_500] if len(text.split()) > 5]
    found = Counter(
        flaw.rule for text in texts for flaw in judge_case(Case(text)) if flaw.rule in {"refusal", "other language"}
    )
    assert sum(found.values()) <= FALSE_ALARMS * len(texts), found
