"""What a run of the motivations would ask and cost, before anything is spent.

Prompts are taken from the lake where they are up to date with their inputs, and rendered in memory otherwise. User prompts
need the item motivations; where those are not there yet, each item counts with a summary of the full length, so the figure is
an upper estimate. Requests that have an answer in the store cost nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from assets.datasets.catalog import find_dataset
from assets.graph import recipes
from assets.lake import Address, Lake
from assets.motivations.chat import configured_chat_model
from assets.motivations.config import PROMPTS as CONFIG
from assets.motivations.fallback import catalogue
from assets.motivations.sources import require_text
from assets.motivations.tables import MOTIVATION_TYPES, MOTIVATIONS, MotivationRow, read_requests, write_rows
from assets.motivations.write_prompts import iterate_requests
from assets.recipes import Situation, stale_reason
from assets.settings import Settings
from models.language.chat import ChatRequest, Entity
from models.language.motivation import MAX_WORDS


@dataclass(frozen=True)
class PassEstimate:
    """One pass, over the items or over the users."""

    entity: Entity
    prompts: int
    reused: int
    """Prompts whose answer is at hand."""
    calls: int
    input_tokens: int
    """Estimated at four bytes a token."""
    output_tokens: int
    """Estimated from what an answer takes on average."""
    cost_usd: float | None
    """None where the price of the model is not known."""
    exact_prompts: bool
    """False where summaries that are not written yet had to be assumed."""


def estimate(lake: Lake, dataset: str, settings: Settings) -> list[PassEstimate]:
    """The item pass and the user pass of `dataset`; with the chat model `extractive` nobody is asked.

    Args:
        lake: holds at least `reviews`, `items`, `interactions` and `split` of the dataset.
        dataset: its name.
        settings: who would answer.

    Raises:
        LmmrecError: the dataset is not split yet, or has no text.
    """
    inputs = {asset: lake.read(Address(asset, dataset)) for asset in ("reviews", "items", "interactions", "split")}
    require_text(dataset, inputs)
    situation = Situation(settings, find_dataset(lake.home, dataset))
    return [_estimate_pass(entity, lake, dataset, inputs, situation) for entity in ("item", "user")]


def _estimate_pass(
    entity: Entity, lake: Lake, dataset: str, inputs: Mapping[str, Path], situation: Situation
) -> PassEstimate:
    model, prompts = configured_chat_model(situation.settings, lake.home), 0
    with tempfile.TemporaryDirectory() as scratch:
        requests, exact = _requests(entity, lake, dataset, inputs, situation, Path(scratch))

        def counted() -> Iterator[ChatRequest]:
            nonlocal prompts
            for request in requests:
                prompts += 1
                yield request

        expense = model.expense(counted())
    reused = prompts - expense.calls if situation.settings.chat != "extractive" else 0
    return PassEstimate(
        entity,
        prompts,
        reused,
        expense.calls,
        expense.input_tokens,
        expense.output_tokens,
        expense.cost_usd,
        exact,
    )


def _requests(
    entity: Entity, lake: Lake, dataset: str, inputs: Mapping[str, Path], situation: Situation, scratch: Path
) -> tuple[Iterator[ChatRequest], bool]:
    """(prompts, whether they are those that would be sent)."""

    def up_to_date(asset: str) -> bool:
        return stale_reason(lake, recipes()[asset], Address(asset, dataset), situation) is None

    folders, exact = dict(inputs), True
    if entity == "user":
        exact = up_to_date("item_motivations") and up_to_date("item_prompts")
        made = lake.path(Address("item_motivations", dataset))
        folders["item_motivations"] = made if exact else _assumed_summaries(scratch, inputs)
    if exact and up_to_date(f"{entity}_prompts"):
        prompts = lake.path(Address(f"{entity}_prompts", dataset))
        return (request for request, _, _ in read_requests(prompts, entity, CONFIG.version)), exact
    return (request for _, request in iterate_requests(entity, folders, scratch)), exact


def _assumed_summaries(scratch: Path, inputs: Mapping[str, Path]) -> Path:
    """A motivations file in which every item has a summary of the full length."""
    folder = scratch / "item_motivations"
    folder.mkdir()
    assumed = " ".join(["summary"] * MAX_WORDS["item"])
    rows = (
        MotivationRow(index, name, assumed, "assumed").as_row()
        for index, name in catalogue("item", inputs["interactions"])
    )
    write_rows(rows, MOTIVATION_TYPES, folder / MOTIVATIONS)
    return folder
