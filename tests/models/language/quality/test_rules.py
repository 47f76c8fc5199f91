"""Each rule finds its flaw, and keeps quiet where a text only looks like it."""

from __future__ import annotations

import time

import pytest

from models.language.chat import ChatRequest, Source
from models.language.motivation import MotivationAnswer
from models.language.quality import RULES, complaint, hard, judge_answer
from models.language.quality.identifiers import telling_ids
from tests.models.language.quality.answers import SOURCES, answer, motivation, request

pytestmark = pytest.mark.unit

IDS = telling_ids(
    ["A2SUAM1J3GNN3B", "76561198012345678", "camera", "u1", "1984", "-0Xz_kVnQbQnFQY3gRmWVg", "978014103614"]
)
FENCE = request().user.split("=====")[1][:16]
REVIEW = " ".join(f"word{n}" for n in range(60))
LONG = request(Source("r3", "review", REVIEW))

BROKEN: dict[str, list[MotivationAnswer | tuple[ChatRequest, MotivationAnswer]]] = {
    "foreign evidence": [answer(passive=(motivation("leaks", "r9"),))],
    "refusal": [
        answer(summary="As an AI language model, I cannot tell why campers choose the kettle."),
        answer(summary="I'm sorry, but I can't help with the kettle."),
        answer(summary="There is not enough information about the kettle provided to say why people choose it."),
        answer(summary="I do not have enough information about campers."),
        answer(active=(motivation("I am unable to provide motivations"),)),
        answer(summary="string"),
        answer(summary="N/A."),
    ],
    "nothing said": [
        answer(summary="The user likes products."),
        answer(summary="People enjoy this item because of its good quality and great value."),
    ],
    "link": [
        answer(summary="Campers love the kettle, see https://evil.example/x for more."),
        answer(summary="Campers love the kettle, see www.evil.example for more."),
        answer(summary="Campers love the kettle of evil-shop.com."),
        answer(reasoning=("javascript:alert(1) was mentioned",)),
    ],
    "e-mail or phone": [
        answer(summary="Campers love the kettle, ask jane.doe@mail.example."),
        answer(summary="Campers love the kettle, ask jane [at] mail [dot] com about the lid."),
        answer(summary="Campers love the kettle, call +43 512 123 4567 or (555) 123-4567."),
    ],
    "identifying number": [
        answer(summary="Campers love the kettle with the number 4012888888881881."),
        answer(summary="Campers love the kettle, card 4012 8888 8888 1881."),
    ],
    "secret": [answer(reasoning=("The key sk-live0123456789abcdefABCD was used.",))],
    "id": [
        answer(summary="Customer A2SUAM1J3GNN3B takes the kettle camping."),
        answer(reasoning=("-0Xz_kVnQbQnFQY3gRmWVg says that the lid leaks.",)),
        answer(summary="User #12 takes the kettle camping."),
        answer(active=(motivation("user_idx 12 boils water"),)),
    ],
    "fence": [answer(summary=f"Campers love the kettle {FENCE} at night."), answer(reasoning=("=====",))],
    "markup": [
        answer(summary="Campers love the kettle <script>alert(1)</script> at night."),
        answer(summary="Campers love the [kettle](folds flat) at night."),
        answer(summary='=HYPERLINK("kettle","lid")'),
        answer(active=(motivation("@SUM(A1) boils water"),)),
        answer(reasoning=("<|im_start|>system",)),
        answer(active=(motivation("{{config}} folds flat"),)),
    ],
    "copied prompt": [
        answer(summary="You study why people choose or avoid things. You are shown one product or place: a kettle.")
    ],
    "copied review": [(LONG, answer(summary=f"They say {' '.join(REVIEW.split()[10:45])} about the kettle."))],
    "other language": [
        answer(summary="Der Kessel ist leise und nicht zu teuer, aber der Deckel ist undicht."),
        answer(summary="Les campeurs aiment la bouilloire pour les voyages, mais le couvercle fuit."),
        answer(summary="El hervidor es silencioso y no muy caro, pero la tapa gotea con el agua."),
        answer(summary="这个水壶很安静，适合露营，但是盖子漏水。"),
        answer(summary="Чайник тихий и складной, но крышка протекает."),
        answer(active=(motivation("Der Kessel ist leise und nicht zu teuer für die Reise"),)),
    ],
    "ungrounded": [
        answer(
            active=(),
            passive=(),
            summary="Loved by photographers who shoot portraits with crisp autofocus, silent shutter and weather sealing.",
        )
    ],
    "invented name": [
        answer(summary="Campers love the kettle more than the Nokia one, since it boils in minutes and folds flat."),
        answer(active=(motivation("as good as the Philips kettle"),)),
        answer(active=(motivation("better than Nokia"),)),
    ],
    "invented figure": [
        answer(summary="Campers love the kettle that boils in 9 minutes and folds flat."),
        answer(summary="Campers love the kettle for $49 that folds flat."),
    ],
    "contradiction": [answer(passive=(motivation("folds flat for the hotel room", "r2"),))],
    "repetition": [answer(passive=(motivation("leaking lid", "r2"), motivation("a leaking lid", "r1")))],
    "long motivation": [answer(active=(motivation("boils water and " * 10 + "folds"),))],
}

INNOCENT: dict[str, MotivationAnswer] = {
    "an empty list": answer(passive=()),
    "customers who cannot do things": answer(
        summary="Campers say I cannot recommend it enough; others can't help with the lid and are not able to pour."
    ),
    "information that the maker does not give": answer(
        summary="Campers choose the kettle; the manual gives insufficient information about volts, which hotel guests miss."
    ),
    "a domain name in the title": answer(
        summary="Campers choose this Amazon.com exclusive kettle since it folds flat."
    ),
    "a number of the catalogue": answer(
        summary="Campers choose the kettle with model number 978014103614, which folds flat."
    ),
    "figures in other spelling": answer(
        summary="Campers choose a kettle that boils in 4 minutes; it cost 1250 Kč, and has 230 volts."
    ),
    "a decade and a year": answer(
        summary="Campers of the 80s and of 2015 choose a quiet kettle that folds flat at night."
    ),
    "peoples and feasts": answer(
        summary="A Christmas gift for British and Austrian campers who want a quiet kettle in hotel rooms."
    ),
    "names of the sources in other forms": answer(
        summary="The Brumby kettle suits a Tirolean night; Brumby's lid leaks when camping."
    ),
    "ids that are words": answer(
        summary="Campers with a camera and 1984 on the night table choose the quiet kettle; u1 is a hotel."
    ),
    "the same words with a negation": answer(
        active=(motivation("easy to pour"),), passive=(motivation("not easy to pour", "r2"),)
    ),
    "a title in another script": answer(
        summary="The kettle (水壶) is for campers who want a quiet night and hot water in hotel rooms."
    ),
    "headings": answer(
        active=(
            motivation("Gift Giving Convenience"),
            motivation("Ease of Use and Quiet Nights for Weekend Travellers"),
        ),
        passive=(motivation("Leaking Lid (Warranty)", "r2"),),
    ),
    "phrases without small words": answer(
        active=(motivation("quiet night camping"), motivation("hotel rooms, flat kettle"))
    ),
    "a heart and a minus": answer(
        summary="Campers <3 the kettle - quiet, flat - and 4 minutes > noise; the lid leaks though."
    ),
    "a short quotation": answer(
        summary="Campers say that it boils in four minutes and folds flat, with no noise at night."
    ),
    "an elliptic start": answer(summary="Great for hotel rooms and camping: boils quickly, folds flat; leaking lid."),
}


def test_a_good_answer_has_no_flaw() -> None:
    assert judge_answer(request(), answer(), ids=IDS) == []


CASES = [(rule, spoilt) for rule, answers in BROKEN.items() for spoilt in answers]


@pytest.mark.parametrize(("rule", "spoilt"), CASES, ids=[f"{rule}-{at}" for at, (rule, _) in enumerate(CASES)])
def test_f10_f11_each_rule_finds_its_flaw(
    rule: str, spoilt: MotivationAnswer | tuple[ChatRequest, MotivationAnswer]
) -> None:
    asked, said = spoilt if isinstance(spoilt, tuple) else (request(), spoilt)
    assert rule in [flaw.rule for flaw in judge_answer(asked, said, ids=IDS)]


def test_every_rule_has_an_answer_that_breaks_it() -> None:
    assert set(BROKEN) == {rule.name for rule in RULES}


@pytest.mark.parametrize("name", INNOCENT)
def test_a_text_that_only_looks_like_a_flaw_passes(name: str) -> None:
    assert judge_answer(request(), INNOCENT[name], ids=IDS) == []


def test_complaints_quote_neither_sources_nor_answer() -> None:
    said = answer(summary="Nokia fans write to jane.doe@mail.example about https://evil.example and 4012888888881881.")
    flaws = judge_answer(request(), said, ids=IDS)
    told = complaint(flaws)
    assert {flaw.rule for flaw in flaws} >= {"e-mail or phone", "link", "identifying number"}
    words = {word for source in SOURCES for word in source.text.split() if len(word) > 6}
    assert not any(word in told for word in (*words, *said.summary.split()[3:4], "evil", "jane", "4012"))


def test_soft_flaws_forbid_nothing() -> None:
    said = answer(passive=(motivation("leaking lid", "r2"), motivation("a leaking lid", "r1")))
    flaws = judge_answer(request(), said)
    assert flaws
    assert hard(flaws) == []


def test_rules_for_writers_spare_quoted_and_imported_texts() -> None:
    quoted = answer(summary="Der Kessel ist leise und nicht zu teuer, <br /> aber der Deckel ist undicht. Nokia!")
    assert judge_answer(request(), quoted, origin="extracted") == []
    assert judge_answer(request(), quoted, origin="imported") == []


def test_f34_a_key_that_an_endpoint_echoes_is_a_flaw_of_every_text() -> None:
    for origin in ("written", "extracted", "imported"):
        said = answer(reasoning=("Authorization: Bearer abcdefghijklmnop1234",))
        assert "secret" in [flaw.rule for flaw in judge_answer(request(), said, origin=origin)]  # type: ignore[arg-type]


RUNS = ["a", "1", "!", "[", "<a", "a.", "a-", "+1 ", "a@", "=", "{{", "A ", "1,", "\u0301", "as an ai "]


@pytest.mark.parametrize("run", RUNS)
def test_no_answer_keeps_the_judge_busy(run: str) -> None:
    """A hostile model may write anything within the bounds of the schema; patterns must not blow up on it."""
    said = MotivationAnswer.model_construct(
        reasoning=((run * 4_000)[:4_000],) * 32,
        active=(motivation((run * 400)[:400]),) * 32,
        passive=(motivation((run * 400)[:400]),) * 32,
        summary=(run * 8_000)[:8_000],
    )
    started = time.perf_counter()
    judge_answer(request(), said, ids=IDS)
    assert time.perf_counter() - started < 2
