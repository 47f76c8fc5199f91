"""Which sentences of an item's motivation the text part of a score comes from.

The sentences are read by the encoder that made the dataset's vectors (`embeddings.beside`); the formula is
`models.closed_form.sentences`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from assets.embeddings.beside import known_texts, read_beside
from assets.embeddings.embed import read_summaries
from assets.lake import Address, Lake
from assets.training.data import read_views
from models.errors import LmmrecError

if TYPE_CHECKING:
    import numpy as np

    from models.language.encoders import TextEncoder
    from models.training.fitted import FittedModel

_SENTENCE_END = re.compile(r"(?<=[.!?…。！？])\s+|(?<=[.!?…。！？][\"'”’)])\s+")
MANY_TEXTS = 20_000
"""Above this many an encoder that is bound to its corpus would read for minutes, to explain one score."""


def text_parts(
    lake: Lake, dataset: str, model: FittedModel, user_idx: int, item_idx: int, encoder: TextEncoder | None
) -> dict[str, Any]:
    """The text part of a score: over the sentences of the item's motivation, other items' texts, and a remainder.

    Returns:
        `sentences` (sentence and what it adds, in the order of the text), `other_texts` (what comes through the texts of
        items that go with this one), `text_remainder` (what the text says as a whole and no sum of its sentences does),
        which add up to the score's text part; `sentences_said` (0 to 1: what share of the text's vector its sentences make
        up); `sentences_note` says why there are none where there are none. Empty where texts add nothing.
    """
    import numpy as np

    from models.attribution import text_reading
    from models.closed_form.sentences import split_over_sentences
    from models.closed_form.text_part import unit_rows

    reading = text_reading(model, user_idx, item_idx)
    if reading is None:
        return {}
    stored = np.load(lake.path(Address("text_embeddings", dataset)) / "items.npy", allow_pickle=False)
    as_trained = _as_trained(lake, dataset, model)
    units = unit_rows(as_trained(stored))
    text, mean = units[item_idx], units.mean(axis=0)
    moved = text - mean
    length = float(np.linalg.norm(moved))
    if reading.direction is None or not length:
        return _unsplit(reading.total, 0.0, "the model does not tell the item's own text from others")
    own = float(moved @ reading.direction) / length
    sentences = split_sentences(read_summaries(lake.read(Address("validated_motivations", dataset)), "item")[item_idx])
    try:
        vectors = sentence_vectors(lake, dataset, sentences, encoder)
    except LmmrecError as error:
        return _unsplit(own, reading.total - own, str(error))
    found = split_over_sentences(text, unit_rows(as_trained(vectors)), mean, reading.direction)
    return {
        "sentences": [
            {"sentence": sentence, "adds": float(part)} for sentence, part in zip(sentences, found.parts, strict=True)
        ],
        "other_texts": reading.total - own,
        "text_remainder": found.remainder,
        "sentences_said": found.explained,
        "sentences_note": "",
    }


def _as_trained(lake: Lake, dataset: str, model: FittedModel) -> Callable[[np.ndarray], np.ndarray]:
    """Weighs the views of text vectors as the model does."""
    from models.closed_form.views import shared
    from models.enhancers import TextPriorConfig

    shares = model.enhancer.view_shares if isinstance(model.enhancer, TextPriorConfig) else ()
    widths = read_views(lake.path(Address("text_embeddings", dataset)))
    return lambda vectors: shared(vectors, widths, shares)


def split_sentences(text: str) -> list[str]:
    """The sentences of a text, each once, in their order.

    >>> split_sentences("Light. Keeps dry! Light.")
    ['Light.', 'Keeps dry!']
    """
    return list(dict.fromkeys(part.strip() for part in _SENTENCE_END.split(text) if part.strip()))


def sentence_vectors(lake: Lake, dataset: str, sentences: list[str], encoder: TextEncoder | None) -> np.ndarray:
    """(n, d) in the space of the stored item vectors.

    Raises:
        LmmrecError: the sentences cannot be read here; the text says why.
    """
    if encoder is None:
        raise LmmrecError("no encoder was given to read sentences with.")
    if encoder.name == "openai":
        raise LmmrecError("its sentences would have to be paid for: encoder openai is asked for whole texts only.")
    count = len(known_texts(lake, dataset, encoder))
    if encoder.corpus_bound and count > MANY_TEXTS:
        raise LmmrecError(
            f"encoder {encoder.name} would have to read all {count:,} texts again, more than {MANY_TEXTS:,}."
        )
    return read_beside(lake, dataset, sentences, encoder)


def _unsplit(own: float, others: float, why: str) -> dict[str, Any]:
    return {
        "sentences": [],
        "other_texts": others,
        "text_remainder": own,
        "sentences_said": 0.0,
        "sentences_note": f"not split over sentences: {why}",
    }
