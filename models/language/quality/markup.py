"""Answers that are more than text: HTML, Markdown links, code, turns of a chat template, spreadsheet formulas.

Whoever shows a text escapes it for the place where it is shown; this rule finds models that do what a review told them to.
"""

from __future__ import annotations

import re

from models.language.quality.case import Case

_MARKUP = re.compile(
    r"<[a-z/!][^<>]{0,400}>|!?\[[^\[\]]{0,400}\]\([^()]{0,400}\)|```|<[|｜][^<>]{0,64}[|｜]>"
    r"|\[/?INST\]|<</?SYS>>|^#{2,} |\{\{|\$\{|\x1b"
    r"|[\U000e0000-\U000e007f\u202a-\u202e\u2066-\u2069]",
    re.IGNORECASE | re.MULTILINE,
)
_FORMULA = re.compile(
    r"\s*[=+@-]\s*[A-Za-z]\w*\(|\s*=\s*\S|\s*@\w|.*=(?:HYPERLINK|IMPORT\w+|WEBSERVICE|CMD)\b", re.IGNORECASE
)


def carries_markup(case: Case) -> bool:
    """Markup anywhere, or a text that a spreadsheet would take for a formula."""
    return _MARKUP.search(case.everything) is not None or any(_FORMULA.match(text) for text in case.told)
