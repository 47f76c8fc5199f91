"""The house's one direction: orchestration -> assets -> models; and Dagster only where wiring belongs."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]
ABOVE = {"models": {"assets", "orchestration"}, "assets": {"orchestration"}}
WIRING = {"assets.py", "checks.py"}
STAGES = ("datasets", "motivations", "embeddings", "training", "evaluation")
MODELS_MAY_NOT = {"dagster", "duckdb", "pandas", "great_expectations"}


def modules(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Top-level packages that a module imports anywhere, inside functions too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
    return {name.split(".")[0] for name in names}


@pytest.mark.parametrize("room", ABOVE)
def test_no_room_reaches_up(room: str) -> None:
    wrong = {str(path.relative_to(ROOT)): found for path in modules(room) if (found := imported(path) & ABOVE[room])}
    assert wrong == {}


def test_models_need_no_pipeline_libraries() -> None:
    wrong = {
        str(path.relative_to(ROOT)): found for path in modules("models") if (found := imported(path) & MODELS_MAY_NOT)
    }
    assert wrong == {}


@pytest.mark.parametrize("stage", STAGES)
def test_only_wiring_imports_dagster(stage: str) -> None:
    wrong = [
        str(path.relative_to(ROOT))
        for path in modules(f"assets/{stage}")
        if path.name not in WIRING and "dagster" in imported(path)
    ]
    assert wrong == []


@pytest.mark.parametrize("room", ["models", "assets", "orchestration"])
def test_every_folder_is_a_package_and_every_module_says_what_it_is(room: str) -> None:
    folders = {path.parent for path in modules(room)}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").exists()] == []
    silent = [
        str(path.relative_to(ROOT))
        for path in modules(room)
        if path.read_text(encoding="utf-8").strip()
        and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []
