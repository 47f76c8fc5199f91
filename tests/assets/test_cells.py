"""Cells of a partition: chosen by config, each judged by itself, and withdrawn one by one."""

from pathlib import Path

import pytest

from assets.cells import CellConfig, chosen_cells
from assets.checking import check_cells
from assets.expectations import Finding
from assets.lake import Address, Lake
from models.errors import LmmrecError

pytestmark = pytest.mark.unit


def test_without_variants_the_method_names_them() -> None:
    cells = chosen_cells("lmmrec_metrics", "demo", "lightgcn", CellConfig(seeds=[1, 2]))
    assert [(cell.variant, cell.seed) for cell in cells] == [
        ("full", 1),
        ("full", 2),
        ("shuffled-text", 1),
        ("shuffled-text", 2),
    ]
    assert [cell.variant for cell in chosen_cells("base_metrics", "demo", "lightgcn", CellConfig())] == ["full"]


def test_a_launch_without_seeds_is_refused() -> None:
    with pytest.raises(LmmrecError, match="give at least one, none below 0"):
        chosen_cells("base_metrics", "demo", "lightgcn", CellConfig(seeds=[]))


def test_only_the_cell_that_fails_is_withdrawn(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    cells = [Address("base_metrics", "demo", "lightgcn", variant="full", seed=seed) for seed in (1, 2)]
    for cell in cells:
        with lake.write(cell, code_version="1", config={}, inputs={}) as draft:
            (draft.path / "file").write_text(str(cell.seed))

    def look(cell: Address) -> list[Finding]:
        return [Finding(rule="seeds are odd", column="", passed=cell.seed == 1, observed="observed")]

    result = check_cells(lake, cells, look)
    assert not result.passed
    assert lake.cells("base_metrics") == cells[:1]
    assert "seeds are odd" in str(lake.withdrawn(cells[1]))


def test_a_warning_withdraws_nothing(tmp_path: Path) -> None:
    lake, cell = Lake(tmp_path), Address("base_metrics", "demo", "lightgcn", variant="full", seed=1)
    with lake.write(cell, code_version="1", config={}, inputs={}) as draft:
        (draft.path / "file").write_text("1")
    finding = Finding(rule="seeds are even", column="", passed=False, observed="1", severity="warning")
    assert not check_cells(lake, [cell], lambda cell: [finding]).passed
    assert lake.cells("base_metrics") == [cell]
