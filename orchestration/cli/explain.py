"""`lmmrec explain`: why an item suits a user, from motivations and from the graph."""

from __future__ import annotations

from typing import Any

import click

_ROUNDING = 1e-6
"""Share of the text part below which what comes through other items' texts is rounding: most forms read none of them."""


@click.command("explain", short_help="Show why an item suits a user.")
@click.argument("dataset")
@click.argument("user_id")
@click.argument("item_id")
@click.option(
    "--base-model", help="Default: that of the published model, or the best on validation that can be explained."
)
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def command(dataset: str, user_id: str, item_id: str, base_model: str | None, form: str) -> None:
    """Show why ITEM_ID suits USER_ID in DATASET: motivations that meet, what the graph says, what the text changed."""
    from assets.embeddings.embed import encoder_of
    from assets.evaluation.explain import explain
    from assets.settings import home_directory, load_settings
    from orchestration.terminal import show_json

    encoder = encoder_of(load_settings(), home_directory())
    found = explain(home_directory(), dataset, user_id, item_id, base_model, encoder)
    if form == "json":
        show_json(found)
    else:
        _show(found)


def _show(found: dict[str, Any]) -> None:
    from orchestration.terminal import safe, show_table

    user, item = found["user"], found["item"]
    click.secho(f"{safe(user['id'])} and {safe(item['title'] or item['id'])} ({safe(item['id'])})", bold=True)
    if found["known_in"]:
        click.echo(f"The pair is known: it stands in the {found['known_in']} part.")
    for who, told in (("user", user), ("item", item)):
        if told["summary"]:
            click.echo(f"\n{who} ({safe(told['provenance'])}): {safe(told['summary'])}")
    click.echo()
    if found["matches"]:
        show_table(found["matches"], ["user", "item", "similarity"], "motivations that meet")
        for who in ("user", "item"):
            for quote in dict.fromkeys(quote for match in found["matches"] for quote in match[f"{who}_quotes"]):
                click.echo(f"  the {who}'s texts say “{safe(quote)}”")
    if found["text_match"]:
        close = found["text_match"]
        click.echo(
            f"Their texts: cosine {close['cosine']:.3f}, closer than {close['percentile']:.0f} % of the items are.\n"
        )
    show_table(found["scores"], ["method", "score", "rank", "items"], "scores")
    click.echo(safe(found["text_influence"]) + "\n")
    if found["neighbours"]:
        rows = [*found["neighbours"]]
        rows.append({"item_id": "other items of the user", "share": found["other_neighbours_share"]})
        rows.append({"item_id": "the user and the item themselves", "share": found["own_share"]})
        columns = ["item_id", "title", "share", *(["of_texts"] if found["text_share"] is not None else [])]
        show_table(rows, columns, f"where the score of {found['scored_by']} comes from")
        if found["text_share"] is not None:
            score = sum(row["share"] for row in rows)
            click.echo(
                f"Of the score {score:.4g}, {score - found['text_share']:.4g} is history and {found['text_share']:.4g} texts."
            )
    if found["text_parts"]:
        _show_text_parts(found["text_parts"], found["text_share"])


def _show_text_parts(parts: dict[str, Any], whole: float) -> None:
    """The text part, split: sentences in their order, then what is none of theirs."""
    from orchestration.terminal import safe, show_table

    rows = [{"of the item's motivation": one["sentence"], "adds": one["adds"]} for one in parts["sentences"]]
    if parts["sentences"]:
        rows.append({"of the item's motivation": "(as a whole, beyond its sentences)", "adds": parts["text_remainder"]})
    else:
        rows.append({"of the item's motivation": "(the whole text)", "adds": parts["text_remainder"]})
    if abs(parts["other_texts"]) > _ROUNDING * abs(whole):
        rows.append({"of the item's motivation": "(texts of items that go with it)", "adds": parts["other_texts"]})
    click.echo()
    show_table(rows, ["of the item's motivation", "adds"], f"where the text part {whole:.4g} is read")
    if parts["sentences_note"]:
        click.echo(safe(parts["sentences_note"]))
    else:
        click.echo(f"Its sentences, none taken away, make up {parts['sentences_said']:.0%} of the vector of the text.")
