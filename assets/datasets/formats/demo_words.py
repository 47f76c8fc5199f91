"""What people and labels of the demo shop say: motives to words, as written down in docs/demo.md.

The sentences stand in `demo_words.yaml` (all written for it, no third-party text); here they are chosen, filled in and
sprinkled with typing errors. Nobody's id ever enters a text. Who buys what is `demo_shop.py`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import yaml
from numpy.typing import NDArray

NO_TEXT_PROB = 0.04
FEW_WORDS_PROB = 0.08
PRAISE_BASE, PRAISE_SLOPE, PRAISE_MOST = 0.30, 1.0, 0.90
FLAW_COMPLAINT_PROB = 0.80
MISS_COMPLAINT_LOW, MISS_COMPLAINT_HIGH = 0.5, 0.1
"""Chance, per unit of motive weight, to complain that a motive is not served: at a rating of at most 3, and above."""
BYSTANDER_PROB = 0.10
"""Chance to mention a strength or flaw that is not one's own motive."""
STRAY_PROB = 0.08
"""Chance of one sentence about a motive drawn blindly."""
MEAN_FILLERS, MOST_FILLERS = 1.2, 3
MILD_PROB = 0.5
TYPO_PROB = 0.02
TYPO_FROM_LENGTH = 5

PROMISE_PROB = 0.45
FALSE_PROMISE_PROB = 0.15
NO_DESCRIPTION_PROB = 0.10

T = TypeVar("T")
_CHOICE = re.compile(r"\[([^\]]*)\]")


@dataclass(frozen=True)
class Vocabulary:
    """The sentences, read from `demo_words.yaml`."""

    motives: dict[str, dict[str, list[str]]]
    """Motive -> `praise`, `complaint`, `promise` -> sentences."""
    departments: dict[str, list[str]]
    """Department -> kinds of product."""
    natural_motives: dict[str, list[str]]
    """Kind of product -> motives that it is likely to serve."""
    brands: list[str]
    variants: list[str]
    description_openings: list[str]
    description_fillers: list[str]
    fillers: list[str]
    mild_praise: list[str]
    mild_complaint: list[str]

    def department_of(self, kind: str) -> str:
        return next(department for department, kinds in self.departments.items() if kind in kinds)


def load_vocabulary() -> Vocabulary:
    raw: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("demo_words.yaml").read_text(encoding="utf-8"))
    return Vocabulary(**raw)


class Writer:
    """Writes texts with one stream of random numbers; drawing in blocks keeps 20,000 reviews within two seconds."""

    def __init__(self, vocabulary: Vocabulary, rng: np.random.Generator) -> None:
        self.vocabulary = vocabulary
        self._motives = list(vocabulary.motives)
        self._rng = rng
        self._block: list[float] = []

    def review(self, kind: str, wants: NDArray[np.float64], serves: NDArray[np.float64], rating: int) -> str | None:
        """One review, or None where the customer only left stars.

        Args:
            kind: the product's noun.
            wants: (K,) the user's motive weights.
            serves: (K,) the item's strengths, flaws below 0.
            rating: 1 to 5.
        """
        if self._chance(NO_TEXT_PROB):
            return None
        if self._chance(FEW_WORDS_PROB):
            return self._mistype(self._fill(self._mild(rating), kind))
        sentences = self._motive_sentences(wants, serves, rating)
        sentences += [self._pick(self.vocabulary.fillers) for _ in range(self._num_fillers())]
        if not sentences or self._chance(MILD_PROB):
            sentences.append(self._mild(rating))
        shuffled = [sentences[at] for at in sorted(range(len(sentences)), key=lambda _: self._uniform())]
        return self._mistype(" ".join(self._fill(sentence, kind) for sentence in shuffled))

    def title(self, kind: str, brand: str) -> str:
        return f"{brand} {self._pick(self.vocabulary.variants)} {kind}"

    def brand(self) -> str:
        return self._pick(self.vocabulary.brands)

    def description(self, kind: str, brand: str, serves: NDArray[np.float64]) -> str | None:
        """What the label says: some of the served motives, now and then one that is not served, or nothing at all."""
        if self._chance(NO_DESCRIPTION_PROB):
            return None
        promised = [at for at in np.flatnonzero(serves > 0).tolist() if self._chance(PROMISE_PROB)]
        if self._chance(FALSE_PROMISE_PROB):
            promised.append(self._pick(np.flatnonzero(serves <= 0).tolist()))
        sentences = [self._pick(self.vocabulary.description_openings)]
        sentences += [self._say(at, "promise") for at in promised]
        sentences.append(self._pick(self.vocabulary.description_fillers))
        return " ".join(self._fill(sentence, kind, brand) for sentence in sentences)

    def _motive_sentences(self, wants: NDArray[np.float64], serves: NDArray[np.float64], rating: int) -> list[str]:
        sentences = []
        for at in np.flatnonzero((wants > 0) | (serves != 0)).tolist():
            weight, strength = float(wants[at]), float(serves[at])
            tone = "praise" if strength > 0 else "complaint"
            if self._chance(_mention_prob(weight, strength, rating)):
                sentences.append(self._say(at, tone))
        if self._chance(STRAY_PROB):
            at = int(self._uniform() * len(self._motives))
            sentences.append(self._say(at, "praise" if self._chance(0.5) else "complaint"))
        return sentences

    def _say(self, motive: int, tone: str) -> str:
        return self._pick(self.vocabulary.motives[self._motives[motive]][tone])

    def _mild(self, rating: int) -> str:
        happy = rating >= 4 or (rating == 3 and self._chance(0.5))
        return self._pick(self.vocabulary.mild_praise if happy else self.vocabulary.mild_complaint)

    def _num_fillers(self) -> int:
        return min(int(self._rng.poisson(MEAN_FILLERS)), MOST_FILLERS)

    def _fill(self, sentence: str, kind: str, brand: str = "") -> str:
        chosen = _CHOICE.sub(lambda match: self._pick(match.group(1).split("|")), sentence)
        return chosen.format(kind=kind, kind_capital=kind.capitalize(), brand=brand)

    def _mistype(self, text: str) -> str:
        """Long words lose, double or swap a letter now and then, never the first one."""
        words = text.split(" ")
        for at, word in enumerate(words):
            if len(word) >= TYPO_FROM_LENGTH and self._chance(TYPO_PROB):
                place = 1 + int(self._uniform() * (len(word) - 2))
                left, letter, right = word[:place], word[place], word[place + 1 :]
                words[at] = self._pick(
                    [left + right, left + letter + letter + right, left + right[0] + letter + right[1:]]
                )
        return " ".join(words)

    def _uniform(self) -> float:
        if not self._block:
            self._block = self._rng.random(4096).tolist()
        return self._block.pop()

    def _chance(self, prob: float) -> bool:
        return self._uniform() < prob

    def _pick(self, options: Sequence[T]) -> T:
        return options[int(self._uniform() * len(options))]


def _mention_prob(weight: float, strength: float, rating: int) -> float:
    """Chance that a review speaks of a motive which the user holds with `weight` and the item serves with `strength`."""
    if weight == 0:
        return BYSTANDER_PROB
    if strength > 0:
        return min(PRAISE_BASE + PRAISE_SLOPE * weight, PRAISE_MOST)
    if strength < 0:
        return FLAW_COMPLAINT_PROB
    return weight * (MISS_COMPLAINT_LOW if rating <= 3 else MISS_COMPLAINT_HIGH)
