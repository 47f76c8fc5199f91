"""The report's part on what is published and on what is new: the choice, the price of new items, how newcomers are served.

Read from the lake as `selection`, `published_lists`, `cold_item_metrics` and `cold_user_metrics` left it; a part that is
missing comes back empty and the page says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from assets.evaluation.report import svg
from assets.evaluation.report.pictures import Picture
from assets.evaluation.report.svg import Line
from assets.evaluation.report.tables import NOTHING, Cell, Table, display_name, number, p_text, word
from assets.evaluation.selection import read_candidate_rows, read_choice
from assets.evaluation.text_worth.cold_items import DIAL, RANKING
from assets.evaluation.text_worth.cold_items import sentence as items_sentence
from assets.evaluation.text_worth.cold_users import SERVED, TABLE
from assets.evaluation.text_worth.cold_users import sentence as users_sentence
from assets.lake import Address, Lake
from assets.tables import read_frame

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class Published:
    """What is shown to users, and why."""

    why: str = ""
    candidates: Table | None = None
    new_items: str = ""
    """What of the lists is new; empty where nothing has been published."""


@dataclass
class New:
    """Items or users that nobody had seen."""

    said: list[str] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    table: Table | None = None


def published(lake: Lake, dataset: str) -> Published:
    """The choice of `selection` with its candidates, and the share that new items have in the lists."""
    choice = read_choice(lake, dataset)
    if choice is None:
        return Published()
    rows = [
        [
            word(_model(row)),
            word("yes" if row["reads_text"] else "no"),
            Cell(number(row["recall_20"]), is_best=row["standing"] == "published"),
            Cell(number(row["ndcg_20"])),
            Cell(p_text(row["p"])),
            word(str(row["standing"])),
        ]
        for row in read_candidate_rows(lake, dataset)
    ]
    caption = (
        f"Candidates on the validation part of {dataset}, protocol rlmrec, best first; p of the paired t test over users "
        "against the published one, not adjusted. No test pair plays a part in it."
    )
    columns = ["Model", "Reads texts", "Recall@20", "NDCG@20", "p", "Standing"]
    return Published(choice["why"], Table(f"{dataset}-selection", caption, columns, rows), _new_in_lists(lake, dataset))


def new_items(lake: Lake, dataset: str) -> New:
    """How new items are ranked from their texts, and what each share of the places costs known items."""
    found = New()
    rows, costs, finds = [], list[Line](), list[Line]()
    for cell in _cells(lake, "cold_item_metrics", dataset):
        ranking, dial = (read_frame(lake.path(cell) / name) for name in (RANKING, DIAL))
        means, curve = ranking.mean(numeric_only=True), dial.groupby("share", sort=True).mean(numeric_only=True)
        name = _label(cell)
        if cell.variant == "full":
            said = items_sentence(float(means["recall_20"]), float(means["popularity_recall_20"]), curve)
            found.said.append(f"{display_name(str(cell.base_model))}: {said}")
        rows.append(_ranking_row(name, ranking, means))
        free = float(curve["warm_recall_20"].loc[0.0])
        shown = [100.0 * float(share) for share in curve["shown"]]
        kept = [100.0 * float(value) / free if free else 0.0 for value in curve["warm_recall_20"]]
        costs.append(Line(name, list(zip(shown, kept, strict=True)), len(costs)))
        finds.append(Line(name, list(zip(shown, curve["cold_recall_20"].astype(float), strict=True)), len(finds)))
    if rows:
        columns = ["Texts", "New items", "Reading", "Recall@20", "NDCG@20", "Recall@20 by popularity"]
        caption = (
            f"Items of {dataset} taken away from train and ranked among themselves from their texts alone, protocol rlmrec, "
            "mean over draws; beside the order of their hidden popularity, which no model could know."
        )
        found.table = Table(f"{dataset}-new-items", caption, columns, rows)
        axis = "share of the places that new items get, in %"
        found.pictures = [
            _picture(costs, f"What new items cost on {dataset}", axis, "Recall@20 of known items, % of that without"),
            _picture(finds, f"What is found of new items on {dataset}", axis, "Recall@20 of new items"),
        ]
    return found


def newcomers(lake: Lake, dataset: str) -> New:
    """How users who were left out of the fit are served, by what is known of them."""
    found, rows = New(), []
    for cell in _cells(lake, "cold_user_metrics", dataset):
        frame = read_frame(lake.path(cell) / TABLE)
        if cell.variant == "full":
            found.said.append(f"{display_name(str(cell.base_model))}: {users_sentence(frame)}")
        for known, part in frame.groupby("known_items", sort=True):
            values = part.set_index("served_from")["recall_20"].to_dict()
            best = max(values.values())
            cells = [Cell(number(values.get(way)), is_best=values.get(way) == best) for way in SERVED]
            rows.append([word(_label(cell)), Cell(str(known)), *cells])
    if rows:
        caption = (
            f"Recall@20 of users of {dataset} who were left out of the fit, protocol rlmrec, by how many of their items are "
            "known and by what they are served from. Their texts were written from all of their train items: an upper bound."
        )
        columns = ["Texts", "Items known", *(way.capitalize() for way in SERVED)]
        found.table = Table(f"{dataset}-new-users", caption, columns, rows)
    return found


def _new_in_lists(lake: Lake, dataset: str) -> str:
    record = lake.record(Address("published_lists", dataset))
    if record is None:
        return ""
    share, said = record.metadata.get("new_item_share"), record.metadata.get("new_items")
    if not share:
        return "The published lists hold no new items: new_item_share of the catalogue entry is 0."
    if not isinstance(said, int):
        return f"The published lists hold no new items, though {share:.0%} of the places are theirs: {said}."
    shown = float(record.metadata["new_items_shown"])
    return f"{said:,} new items have {shown:.1%} of the places in the published lists, {share:.0%} were asked for."


def _cells(lake: Lake, asset: str, dataset: str) -> list[Address]:
    """The lowest seed of each base model and variant; real texts before their controls."""
    cells = lake.cells(asset, dataset=dataset)
    first = {(cell.base_model, cell.variant): cell for cell in sorted(cells, key=lambda one: -(one.seed or 0))}
    return sorted(first.values(), key=lambda one: (str(one.base_model), one.variant != "full", str(one.variant)))


def _label(cell: Address) -> str:
    texts = "real text" if cell.variant == "full" else str(cell.variant).replace("-", " ")
    return f"{display_name(str(cell.base_model))}, {texts}"


def _ranking_row(name: str, ranking: pd.DataFrame, means: pd.Series[Any]) -> list[Cell]:
    kinds = dict.fromkeys(
        f"{kind}, µ {mu:g}" for kind, mu in zip(ranking["reading"], ranking["shrinkage"], strict=True)
    )
    return [
        word(name),
        Cell(f"{int(ranking['new_items'].iloc[0]):,}"),
        word("; ".join(kinds) or NOTHING),
        *(Cell(number(float(means[column]))) for column in ("recall_20", "ndcg_20", "popularity_recall_20")),
    ]


def _picture(lines: list[Line], title: str, x_label: str, y_label: str) -> Picture:
    return Picture(
        f"{title}: each curve one base model, mean over draws.", svg.line_plot(lines, title, x_label, y_label)
    )


def _model(row: dict[str, Any]) -> str:
    base = display_name(str(row["base_model"]))
    if row["method"] == "anchor":
        return f"{base} (anchor)"
    return base if row["method"] == "base" else f"{base} + {display_name(str(row['method']))}"
