"""`lmmrec estimate`: what the motivations of a run would ask and cost, before anything is spent."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from assets.motivations.estimate import PassEstimate
    from assets.settings import Settings


@click.command("estimate", short_help="Show calls, tokens and dollars of a run before it spends anything.")
@click.argument("dataset")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def command(dataset: str, form: str) -> None:
    """Show calls, tokens and dollars that the motivations of DATASET would take.

    Makes the datasets stage first where it is not there: that asks nobody and costs nothing.
    """
    from assets.recipes import Request
    from assets.settings import home_directory, load_settings
    from orchestration.planner import Planner
    from orchestration.terminal import show_json, show_table

    home, settings = home_directory(), load_settings()
    planner = Planner(home, Request(dataset, methods=("base",)), until="datasets")
    if planner.next_launches():
        from orchestration.runner import execute

        execute(home, planner.next_launches)
    passes = _passes(home, dataset, settings)
    rows = [asdict(one) for one in passes]
    if form == "json":
        show_json({"dataset": dataset, "model": settings.chat_model, "passes": rows})
        return
    columns = ["entity", "prompts", "reused", "calls", "input_tokens", "output_tokens", "cost_usd"]
    show_table(rows, columns, f"{dataset} with {settings.chat_model}")
    _say_total(passes, settings)


def _passes(home: Path, dataset: str, settings: Settings) -> list[PassEstimate]:
    """What the named LLM would take, also where the settings ask none: that is the question."""
    from assets.lake import Lake
    from assets.motivations.estimate import estimate

    asked = settings if settings.chat != "extractive" else settings.model_copy(update={"chat": "openai"})
    return estimate(Lake(home), dataset, asked)


def _say_total(passes: list[PassEstimate], settings: Settings) -> None:
    from orchestration.terminal import safe

    calls, tokens = sum(one.calls for one in passes), sum(one.input_tokens + one.output_tokens for one in passes)
    costs = [one.cost_usd for one in passes]
    known = [cost for cost in costs if cost is not None]
    cost = f"{sum(known):,.2f} USD" if len(known) == len(costs) else "price of this model unknown"
    click.echo(f"together: {calls:,} calls, about {tokens:,} tokens, {safe(cost)}")
    if not all(one.exact_prompts for one in passes):
        click.echo("an upper estimate: user prompts hold item summaries that are not written yet")
    if settings.chat == "extractive":
        click.echo("LMMREC_CHAT is extractive, so a run asks nobody; LMMREC_CHAT=openai would take the above")
