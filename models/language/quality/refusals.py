"""Answers that say nothing about the sources: a model declining, excusing or introducing itself, and empty phrases.

The patterns ask for the words of assistants ("I cannot provide", "as an AI language model"), since customers cannot do things
either ("I cannot recommend it enough").
"""

from __future__ import annotations

import re

from models.language.quality.case import Case
from models.language.quality.words import content_words, fold

_REFUSAL = re.compile(
    r"\bas an? (?:ai|artificial intelligence|large language|language)(?: language)? (?:model|assistant|system)\b"
    r"|\bas an ai,"
    r"|\bi(?: am|['’]m) (?:just |only )?an? (?:ai|artificial intelligence|chatbot|virtual assistant)\b"
    r"|\bi(?: am|['’]m) a (?:large )?language model\b"
    r"|\bi(?: am|['’]m)? (?:sorry|afraid|apologi[sz]e),?(?: but)? (?:i|that i|there (?:is|are))"
    r" (?:can|am|do|un|have|was|no|not)"
    r"|\bi (?:can ?not|can['’]t|(?:am|['’]m) (?:unable|not able) to|(?:wo|will )n['’]?o?t|must decline to)"
    r" (?:assist|help (?:you )?with|provide|fulfil|comply|generate|create|answer th|complete th|process|infer|summari[sz]e"
    r"|analy[sz]e|disclose|engage)"
    r"|\bi (?:do not|don['’]t) have (?:enough|sufficient|access|any) (?:information|data|context|details|reviews|to)"
    r"|\bagainst my (?:programming|guidelines|policies)|\bviolat\w+ (?:the |our |my )?(?:content|usage) polic"
)
_NO_MATERIAL = re.compile(
    r"\W*(?:there (?:is|are|was|were) )?(?:no|not enough|insufficient|not sufficient) "
    r"(?:reviews?|information|data|sources?|context|details?|material|evidence)\b[^.]{0,40}"
    r"\b(?:provided|given|available|shown|supplied|found|to (?:determine|summari[sz]e|infer|provide|generate|draw|identify))\b"
)
_PLACEHOLDER = re.compile(
    r"\W*+(?:string|n/?a|none|null|nil|summary|todo|tbd|unknown|placeholder)?\W*+$"
    r"|.*\blorem ipsum\b|\W*(?:insert|your) summary\b"
)


def refuses(case: Case) -> bool:
    """The model speaks of itself, or of the lack of material, instead of answering; or left a blank unfilled."""
    texts = [fold(text) for text in case.told]
    return (
        any(_REFUSAL.search(text) for text in texts)
        or _NO_MATERIAL.match(texts[0]) is not None
        or any(_PLACEHOLDER.match(text) for text in texts)
    )


def says_nothing(case: Case) -> bool:
    """The summary has no word and no figure that tells one thing from another ("The user likes products.")."""
    return not content_words(case.summary) and not any(char.isdigit() for char in case.summary)
