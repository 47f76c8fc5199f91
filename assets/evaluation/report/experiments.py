"""The paper's tables of one base model on one dataset, by the name of their experiment, and as files."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from assets.evaluation.experiments import ABLATIONS, STRONG, TARGET
from assets.evaluation.leaderboard import Comparer, summaries
from assets.evaluation.pairing import Subject, opened
from assets.evaluation.recipe import PROTOCOLS
from assets.evaluation.report.ablations import ablation_picture, ablation_table
from assets.evaluation.report.noise import noise_picture, noise_table
from assets.evaluation.report.pictures import Picture
from assets.evaluation.report.printed import said_of, table_one_beside_printed, table_two_beside_printed
from assets.evaluation.report.table_one import as_table
from assets.evaluation.report.tables import Cell, Table, display_name, number, word
from assets.evaluation.table_one import table_one
from assets.evaluation.table_two import figure_two, table_two
from assets.evaluation.warehouse import rebuild
from assets.lake import Lake
from assets.training.data import CONTROLS
from assets.training.noise import NOISE
from assets.training.tuning import ASSET as TUNING
from assets.training.tuning import read_trials


def experiment_table(comparer: Comparer, name: str, dataset: str, base_model: str, protocol: str) -> Table:
    """The table of `table-1`, `table-2` or `figure-2`.

    Raises:
        LmmrecError: its numbers are not there; the text names the command that makes them.
    """
    if name == "table-1":
        return as_table(table_one(comparer, summaries(comparer.connection), dataset, base_model, protocol, STRONG))
    if name == "table-2":
        return ablation_table(table_two(comparer, dataset, base_model, protocol))
    return noise_table(figure_two(comparer, dataset, base_model, protocol))


def write_tables(lake: Lake, name: str, dataset: str, base_model: str, target: Path) -> dict[str, str]:
    """Write the table of both protocols as CSV, LaTeX and Markdown into the folder `target`.

    Returns:
        The Markdown of each protocol, for the asset's metadata.
    """
    shown = {}
    with TemporaryDirectory() as folder:
        warehouse = Path(folder) / "warehouse.duckdb"
        rebuild(lake, warehouse, dataset)
        with opened(warehouse) as connection:
            comparer = Comparer(connection)
            for protocol in PROTOCOLS:
                table = experiment_table(comparer, name, dataset, base_model, protocol)
                (target / f"{protocol}.csv").write_text(table.as_csv(), encoding="utf-8")
                (target / f"{protocol}.tex").write_text(table.as_latex(), encoding="utf-8")
                (target / f"{protocol}.md").write_text(table.as_markdown(), encoding="utf-8")
                shown[f"{protocol}_md"] = table.as_markdown()
    return shown


@dataclass
class Experiment:
    """What the report shows of the paper's tables on one base model."""

    base_model: str
    tables: list[Table] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


def experiments(
    comparer: Comparer, lake: Lake, board: Sequence[Mapping[str, Any]], known: Sequence[Subject], *protocols: str
) -> list[Experiment]:
    """One a base model that has ablations, noise, or rivals of LMMRec; pictures are of the first protocol.

    Args:
        board: rows of the leaderboard.
        known: the subjects of one dataset.
    """
    dataset, found = known[0].dataset, []
    for base_model in sorted({one.base_model for one in known if one.method == TARGET}):
        own = [one for one in known if one.base_model == base_model and not one.is_anchor]
        variants = {one.variant for one in own}
        methods = {one.method for one in own if one.variant == "full"}
        shown = Experiment(display_name(base_model))
        for protocol in protocols:
            if methods - {"base", TARGET} or set(CONTROLS) <= variants:
                one = table_one(comparer, board, dataset, base_model, protocol, STRONG)
                shown.tables.append(as_table(one))
                if printed := table_one_beside_printed(one):
                    shown.tables.append(printed)
            if variants & set(ABLATIONS):
                rows = table_two(comparer, dataset, base_model, protocol)
                shown.tables.append(ablation_table(rows))
                if printed := table_two_beside_printed(rows):
                    shown.tables.append(printed)
                if protocol == protocols[0]:
                    shown.pictures.append(ablation_picture(rows, shown.tables[-1]))
            if variants & set(NOISE):
                points = figure_two(comparer, dataset, base_model, protocol)
                shown.tables.append(noise_table(points))
                if protocol == protocols[0]:
                    shown.pictures.append(noise_picture(points, shown.tables[-1]))
        if shown.tables:
            shown.said = said_of(dataset)
            if trials := _trials(lake, dataset, base_model):
                shown.tables.append(trials)
            found.append(shown)
    return found


def _trials(lake: Lake, dataset: str, base_model: str) -> Table | None:
    """Every trial of the tuning; None where nothing was tuned."""
    rows = []
    for cell in lake.cells(TUNING, dataset=dataset, base_model=base_model):
        method = str(cell.method)
        for row in read_trials(lake.path(cell)):
            name = display_name(base_model) if method == "base" else display_name(method)
            rows.append(
                [
                    word(name),
                    Cell(str(row["trial"])),
                    Cell(f"{row['learning_rate']:.3g}"),
                    Cell(f"{row['l2']:.0e}"),
                    Cell("" if row["weight"] is None or math.isnan(row["weight"]) else f"{row['weight']:.3g}"),
                    Cell(number(row["recall_20"]), is_best=bool(row["chosen"])),
                    Cell(number(row["ndcg_20"])),
                    Cell(str(row["best_epoch"])),
                ]
            )
    if not rows:
        return None
    return Table(
        f"{dataset}-{base_model}-trials",
        f"Trials on {dataset}, {display_name(base_model)}: all settings tried on validation, as many for every method; "
        "the first is the method without tuning, the bold one was taken.",
        ["Method", "Trial", "Rate", "L2", "Weight", "Recall@20, validation", "NDCG@20, validation", "Best epoch"],
        rows,
    )
