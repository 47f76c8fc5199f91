"""`lmmrec metrics`: rows of the warehouse's table `metrics`."""

from __future__ import annotations

import click

_COLUMNS = (
    "dataset", "base_model", "method", "variant", "seed", "protocol", "metric", "k", "value", "num_users", "epoch",
    "train_seconds", "run_id", "created_at",
)  # fmt: skip
_ON_SCREEN = _COLUMNS[:-2]


@click.command("metrics", short_help="Show the numbers in the warehouse.")
@click.option("--dataset", help="Only this dataset.")
@click.option("--base-model", help="Only this base model or anchor.")
@click.option("--method", help="Only this method.")
@click.option("--format", "form", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True)
def command(dataset: str | None, base_model: str | None, method: str | None, form: str) -> None:
    """Show the numbers in the warehouse: one row a number, with its protocol."""
    from assets.evaluation.warehouse import metrics_rows
    from assets.settings import home_directory
    from orchestration.terminal import show_csv, show_json, show_table

    rows = metrics_rows(home_directory(), dataset, base_model, method)
    if form == "json":
        show_json(rows)
    elif form == "csv":
        show_csv(rows, _COLUMNS)
    else:
        show_table(rows, _ON_SCREEN)
