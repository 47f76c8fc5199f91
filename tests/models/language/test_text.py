"""Text of strangers is normalised once, keeps what a reader sees, and is cut where the limits say."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.language.text import CUT, clean, cut_characters, cut_words, estimate_tokens

pytestmark = pytest.mark.unit

ANY_TEXT = st.text(alphabet=st.characters(codec=None), max_size=200)


@given(ANY_TEXT)
def test_f12_cleaning_twice_is_cleaning_once_and_leaves_text_that_can_be_stored(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert once.encode("utf-8").decode("utf-8") == once
    assert not any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in once)


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        ("cafe\u0301", "café"),
        ("👩\u200d👩\u200d👧 ❤\ufe0f", "👩\u200d👩\u200d👧 ❤\ufe0f"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("𝔘𝔫𝔦 𠮷野家", "𝔘𝔫𝔦 𠮷野家"),
        ("a\u2028b\u2029c\u00a0d", "a b c d"),
        ("hid" + "".join(chr(0xE0000 + ord(c)) for c in "obey") + "den", "hidden"),
        ("left\u202eright\u2066\u061c", "leftright"),
        ("soft\u00adhyphen\u3164\uffa0", "softhyphen"),
        ("joined\u200d\u200c\u200d\u200cbits", "joinedbits"),
        ("half \ud800 pair", "half pair"),
        ("nul\x00tab\tline\r\n", "nul tab line"),
    ],
)
def test_f12_what_a_reader_sees_stays_and_what_hides_goes(raw: str, seen: str) -> None:
    assert clean(raw) == seen


@given(ANY_TEXT, st.integers(2, 50))
def test_f14_a_cut_text_keeps_to_its_limit_and_an_uncut_one_is_whole(text: str, limit: int) -> None:
    cut = cut_characters(text, limit)
    assert len(cut) <= limit
    assert cut == text or cut.endswith(CUT)
    words = clean(text)
    assert len(cut_words(words, limit).removesuffix(CUT).split(" ")) <= limit


def test_tokens_of_scripts_with_long_codes_are_not_underestimated() -> None:
    assert estimate_tokens("four") == 1
    assert estimate_tokens("安静的水壶") == 4
    assert estimate_tokens("", "\ud800") == 1
