"""`lmmrec recommend`: the top items of one user."""

from __future__ import annotations

import click


@click.command("recommend", short_help="Show the top items of one user.")
@click.argument("dataset")
@click.argument("user_id", required=False)
@click.option("--text", help="What somebody new wants, in her words; in place of USER_ID.")
@click.option("--items", help="Ids of items that somebody new has, with commas between them; alone or beside --text.")
@click.option("--base-model", help="Default: with no method either, the model that is published.")
@click.option("--method", help="Default: one that reads text, where it has been trained.")
@click.option("-k", "k", type=int, default=10, show_default=True, help="How many items.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def command(
    dataset: str,
    user_id: str | None,
    text: str | None,
    items: str | None,
    base_model: str | None,
    method: str | None,
    k: int,
    form: str,
) -> None:
    """Show the top items of USER_ID in DATASET with reasons, or those of somebody new: from items that she has (--items),
    from what she says she wants (--text), or from both."""
    from assets.evaluation.recommendations import recommend
    from assets.settings import home_directory
    from orchestration.terminal import show_json, show_table

    is_new = text is not None or items is not None
    if (user_id is not None) == is_new:
        raise click.UsageError("give either USER_ID, or --items, --text or both")
    if is_new and (base_model or method):
        raise click.UsageError(
            "somebody new is served by the best model that can read her: leave --base-model and --method"
        )
    if is_new:
        from assets.embeddings.embed import encoder_of
        from assets.evaluation.newcomers import recommend_for_newcomer
        from assets.settings import load_settings

        ids = [part.strip() for part in (items or "").split(",") if part.strip()]
        encoder = encoder_of(load_settings(), home_directory())
        rows = recommend_for_newcomer(home_directory(), dataset, text, ids, encoder, k)
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
