"""How to speak to an endpoint: the forms of a chat request, from the most demanding to the plainest.

Compatible endpoints differ in what they take: structured output by schema, JSON without a schema, or neither; `max_tokens` or
`max_completion_tokens`; a temperature or none. What an endpoint refuses is learned once and not tried again; answers are
checked on our side whatever it promises. How answers are read is `openai_chat.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

Structure = Literal["json_schema", "json_object", "plain"]
_PLAINER: dict[Structure, Structure] = {"json_schema": "json_object", "json_object": "plain"}


@dataclass(frozen=True)
class Form:
    """One way to put a request."""

    structure: Structure = "json_schema"
    length_parameter: str = "max_tokens"
    temperature: bool = True

    def body(
        self, model: str, messages: Sequence[Mapping[str, str]], schema: Mapping[str, Any], room: int
    ) -> dict[str, Any]:
        """The request.

        Args:
            model: name at the endpoint.
            messages: roles and texts.
            schema: JSON schema of the answer.
            room: tokens that the answer may take.
        """
        body: dict[str, Any] = {"model": model, "messages": list(messages), self.length_parameter: room}
        if self.temperature:
            body["temperature"] = 0
        if self.structure == "json_schema":
            named = {"name": "motivations", "schema": schema, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": named}
        elif self.structure == "json_object":
            body["response_format"] = {"type": "json_object"}
        return body


class Dialect:
    """What one endpoint has been found to take."""

    def __init__(self) -> None:
        self.form = Form()
        self._proven = False

    def understood(self, form: Form) -> None:
        """An answer came to a request of this form: later refusals are the fault of their rows."""
        if not self._proven:
            self.form, self._proven = form, True

    def instead_of(self, refused: Form, parameter: str | None) -> Form | None:
        """The form to try after a refusal; None where the form is not to blame.

        Args:
            refused: form of the request that the endpoint called a bad one.
            parameter: the parameter that it named, where it named one.
        """
        if parameter == "max_tokens" and refused.length_parameter == "max_tokens":
            return self._learn(refused, replace(refused, length_parameter="max_completion_tokens"))
        if parameter == "temperature" and refused.temperature:
            return self._learn(refused, replace(refused, temperature=False))
        if self._proven and self.form != refused:
            return self.form
        plainer = _PLAINER.get(refused.structure)
        if plainer and (not self._proven or (parameter or "").startswith("response_format")):
            return self._learn(refused, replace(refused, structure=plainer))
        return None

    def _learn(self, refused: Form, instead: Form) -> Form:
        """Others begin with `instead` only where the endpoint said what it refuses, or once an answer proved it."""
        if self._proven and self.form == refused:
            self.form = instead
        return instead
