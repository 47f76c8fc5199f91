"""`lmmrec experiment`: the paper's tables by one command; started again, it makes only what is missing."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import duckdb

    from assets.evaluation.report.tables import Table


def _common(function: Callable[..., None]) -> Callable[..., None]:
    """The options that all experiments have."""
    options = (
        click.option("--dataset", required=True, help="Of the catalogue."),
        click.option(
            "--base-model", "base_models", multiple=True, help="Repeatable; with embeddings. Default: lightgcn."
        ),
        click.option(
            "--seed", "seeds", multiple=True, type=click.IntRange(min=0), help="Repeatable. Default: 2023 to 2027."
        ),
        click.option(
            "--processes", type=click.IntRange(min=1), help="That train at once, one thread each. Default: the cores."
        ),
        click.option(
            "--trials", type=click.IntRange(min=0), help="Settings tried on validation for each method. Default: 0."
        ),
        click.option(
            "--preset",
            type=click.Choice(["lmmrec", "rlmrec", "budget"]),
            help="How models are trained. Default: as the catalogue entry says.",
        ),
        click.option("--protocol", type=click.Choice(["strict", "rlmrec"]), default="strict", show_default=True),
        click.option(
            "--format",
            "form",
            type=click.Choice(["table", "csv", "latex", "markdown"]),
            default="table",
            show_default=True,
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


def _noise_seeds(function: Callable[..., None]) -> Callable[..., None]:
    return click.option(
        "--noise-seeds",
        type=click.IntRange(min=1),
        default=2,
        show_default=True,
        help="How many of the seeds the noise curves take.",
    )(function)


@click.group("experiment", short_help="Make the tables of the paper.")
def command() -> None:
    """Make tables of the paper: what is there and unchanged is reused, so that an interrupted one goes on."""


@command.command("table-1")
@_common
@click.option("--every-control", is_flag=True, help="Shuffled and random text for the rivals, too.")
def table_1(**asked: Any) -> None:
    """Base, rivals, LMMRec and its controls, EASE and GF-CF with and without texts, and anchors, with tests."""
    _make(("table-1",), **asked)


@command.command("table-2")
@_common
def table_2(**asked: Any) -> None:
    """LMMRec whole and without each of its parts, beside the bare base."""
    _make(("table-2",), **asked)


@command.command("figure-2")
@_common
@_noise_seeds
def figure_2(**asked: Any) -> None:
    """Base and LMMRec where 5 to 30 % of pairs that never happened are added to train."""
    _make(("figure-2",), **asked)


@command.command("all")
@_common
@_noise_seeds
@click.option("--every-control", is_flag=True, help="Shuffled and random text for the rivals, too.")
def everything(**asked: Any) -> None:
    """Table I, Table II and Fig. 2, and the report over them."""
    from assets.evaluation.experiments import TABLES

    _make(tuple(TABLES), **asked)


def _make(
    names: Sequence[str],
    dataset: str,
    base_models: tuple[str, ...],
    seeds: tuple[int, ...],
    processes: int | None,
    trials: int | None,
    preset: str | None,
    protocol: str,
    form: str,
    noise_seeds: int = 1,
    every_control: bool = False,
) -> None:
    _set(LMMREC_PROCESSES=processes, LMMREC_TRIALS=trials, LMMREC_PRESET=preset)
    from assets.evaluation.experiments import TABLES
    from assets.settings import home_directory, load_settings
    from orchestration.experiments import SEEDS, requests_of
    from orchestration.planner import Planner, Together

    home, started = home_directory(), datetime.now(UTC)
    bases, chosen = tuple(dict.fromkeys(base_models)) or ("lightgcn",), tuple(dict.fromkeys(seeds)) or SEEDS
    requests = requests_of(names, dataset, bases, chosen, chosen[:noise_seeds], every_control, load_settings().trials)
    toward = ("leaderboard", "tuning", *(TABLES[name] for name in names))
    together = Together(
        [Planner(home, request, chosen=True, toward=toward, lastly=("report",)) for request in requests]
    )
    wanted, kept = together.cells()
    click.echo(f"{len(wanted)} partitions to make, {len(kept)} up to date in {home}", err=True)
    if wanted:
        from orchestration.runner import execute

        execute(home, together.next_launches)
    _tell(home, together.cells()[1], started)
    for base_model in bases:
        for name in names:
            _show(home, name, dataset, base_model, protocol, form)


def _set(**given: int | str | None) -> None:
    """What was asked for as settings, before anybody reads them; one process a core with one thread each where nothing says
    otherwise."""
    os.environ.update({name: str(value) for name, value in given.items() if value is not None})
    threads = int(os.environ.setdefault("LMMREC_THREADS", "1"))
    os.environ.setdefault("LMMREC_PROCESSES", str(max(1, len(os.sched_getaffinity(0)) // max(1, threads))))


def _tell(home: Path, there: Any, started: datetime) -> None:
    from assets.lake import Lake

    lake = Lake(home)
    records = [(address, lake.record(address)) for address in there]
    made = [(address, record) for address, record in records if record and record.created_at >= started]
    trained = sum(address.asset.endswith("_checkpoint") for address, _ in made)
    resumed = sum(bool(record.metadata.get("resumed_at_epoch")) for _, record in made)
    going_on = f", {resumed} of which went on where they were stopped" if resumed else ""
    click.echo(
        f"{len(made)} partitions made ({trained} trainings{going_on}), {len(records) - len(made)} reused in {home}",
        err=True,
    )


def _show(home: Path, name: str, dataset: str, base_model: str, protocol: str, form: str) -> None:
    from assets.evaluation.pairing import opened
    from assets.evaluation.warehouse import warehouse_path
    from orchestration.terminal import show_table

    with opened(warehouse_path(home)) as connection:
        table = _table(connection, name, dataset, base_model, protocol)
    written = {"csv": table.as_csv, "latex": table.as_latex, "markdown": table.as_markdown}
    if form in written:
        click.echo(written[form]().rstrip("\n"))
        return
    rows = [
        {
            name: f"{cell.text} ±{cell.spread}" if cell.spread else cell.text
            for name, cell in zip(table.columns, row, strict=True)
        }
        for row in table.rows
    ]
    show_table(rows, table.columns, table.caption)


def _table(connection: duckdb.DuckDBPyConnection, name: str, dataset: str, base_model: str, protocol: str) -> Table:
    from assets.evaluation.leaderboard import Comparer
    from assets.evaluation.report.experiments import experiment_table

    return experiment_table(Comparer(connection), name, dataset, base_model, protocol)
