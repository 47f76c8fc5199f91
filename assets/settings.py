"""Settings of one installation, read from the environment (design: "Command line").

What a *model* is lives in its own config beside the model; what a *dataset* is lives in the catalogue. Here is only where
things are written and which services are called. The API key is read at the moment of the call and never kept here.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.errors import LmmrecError

ChatKind = Literal["extractive", "openai", "openai-batch"]
EncoderKind = Literal["minilm", "openai", "lsa", "both"]
PresetKind = Literal["entry", "lmmrec", "rlmrec", "budget"]
DeviceKind = Literal["auto", "cpu", "cuda"]
UI_URL = "http://127.0.0.1:3000"
"""Where `lmmrec ui` serves unless told otherwise."""


class Settings(BaseModel):
    """One field per environment variable; the variable is `LMMREC_` and the field's name in capitals."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    chat: ChatKind = "extractive"
    """Who writes motivations: `extractive` (no LLM, from the reviews themselves), `openai` (any compatible endpoint) or
    `openai-batch` (the same through its batch service: half the price, within a day; either finds the other's answers)."""
    chat_model: str = "gpt-4o-mini"
    """Model name sent to the endpoint; the paper's is gpt-4o-mini."""
    openai_base_url: str | None = None
    """Endpoint; None means the SDK's own default. Environment: OPENAI_BASE_URL."""
    chat_concurrency: int = Field(default=16, ge=1, le=1024)
    """Requests in flight at once, at most; how many the endpoint sustains is found out on the way."""
    chat_row_tokens: int = Field(default=20_000, ge=1_000)
    """Tokens that one user or item may cost, re-asks included."""
    chat_ask_again: bool = False
    """Ask once more about users and items that earlier runs gave up for good (refusals, answers that broke a law)."""
    chat_timeout_s: float = Field(default=120.0, gt=0, le=3600)
    """Of one request as a whole."""
    chat_budget_usd: float | None = Field(default=None, ge=0)
    """Stop before more than this is spent; None means no bound."""
    chat_batch_poll_s: float = Field(default=30.0, gt=0, le=3600)
    """Seconds between two looks at a batch; looks become rarer, up to twenty times this."""
    encoder: EncoderKind = "minilm"
    """Text encoder; the paper's is `openai` with text-embedding-3-large. `both` is minilm and lsa side by side."""
    encoder_model: str | None = None
    """Model of the encoder; None means its own default."""
    device: DeviceKind = "auto"
    """Where training runs; `auto` takes CUDA where it is usable."""
    threads: int | None = Field(default=None, ge=1)
    """CPU threads of training and encoding; None means all cores of the machine, or one where `processes` is set."""
    processes: int | None = Field(default=None, ge=1)
    """Processes that make the cells of one asset at once, with `threads` each; None makes them one after the other in the
    process of the step. How many there are changes no number. `lmmrec experiment` takes one a core."""
    trials: int = Field(default=0, ge=0, le=1000)
    """Settings that an experiment tries on validation, the same number for the base and for every method on it; 0 takes them
    as they are."""
    ui_url: str = Field(default=UI_URL, pattern=r"^https?://[^\s\"'<>]+$")
    """Address of the Dagster UI, as the readers of the report reach it: its rows link to the runs that made them."""
    preset: PresetKind = "entry"
    """Training preset in the place of the catalogue entry's, or `entry`: that one. What another trained is stale then."""


_UNPREFIXED = {"openai_base_url": "OPENAI_BASE_URL"}


def variable_of(field: str) -> str:
    """The environment variable that sets `field`."""
    return _UNPREFIXED.get(field, f"LMMREC_{field.upper()}")


def load_settings(environment: dict[str, str] | None = None) -> Settings:
    """Settings from the environment; an empty variable counts as unset.

    Raises:
        LmmrecError: a variable holds a value that its field does not take.
    """
    environment = dict(os.environ) if environment is None else environment
    given = {name: value for name in Settings.model_fields if (value := environment.get(variable_of(name)))}
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise LmmrecError(
            f"{variable_of(name)}={given[name]!r} is not usable: {first['msg']}; correct or unset the variable."
        ) from None


def home_directory(environment: dict[str, str] | None = None) -> Path:
    """`LMMREC_HOME`, or `.lmmrec` in the current directory; absolute, not necessarily there yet."""
    environment = dict(os.environ) if environment is None else environment
    return Path(environment.get("LMMREC_HOME") or ".lmmrec").expanduser().absolute()
