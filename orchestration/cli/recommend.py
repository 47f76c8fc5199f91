"""`lmmrec recommend`: the top items of one user."""

from __future__ import annotations

import click


@click.command("recommend", short_help="Show the top items of one user.")
@click.argument("dataset")
@click.argument("user_id", required=False)
@click.option("--text", help="What somebody new wants, in her words; in place of USER_ID.")
@click.option("--base-model", help="Default: with no method either, the model that is published.")
@click.option("--method", help="Default: one that reads text, where it has been trained.")
@click.option("-k", "k", type=int, default=10, show_default=True, help="How many items.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def command(
    dataset: str, user_id: str | None, text: str | None, base_model: str | None, method: str | None, k: int, form: str
) -> None:
    """Show the top items of USER_ID in DATASET, or of somebody new who says what she wants (--text), with reasons."""
    from assets.evaluation.recommendations import recommend
    from assets.settings import home_directory
    from orchestration.terminal import show_json, show_table

    if (user_id is None) == (text is None):
        raise click.UsageError("give either USER_ID or --text")
    if text is not None:
        from assets.embeddings.embed import encoder_of
        from assets.evaluation.newcomers import recommend_for_text
        from assets.settings import load_settings

        rows = recommend_for_text(home_directory(), dataset, text, encoder_of(load_settings(), home_directory()), k)
    else:
        assert user_id is not None
        rows = recommend(home_directory(), dataset, user_id, base_model, method, k)
    if form == "json":
        show_json(rows)
    else:
        show_table(
            rows,
            ["rank", "item_id", "title", "score", "reason"],
            f"{dataset}, user {user_id}" if user_id else f"{dataset}, somebody new",
        )
