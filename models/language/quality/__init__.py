"""Is one answer fit to be published? Everything that can be decided from a request and its answer alone.

The chat models ask before they keep an answer, so that a model can be asked again with the complaint; the gate asks again
about what is stored. What only the whole table shows (coverage, collapse) belongs to the gate. Pure, no library, no network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from models.language.chat import ChatRequest
from models.language.motivation import MotivationAnswer
from models.language.quality.case import Case, Origin, Rule
from models.language.quality.contact import names_a_number, names_a_person, names_a_secret, points_elsewhere
from models.language.quality.copying import copies_a_review, copies_the_prompt
from models.language.quality.english import is_foreign
from models.language.quality.grounding import invents_a_measure, invents_a_name, strays_from_the_sources
from models.language.quality.identifiers import names_an_id, shows_the_fence
from models.language.quality.lists import cites_others, contradicts_itself, rambles, repeats_itself
from models.language.quality.markup import carries_markup
from models.language.quality.refusals import refuses, says_nothing

LAWS_VERSION = "1"
"""Raised with every change of the laws: what was given up under others is asked again."""

RULES = (
    Rule("foreign evidence", "evidence cites ids that are no sources of this prompt", cites_others),
    Rule(
        "refusal",
        "the answer declines or speaks about yourself instead of the sources",
        refuses,
        origins=("written", "imported"),
    ),
    Rule("nothing said", "the summary fits anything: say what these sources say", says_nothing, origins=("written",)),
    Rule("link", "leave out links and domain names", points_elsewhere),
    Rule("e-mail or phone", "leave out e-mail addresses and phone numbers", names_a_person),
    Rule("identifying number", "leave out numbers that identify something", names_a_number),
    Rule("secret", "leave out keys and tokens", names_a_secret),
    Rule("id", "leave out ids and indices of users and items", names_an_id, needs_ids=True),
    Rule("fence", "leave out the lines around the sources", shows_the_fence),
    Rule("markup", "write plain text without markup, code or formulas", carries_markup, origins=("written",)),
    Rule("copied prompt", "do not repeat the instructions", copies_the_prompt),
    Rule("copied review", "use your own words instead of a long quotation", copies_a_review, origins=("written",)),
    Rule("other language", "write in English", is_foreign, origins=("written",)),
    Rule(
        "ungrounded",
        "most words have no support in the sources: keep to them",
        strays_from_the_sources,
        origins=("written",),
    ),
    Rule("invented name", "a name or brand stands in none of the sources", invents_a_name, origins=("written",)),
    Rule("invented figure", "a figure stands in none of the sources", invents_a_measure, origins=("written",)),
    Rule(
        "contradiction",
        "the same motivation stands in both lists",
        contradicts_itself,
        hard=False,
        origins=("written",),
    ),
    Rule("repetition", "a list repeats a motivation", repeats_itself, hard=False, origins=("written",)),
    Rule("long motivation", "a motivation has at most 12 words", rambles, hard=False, origins=("written",)),
)
"""All laws, in the order in which an answer is told of them."""
LAWS_OF_IDS = tuple(rule for rule in RULES if rule.needs_ids)
"""Those left to whoever knows the dataset; chat models ask the others, and what they find goes along with the answer."""


@dataclass(frozen=True)
class Flaw:
    """One law that an answer breaks."""

    rule: str
    """Name of the law: what is counted."""
    complaint: str
    """In words that a model can act on; quotes nothing."""
    hard: bool
    """True where the answer must not be published."""


def judge_answer(
    request: ChatRequest, answer: MotivationAnswer, *, origin: Origin = "written", ids: frozenset[str] = frozenset()
) -> list[Flaw]:
    """Every law that an answer breaks; none where it is good.

    Args:
        request: what was asked.
        answer: as `parse_answer` returns it.
        origin: who answered.
        ids: what `identifiers.telling_ids` keeps of the dataset's ids; none known means that none is looked for.
    """
    return judge_case(Case.of(request, answer, origin, ids))


def judge_case(case: Case, rules: Sequence[Rule] = RULES) -> list[Flaw]:
    """As `judge_answer`, for texts that no request stands behind; by some of the laws where others were asked before."""
    return [
        Flaw(rule.name, rule.complaint, rule.hard)
        for rule in rules
        if case.origin in rule.origins and rule.broken(case)
    ]


def hard(flaws: Sequence[Flaw]) -> list[Flaw]:
    """The flaws that forbid publication."""
    return [flaw for flaw in flaws if flaw.hard]


def complaint(flaws: Sequence[Flaw]) -> str:
    """All complaints in one line, to be sent with the next question."""
    return "; ".join(flaw.complaint for flaw in flaws)
