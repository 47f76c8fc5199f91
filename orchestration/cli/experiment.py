"""`lmmrec experiment`: a table of the paper by one command; started again, it makes only what is missing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click


@click.group("experiment", short_help="Make the table of a paper.")
def command() -> None:
    """Make a table of the paper: what is there and unchanged is reused, so that an interrupted one goes on."""


@command.command("table-1")
@click.option("--dataset", required=True, help="Of the catalogue.")
@click.option("--base-model", default="lightgcn", show_default=True, help="One with embeddings.")
@click.option("--seed", "seeds", multiple=True, type=click.IntRange(min=0), help="Repeatable. Default: 2023 to 2027.")
@click.option("--every-control", is_flag=True, help="Shuffled and random text for the rivals, too.")
@click.option("--protocol", type=click.Choice(["strict", "rlmrec"]), default="strict", show_default=True)
@click.option("--format", "form", type=click.Choice(["table", "csv"]), default="table", show_default=True)
def table_1(
    dataset: str, base_model: str, seeds: tuple[int, ...], every_control: bool, protocol: str, form: str
) -> None:
    """Base, rivals, LMMRec and its controls, EASE and GF-CF with and without texts, and anchors, with tests."""
    from assets.lake import Lake
    from assets.settings import home_directory
    from orchestration.experiments import SEEDS, STRONG, table_one
    from orchestration.planner import Planner

    home, started = home_directory(), datetime.now(UTC)
    requests = table_one(dataset, base_model, tuple(dict.fromkeys(seeds)) or SEEDS, every_control)
    planners = [Planner(home, request, chosen=True, toward="leaderboard") for request in requests]
    for planner in planners:
        if planner.next_launches():
            from orchestration.runner import execute

            execute(home, planner.next_launches)
    there = {address for planner in planners for address in planner.plan().up_to_date}
    records = [Lake(home).record(address) for address in there]
    made = sum(record is not None and record.created_at >= started for record in records)
    click.echo(f"{made} partitions made, {len(there) - made} were up to date in {home}", err=True)
    _show(home, dataset, base_model, protocol, STRONG, form)


def _show(home: Path, dataset: str, base_model: str, protocol: str, beside: tuple[str, ...], form: str) -> None:
    from assets.evaluation.leaderboard import Comparer, leaderboard_rows
    from assets.evaluation.pairing import opened
    from assets.evaluation.report.table_one import as_table
    from assets.evaluation.table_one import table_one
    from assets.evaluation.warehouse import warehouse_path
    from orchestration.terminal import show_table

    with opened(warehouse_path(home)) as connection:
        comparer = Comparer(connection)
        table = as_table(table_one(comparer, leaderboard_rows(comparer), dataset, base_model, protocol, beside))
    if form == "csv":
        click.echo(table.as_csv(), nl=False)
        return
    rows = [
        {
            name: f"{cell.text} ±{cell.spread}" if cell.spread else cell.text
            for name, cell in zip(table.columns, row, strict=True)
        }
        for row in table.rows
    ]
    show_table(rows, table.columns, table.caption)
