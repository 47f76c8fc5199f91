"""What leads to a person or a place outside: links, e-mail addresses, phone numbers, long numbers, keys.

Names that the publisher's own catalogue shows (a title such as "Amazon.com Gift Card") are public and stay.
"""

from __future__ import annotations

import re

from models.language.quality.case import Case

_LINK = re.compile(r"\b(?:https?|ftp|hxxps?|file|data|javascript):/?/?\S|\bwww\.\w", re.IGNORECASE)
_DOMAIN = re.compile(
    r"(?<![\w@.-])(?:[a-z0-9-]+\.)+(?:(?:com|net|org|info|biz|xyz|ru|cn)\b(?!\.\w)|(?:co|com)\.[a-z]{2}\b|[a-z]{2,}/\w)",
    re.IGNORECASE,
)
_E_MAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    r"|\b\w+ ?[(\[] ?at ?[)\]] ?\w+ ?[(\[] ?dot ?[)\]] ?\w{2,}|\b\w+ at \w+ dot (?:com|net|org)\b",
    re.IGNORECASE,
)
_PHONE = re.compile(r"(?<![\w.])(?:\+\d[\d ().-]{7,}\d|(?:1[-. ])?\(?\d{3}\)?[-. ]\d{3}[-. ]\d{4})(?![\w-])")
_NUMBER = re.compile(r"(?<![\w.,])(?:\d{9,}|\d{4}(?:[ -]\d{4}){3}|\d{3}-\d{2}-\d{4})(?![\w]|[.,]\d)")
_SECRET = re.compile(r"\b(?:sk|pk|ghp|gho|xox[abp]|AKIA)[-_]?[A-Za-z0-9_-]{16,}|\bBearer [A-Za-z0-9._~+/-]{16,}")


def points_elsewhere(case: Case) -> bool:
    """A link, or a domain name that is no name of the catalogue."""
    text = case.everything
    if _LINK.search(text):
        return True
    return any(found.group().lower() not in case.catalogue for found in _DOMAIN.finditer(text))


def names_a_person(case: Case) -> bool:
    """An e-mail address or a phone number."""
    return bool(_E_MAIL.search(case.everything) or _PHONE.search(case.everything))


def names_a_number(case: Case) -> bool:
    """Nine digits or more, or the form of a card or insurance number; numbers of the catalogue are public."""
    return any(found.group() not in case.catalogue for found in _NUMBER.finditer(case.everything))


def names_a_secret(case: Case) -> bool:
    """Something of the form of an API key: an endpoint knows the key that it was called with."""
    return _SECRET.search(case.everything) is not None


def leads_to_somebody(text: str) -> bool:
    """Whether a stranger's sentence holds any of the above: such sentences are not quoted."""
    return leads_away(text) or any(pattern.search(text) for pattern in (_DOMAIN, _NUMBER))


def leads_away(text: str) -> bool:
    """Whether a title holds what not even the catalogue makes public: links, addresses, keys."""
    return any(pattern.search(text) for pattern in (_LINK, _E_MAIL, _PHONE, _SECRET))
