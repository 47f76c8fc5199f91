"""`lmmrec recommend`: the top items of one user."""

from __future__ import annotations

import click


@click.command("recommend", short_help="Show the top items of one user.")
@click.argument("dataset")
@click.argument("user_id")
@click.option("--base-model", default="lightgcn", show_default=True)
@click.option("--method", help="Default: one that reads text, where it has been trained.")
@click.option("-k", "k", type=int, default=10, show_default=True, help="How many items.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def command(dataset: str, user_id: str, base_model: str, method: str | None, k: int, form: str) -> None:
    """Show the top items of USER_ID in DATASET, with titles and reasons."""
    from assets.evaluation.recommendations import recommend
    from assets.settings import home_directory
    from orchestration.terminal import show_json, show_table

    rows = recommend(home_directory(), dataset, user_id, base_model, method, k)
    if form == "json":
        show_json(rows)
    else:
        show_table(rows, ["rank", "item_id", "title", "score", "reason"], f"{dataset}, user {user_id}")
