"""The extractive model: deterministic, grounded, the schema of a real answer, and honest about what it is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.motivations.config import PromptConfig
from assets.motivations.prompts import render
from models.language.chat import Answered, ChatRequest, Source, Unanswered
from models.language.extractive import ExtractiveModel
from models.language.motivation import MotivationAnswer

pytestmark = pytest.mark.unit


def request_of(*texts: str, kind: str = "review", name: str = "0") -> ChatRequest:
    sources = [Source(f"r{n}", kind, text) for n, text in enumerate(texts, 1)]
    return render("item", name, [Source("title", "title", "Blue kettle"), *sources], PromptConfig())


def answer_of(request: ChatRequest) -> MotivationAnswer:
    (outcome,) = ExtractiveModel().complete([request])
    assert isinstance(outcome, Answered)
    return outcome.answer


def test_praise_is_active_and_complaint_is_passive() -> None:
    answer = answer_of(
        request_of("I love the gentle morning light.", "The handle is awful and broke, terrible plastic.")
    )
    assert any("morning" in motivation.motivation for motivation in answer.active)
    assert any("handle" in m.motivation or "plastic" in m.motivation for m in answer.passive)
    assert not any("morning" in motivation.motivation for motivation in answer.passive)


def test_evidence_names_the_source_that_says_it() -> None:
    answer = answer_of(request_of("Great for camping trips.", "Wonderful violin sound."))
    by_phrase = {motivation.motivation.lower(): motivation.evidence for motivation in answer.active}
    assert any(evidence == ("r1",) for phrase, evidence in by_phrase.items() if "camping" in phrase)
    assert any(evidence == ("r2",) for phrase, evidence in by_phrase.items() if "violin" in phrase)


def test_the_summary_is_made_of_title_and_own_sentences_praise_first() -> None:
    answer = answer_of(request_of("The lid broke, terrible.", "I love the gentle light."))
    assert answer.summary == "Blue kettle. I love the gentle light. The lid broke, terrible."


def test_sentences_that_everybody_writes_give_way_to_telling_ones() -> None:
    filler = " ".join(
        f"The {thing} came on a normal day and was just as it always is." for thing in ("parcel", "box") * 3
    )
    filler += " Our courier rang the bell and left with a nod as couriers in this town usually do."
    filler += " We had seen it in the window of the shop and went back the next day to order one."
    filler += " My neighbour signed for the delivery, put it in front of our door and went home again."
    words = ("Camping", "Violin", "Gardening", "Baking")
    requests = [request_of(f"{filler} {word} trips need it.", name=word) for word in words]
    for outcome in ExtractiveModel().complete(requests):
        assert isinstance(outcome, Answered)
        assert f"{outcome.id} trips need it." in outcome.answer.summary
        assert not all(
            sentence in outcome.answer.summary for sentence in ("parcel came", "courier", "window", "neighbour")
        )


def test_equal_requests_give_equal_answers() -> None:
    requests = [request_of(f"Nice for {word} at night.", name=word) for word in ("tea", "soup", "stars")]
    assert list(ExtractiveModel().complete(requests)) == list(ExtractiveModel().complete(requests))


def test_sources_without_words_are_not_answered() -> None:
    request = render("user", "0", [Source("i1", "review", "!!! 123 …")], PromptConfig())
    (outcome,) = ExtractiveModel().complete([request])
    assert isinstance(outcome, Unanswered)
    assert not outcome.retryable


def test_it_says_that_no_language_model_was_asked() -> None:
    assert ExtractiveModel().provenance == "extractive"
    assert "No LLM was asked" in answer_of(request_of("Lovely soft towel.")).reasoning[0]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=200), min_size=1, max_size=4))
def test_whatever_strangers_write_gives_a_valid_grounded_answer_or_none(texts: list[str]) -> None:
    request = request_of(*texts)
    (outcome,) = ExtractiveModel().complete([request])
    if isinstance(outcome, Answered):
        shown = {source.source_id for source in request.sources}
        cited = {s for m in (*outcome.answer.active, *outcome.answer.passive) for s in m.evidence}
        assert cited <= shown
        assert 0 < len(outcome.answer.summary.split()) <= request.max_words
        assert MotivationAnswer.model_validate(outcome.answer.model_dump()) == outcome.answer


def test_f11_f13_what_leads_away_is_not_quoted_and_the_rest_of_the_source_is() -> None:
    answer = answer_of(
        request_of(
            "Lovely soft towel for the beach. Ask jane.doe@mail.example for it! See https://evil.example/x now. Dries fast.",
            "Call +43 512 123 4567 at once. The colour fades.",
        )
    )
    said = answer.model_dump_json()
    assert all(word in said for word in ("soft towel", "Dries fast", "colour fades"))
    assert not any(word in said for word in ("jane", "evil", "512"))


def test_a_title_that_leads_away_is_left_out_and_one_with_a_domain_name_stays() -> None:
    review = Source("r1", "review", "A gentle light for the night.")
    for title, kept in (("Lamp https://evil.example/x", False), ("Amazon.com lamp", True)):
        answer = answer_of(render("item", "0", [Source("title", "title", title), review], PromptConfig()))
        assert (title in answer.summary) is kept
        assert "gentle light" in answer.summary
