"""Where the report's numbers come from: what each row cost, and the Dagster runs that made it.

Rows of the other tables lead here; a run leads to its page in the Dagster UI.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assets.evaluation.pairing import Subject
from assets.evaluation.report.tables import Cell, Table, place_of, seconds, subject_name, word

if TYPE_CHECKING:
    import duckdb

_SHOWN_OF_A_RUN = 8
"""Characters of its id, as in the Dagster UI."""


def cells_table(connection: duckdb.DuckDBPyConnection, dataset: str) -> Table | None:
    """One row a method and variant: seeds, mean training time and best epoch, and every run that its numbers come from."""
    found = connection.execute(
        "SELECT base_model, method, variant, count(DISTINCT seed), avg(train_seconds), avg(epoch), "
        "list(DISTINCT run_id ORDER BY run_id) FROM metrics WHERE dataset = ? AND metric = 'recall' AND k = 20 "
        "AND protocol = 'strict' GROUP BY base_model, method, variant "
        "ORDER BY method = 'anchor', base_model, method <> 'base', method, variant <> 'full', variant",
        [dataset],
    ).fetchall()
    rows = [
        [
            _row(Subject(dataset, str(base_model), str(method), str(variant), "strict")),
            Cell(str(count)),
            Cell(seconds(spent)),
            Cell("" if epoch is None else f"{epoch:.0f}"),
            runs_cell([str(run) for run in runs if run]),
        ]
        for base_model, method, variant, count, spent, epoch, runs in found
    ]
    if not rows:
        return None
    caption = (
        f"What each row of {dataset} cost, and the runs that made it: training time and best epoch as means over seeds. No "
        "training calls an LLM."
    )
    return Table(f"{dataset}-cells", caption, ["Row", "Seeds", "Training time", "Best epoch", "Runs"], rows)


def materialisations_table(connection: duckdb.DuckDBPyConnection, dataset: str) -> Table | None:
    """Which run made the numbers of which cell."""
    found = connection.execute(
        "SELECT address, run_id, created_at, duration_s FROM runs "
        "WHERE contains(address || '/', ?) AND contains(asset, '_metrics') ORDER BY address",
        [f"/dataset={dataset}/"],
    ).fetchall()
    rows = [
        [
            word(address),
            runs_cell([run_id] if run_id else []),
            word(f"{made:%Y-%m-%d %H:%M:%S} UTC"),
            Cell(seconds(took)),
        ]
        for address, run_id, made, took in found
    ]
    if not rows:
        return None
    caption = f"Where the numbers of {dataset} come from: the materialisation behind each cell."
    return Table(f"{dataset}-materialisations", caption, ["Cell", "Run", "Made", "Took"], rows)


def runs_cell(runs: list[str]) -> Cell:
    """Runs by the beginning of their ids; the page makes links of them."""
    shown = " ".join(run[:_SHOWN_OF_A_RUN] for run in runs)
    return Cell(shown or "not by a Dagster run", is_number=False, runs=tuple(runs))


def _row(subject: Subject) -> Cell:
    return Cell(subject_name(subject), is_number=False, anchor=place_of(subject))
