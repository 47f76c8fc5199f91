"""Motivations without a language model: key phrases, sentiment and telling sentences, all taken from the sources.

The default, which needs no key, no network and no GPU. It writes no sentence of its own: phrases come from YAKE (Campos et
al. 2020), sentiment from VADER (Hutto & Gilbert 2014), and the summary is the entity's own sentences, the rarest words
first (inverse document frequency over the requests at hand). It fills the schema of a real model's answer, and its
provenance `extractive` says everywhere that no LLM was asked.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from models.language.chat import Answered, ChatRequest, Expense, Outcome, Source, Unanswered
from models.language.motivation import Motivation, MotivationAnswer
from models.language.quality.contact import leads_away, leads_to_somebody
from models.language.text import clean, cut_words

NEGATIVE = -0.05
"""VADER's own threshold: a compound score at or below it is negative. Neutral statements count as active."""
WORDS_READ = 180
"""Words read of one entity, shared out over its sources."""
OWN_WORDS_ENOUGH = 25
"""Own words below this are filled up with summaries of items."""
SUMMARY_WORDS = 70
"""Words of the sentences that are chosen; more carry more signal, and cost phrase extractor and text encoder more time."""
MAX_ACTIVE, MAX_PASSIVE = 10, 6
_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+")
_WORD = re.compile(r"[^\W\d_]{3,}")


@dataclass(frozen=True)
class _Sentence:
    source_id: str
    text: str
    words: tuple[str, ...]
    """Lower case, three letters or more."""


class ExtractiveModel:
    """Deterministic, about 5 ms a request on one core. Answers depend on the requests that come together."""

    provenance = "extractive"

    def complete(self, requests: Iterable[ChatRequest]) -> Iterator[Outcome]:
        """One outcome for each request, in order; a request whose sources hold no words is not answered."""
        requests = list(requests)
        read = [_sentences(_material(request.sources)) for request in requests]
        rarity = _rarity(read)
        for request, sentences in zip(requests, read, strict=True):
            yield self._answer(request, sentences, rarity)

    def expense(self, requests: Iterable[ChatRequest]) -> Expense:
        """Nothing: nobody is asked."""
        return Expense(calls=0)

    def _answer(self, request: ChatRequest, sentences: Sequence[_Sentence], rarity: dict[str, float]) -> Outcome:
        if not sentences:
            return Unanswered(request.id, "the sources hold no words")
        chosen = _choose(sentences, rarity)
        sentiments = [float(self._vader.polarity_scores(sentence.text)["compound"]) for sentence in chosen]
        active, passive = self._motivations(chosen, sentiments)
        sources = len({sentence.source_id for sentence in sentences})
        answer = MotivationAnswer(
            reasoning=(f"No LLM was asked: {len(sentences)} sentences of {sources} sources were read.",),
            active=tuple(active[:MAX_ACTIVE]),
            passive=tuple(passive[:MAX_PASSIVE]),
            summary=_summary(request, chosen, sentiments),
        )
        return Answered(request.id, answer)

    def _motivations(
        self, sentences: Sequence[_Sentence], sentiments: Sequence[float]
    ) -> tuple[list[Motivation], list[Motivation]]:
        """(active, passive), each by descending weight of the phrase, phrases of several words first.

        Args:
            sentences: what was chosen.
            sentiments: VADER's compound score of each, -1 … 1.
        """
        text = "\n".join(sentence.text for sentence in sentences)
        phrases = _distinct([clean(str(phrase)) for phrase, _ in self._yake.extract_keywords(text)])
        if not phrases:
            phrases = [cut_words(sentences[0].text, 12)[:400]]
        lowered = [sentence.text.lower() for sentence in sentences]
        active: list[Motivation] = []
        passive: list[Motivation] = []
        for phrase in phrases:
            holders = [at for at, text in enumerate(lowered) if phrase.lower() in text] or [0]
            sentiment = sum(sentiments[at] for at in holders) / len(holders)
            motivation = Motivation(
                motivation=phrase,
                evidence=tuple(dict.fromkeys(sentences[at].source_id for at in holders))[:32],
                strength=round((1 + abs(sentiment)) / 2, 4),
            )
            (passive if sentiment <= NEGATIVE else active).append(motivation)
        return active, passive

    @cached_property
    def _vader(self) -> Any:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

        return SentimentIntensityAnalyzer()

    @cached_property
    def _yake(self) -> Any:
        import yake

        return yake.KeywordExtractor(lan="en", n=3, top=40, dedup_lim=1.0)


def _material(sources: Sequence[Source]) -> list[Source]:
    """Own words and descriptions; summaries of a user's items where own words are few, titles as the last resort."""
    own = [source for source in sources if source.kind in ("review", "description")]
    if sum(len(source.text.split()) for source in own) >= OWN_WORDS_ENOUGH:
        return own
    return own + [source for source in sources if source.kind == "summary"] or list(sources)


def _sentences(sources: Sequence[Source]) -> list[_Sentence]:
    """Whole sentences from the start of each source, until its share of what is read is used up.

    Sentences with a link, an address or a number that leads to somebody are not read.
    """
    found = []
    share = max(12, WORDS_READ // max(1, len(sources)))
    for source in sources:
        room = share
        for text in _SENTENCE_END.split(clean(source.text)):
            words = tuple(_WORD.findall(text.lower()))
            if words and room > 0 and not leads_to_somebody(text):
                found.append(_Sentence(source.source_id, cut_words(text, WORDS_READ), words))
                room -= len(words)
    return found


def _rarity(read: Sequence[Sequence[_Sentence]]) -> dict[str, float]:
    """Word -> ln((1 + n) / (1 + number of entities that use it))."""
    used_by: Counter[str] = Counter()
    for sentences in read:
        used_by.update({word for sentence in sentences for word in sentence.words})
    return {word: math.log((1 + len(read)) / (1 + count)) for word, count in used_by.items()}


def _distinct(phrases: Sequence[str]) -> list[str]:
    """Several words before single ones, without phrases whose words an earlier one already holds."""
    kept: list[str] = []
    seen: list[set[str]] = []
    for phrase in sorted(phrases, key=lambda text: " " not in text):
        words = set(phrase.lower().split())
        if phrase and not any(words <= other for other in seen):
            kept.append(phrase[:400])
            seen.append(words)
    return kept


def _choose(sentences: Sequence[_Sentence], rarity: dict[str, float]) -> list[_Sentence]:
    """The sentences with the rarest words on average, in their order, without repeats; at least one."""
    order = sorted(
        range(len(sentences)),
        key=lambda at: (-sum(rarity[word] for word in sentences[at].words) / len(sentences[at].words), at),
    )
    room = SUMMARY_WORDS
    chosen: list[int] = []
    seen: set[tuple[str, ...]] = set()
    for at in order:
        size = len(sentences[at].text.split())
        if (size <= room or not chosen) and sentences[at].words not in seen:
            chosen.append(at)
            seen.add(sentences[at].words)
            room -= size
    return [sentences[at] for at in sorted(chosen)]


def _summary(request: ChatRequest, chosen: Sequence[_Sentence], sentiments: Sequence[float]) -> str:
    """Title and categories of an item, then the sentences that praise, then those that complain."""
    named = [clean(source.text) for source in request.sources if source.source_id in ("title", "categories")]
    fit = [text for text in named if text and not leads_away(text)]
    parts = [cut_words(text, 20).removesuffix(" …").rstrip(".") + "." for text in fit]
    told = list(zip((sentence.text for sentence in chosen), sentiments, strict=True))
    parts += [text for text, sentiment in told if sentiment > NEGATIVE]
    parts += [text for text, sentiment in told if sentiment <= NEGATIVE]
    return cut_words(" ".join(parts), request.max_words).removesuffix(" …")
