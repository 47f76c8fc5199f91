"""`lmmrec run`: plan, run, and say what came out and what to try next."""

from __future__ import annotations

from pathlib import Path

import click

from assets.recipes import STAGES

_SHOWN = (("recall", 10), ("recall", 20), ("ndcg", 10), ("ndcg", 20))
_PROTOCOL = "strict"


@click.command("run", short_help="Make what is missing or stale of a dataset.")
@click.argument("dataset")
@click.option("--base-model", "base_models", multiple=True, help="Repeatable. Default: see below.")
@click.option("--method", "methods", multiple=True, help="Repeatable. Default: all that go with the base models.")
@click.option("--seed", "seeds", multiple=True, type=click.IntRange(min=0), help="Repeatable. Default: 2023.")
@click.option(
    "--also", multiple=True, metavar="ASSET", help="Repeatable. What is made on request alone: density_curve."
)
@click.option("--until", type=click.Choice(STAGES), default=STAGES[-1], help="Last stage to make.")
def command(
    dataset: str,
    base_models: tuple[str, ...],
    methods: tuple[str, ...],
    seeds: tuple[int, ...],
    also: tuple[str, ...],
    until: str,
) -> None:
    """Make what is missing or stale of DATASET, up to recommendations and report.

    What is there and unchanged is reused. With neither --base-model nor --method the candidates that data of this size can
    afford are tried, and the best on validation is published, be it one without texts or an anchor.
    """
    from assets.graph import recipes
    from assets.recipes import Request
    from assets.settings import home_directory
    from orchestration.candidates import CANDIDATE_METHODS, CANDIDATES
    from orchestration.plan import default_methods
    from orchestration.planner import Planner

    home, defaults, open_choice = home_directory(), Request(dataset), not (base_models or methods)
    named = tuple(dict.fromkeys(base_models)) or (CANDIDATES if open_choice else defaults.base_models)
    request = Request(
        dataset,
        base_models=named,
        methods=tuple(dict.fromkeys(methods))
        or (CANDIDATE_METHODS if open_choice else default_methods(recipes(), named)),
        seeds=tuple(dict.fromkeys(seeds)) or defaults.seeds,
        also=also,
    )
    planner = Planner(home, request, until, chosen=bool(methods), open_choice=open_choice)
    if planner.next_launches():
        from orchestration.runner import execute

        execute(home, planner.next_launches)
        made, kept = planner.counts()
        click.echo(f"{made} partitions made, {kept} were up to date in {home}", err=True)
    else:
        click.echo(f"nothing to do: {planner.counts()[1]} partitions up to date in {home}", err=True)
    if planner.note:
        click.echo(planner.note, err=True)
    if until == STAGES[-1]:
        _show_results(home, dataset)


def _show_results(home: Path, dataset: str) -> None:
    from assets.evaluation.warehouse import metrics_rows
    from orchestration.terminal import show_table

    values: dict[tuple[str, str, str], dict[str, list[float]]] = {}
    for row in metrics_rows(home, dataset):
        if row["protocol"] == _PROTOCOL and (row["metric"], row["k"]) in _SHOWN:
            cell = values.setdefault((row["method"], row["base_model"], row["variant"]), {})
            cell.setdefault(f"{row['metric']}@{row['k']}", []).append(row["value"])
    columns = [f"{metric}@{k}" for metric, k in _SHOWN]
    best_first = sorted(values, key=lambda cell: -sum(values[cell][columns[-1]]) / len(values[cell][columns[-1]]))
    table = [
        {"method": method, "base model": base_model, "variant": variant, "seeds": len(values[cell][columns[-1]])}
        | {name: sum(values[cell][name]) / len(values[cell][name]) for name in columns}
        for cell in best_first
        for method, base_model, variant in (cell,)
    ]
    title = f"{dataset}: test part, protocol {_PROTOCOL}, means over seeds, best first"
    show_table(table, ["method", "base model", "variant", "seeds", *columns], title)
    _show_selection(home, dataset)
    _say_next(home, dataset)


def _show_selection(home: Path, dataset: str) -> None:
    from assets.evaluation.selection import read_candidate_rows, read_choice
    from assets.lake import Lake
    from orchestration.terminal import safe, show_table

    lake = Lake(home)
    choice = read_choice(lake, dataset)
    if choice is None:
        return
    columns = ["place", "method", "base_model", "reads_text", "recall_20", "ndcg_20", "p", "standing"]
    show_table(
        read_candidate_rows(lake, dataset),
        columns,
        f"{dataset}: chosen on the validation part, which no row above was measured on",
    )
    click.echo(safe(choice["why"]))


def _say_next(home: Path, dataset: str) -> None:
    from assets.lake import Address, Lake
    from assets.tables import read_column
    from orchestration.terminal import safe

    users = read_column(Lake(home).read(Address("interactions", dataset)) / "users.parquet", "user_id")
    user = safe(str(users[0]))
    click.echo("\nnext:", err=True)
    for line, why in (
        (f"lmmrec recommend {dataset} {user}", "top items of one user, with reasons"),
        ("lmmrec report --open", "curves, buckets and paired tests"),
        ("lmmrec ui", "the graph in the browser"),
    ):
        click.echo(f"  {line:<40} {why}", err=True)
