"""Motivations without a language model: key phrases, sentiment and evidence taken from the sources themselves.

The default, which needs no key, no network and no GPU. It writes no sentence of its own: phrases come from YAKE (Campos et
al. 2020), sentiment from VADER (Hutto & Gilbert 2014), and the summary is the entity's own words put in a row. It fills the
schema of a real model's answer, and its provenance `extractive` says everywhere that no LLM was asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from models.language.chat import Answered, ChatRequest, Outcome, Source, Unanswered
from models.language.motivation import Motivation, MotivationAnswer
from models.language.text import clean, cut_words
from models.progress import track

NEGATIVE = -0.05
"""VADER's own threshold: a compound score at or below it is negative. Neutral statements count as active."""
WORDS_READ = 160
"""Words given to the phrase extractor, shared out over the sources; its time grows with them."""
OWN_WORDS_ENOUGH = 25
"""Own words below this are filled up with descriptions and summaries."""
MAX_ACTIVE, MAX_PASSIVE = 14, 6
_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+|\s*[\r\n]+\s*")


@dataclass(frozen=True)
class _Sentence:
    source_id: str
    text: str
    sentiment: float
    """VADER compound, -1 … 1."""


class ExtractiveModel:
    """Deterministic, about 5 ms a request on one core."""

    provenance = "extractive"

    def complete(self, requests: Sequence[ChatRequest]) -> Iterator[Outcome]:
        """One outcome for each request, in order; a request whose sources hold no words is not answered."""
        with track("extract motivations", total=len(requests), unit="texts") as step:
            for request in requests:
                yield self._answer(request)
                step.advance()

    def pending(self, requests: Sequence[ChatRequest]) -> list[ChatRequest]:
        """None: nothing is asked of anybody."""
        return []

    def _answer(self, request: ChatRequest) -> Outcome:
        sentences = self._sentences(_material(request.sources))
        if not sentences:
            return Unanswered(request.id, "the sources hold no words")
        active, passive = [], []
        for motivation, sentiment in self._motivations(sentences):
            if sentiment <= NEGATIVE:
                passive.append(motivation)
            else:
                active.append(motivation)
        active, passive = active[:MAX_ACTIVE], passive[:MAX_PASSIVE]
        answer = MotivationAnswer(
            reasoning=(
                f"extractive: {len(sentences)} sentences of {len({s.source_id for s in sentences})} sources, no LLM asked",
            ),
            active=tuple(active),
            passive=tuple(passive),
            summary=_summary(request.sources, active, passive, request.max_words),
        )
        return Answered(request.id, answer)

    def _sentences(self, sources: Sequence[Source]) -> list[_Sentence]:
        found = []
        share = max(12, WORDS_READ // max(1, len(sources)))
        for source in sources:
            for text in _SENTENCE_END.split(cut_words(clean(source.text), share).removesuffix(" …")):
                if any(c.isalpha() for c in text):
                    score = self._vader.polarity_scores(text)["compound"]
                    found.append(_Sentence(source.source_id, text.strip(), float(score)))
        return found

    def _motivations(self, sentences: Sequence[_Sentence]) -> list[tuple[Motivation, float]]:
        """(motivation, sentiment) by descending weight of the phrase in the text."""
        text = "\n".join(sentence.text for sentence in sentences)
        phrases = _distinct([clean(str(phrase)) for phrase, _ in self._yake.extract_keywords(text)])
        if not phrases:
            phrases = [cut_words(sentences[0].text, 12)[:400]]
        found = []
        lowered = [(sentence, sentence.text.lower()) for sentence in sentences]
        for phrase in phrases:
            holders = [sentence for sentence, low in lowered if phrase.lower() in low] or list(sentences[:1])
            sentiment = sum(sentence.sentiment for sentence in holders) / len(holders)
            evidence = tuple(dict.fromkeys(sentence.source_id for sentence in holders))
            strength = (1 + abs(sentiment)) / 2
            found.append(
                (Motivation(motivation=phrase, evidence=evidence[:32], strength=round(strength, 4)), sentiment)
            )
        return found

    @cached_property
    def _vader(self) -> Any:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

        return SentimentIntensityAnalyzer()

    @cached_property
    def _yake(self) -> Any:
        import yake

        return yake.KeywordExtractor(lan="en", n=3, top=2 * (MAX_ACTIVE + MAX_PASSIVE), dedup_lim=1.0)


def _material(sources: Sequence[Source]) -> list[Source]:
    """The entity's own words; others' descriptions of it (or of its items) where those are few, titles as the last resort."""
    own = [source for source in sources if source.kind == "review"]
    if sum(len(source.text.split()) for source in own) >= OWN_WORDS_ENOUGH:
        return own
    described = own + [source for source in sources if source.kind in ("description", "summary")]
    return described or list(sources)


def _distinct(phrases: Sequence[str]) -> list[str]:
    """Without phrases whose words a better one already holds; order kept."""
    kept: list[str] = []
    seen: list[set[str]] = []
    for phrase in phrases:
        words = set(phrase.lower().split())
        if phrase and not any(words <= other for other in seen):
            kept.append(phrase[:400])
            seen.append(words)
    return kept


def _summary(
    sources: Sequence[Source], active: Sequence[Motivation], passive: Sequence[Motivation], max_words: int
) -> str:
    """Title and categories of an item, then what is liked, then what is not, in the words of the sources."""
    named = [clean(source.text) for source in sources if source.source_id in ("title", "categories")]
    liked = ", ".join(motivation.motivation for motivation in active)
    disliked = ", ".join(motivation.motivation for motivation in passive)
    parts = [cut_words(text, 20).removesuffix(" …") for text in named if text]
    if liked:
        parts.append(liked)
    if disliked:
        parts.append(f"dislikes {disliked}")
    return cut_words(". ".join(parts), max_words).removesuffix(" …")
