"""The graph as Dagster sees it: what there is, what it costs to load, and that every part says what it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from assets.graph import recipes
from assets.partitions import BASE_MODELS, DATASETS, GRID
from assets.recipes import STAGES
from assets.resources import Installation
from assets.settings import Settings
from models.errors import LmmrecError
from orchestration.definitions import check_one_installation, defs

pytestmark = pytest.mark.integration

SNAPSHOT = Path(__file__).with_name("graph.json")
HEAVY = ("torch", "torch_geometric", "great_expectations", "openai", "sentence_transformers")
MAX_CPU_S = 1.5
MAX_RSS_MB = 110.0
MEASURE = """
import json, resource, sys
import orchestration.definitions
used = resource.getrusage(resource.RUSAGE_SELF)
# The peak that getrusage gives survives an exec, so it would be that of pytest.
peak_kb = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({
    "modules": sorted(set(sys.modules) & set(sys.argv[1:])),
    "cpu_s": used.ru_utime + used.ru_stime,
    "rss_mb": peak_kb / 1024,
}))
"""


def graph() -> dict[str, object]:
    """What a reader of the UI relies on, as plain JSON."""
    nodes = {node.key.to_user_string(): node for node in defs.resolve_asset_graph().asset_nodes}
    checks = defs.resolve_asset_graph().asset_check_keys
    return {
        "assets": {
            name: {
                "group": node.group_name,
                "deps": sorted(key.to_user_string() for key in node.parent_keys),
                "partitions": _shape(node.partitions_def),
            }
            for name, node in sorted(nodes.items())
        },
        "checks": sorted(f"{key.asset_key.to_user_string()}: {key.name}" for key in checks),
        "jobs": sorted(job.name for job in defs.resolve_all_job_defs() if not job.name.startswith("__")),
        "schedules": sorted(schedule.name for schedule in defs.schedules or ()),
        "sensors": sorted(sensor.name for sensor in defs.sensors or ()),
    }


def _shape(partitions: dg.PartitionsDefinition | None) -> str:  # type: ignore[type-arg]
    if partitions is None:
        return "-"
    return "d" if partitions == DATASETS else "d×b" if partitions == GRID else "?"


def specs() -> list[dg.AssetSpec]:
    return sorted(defs.resolve_all_asset_specs(), key=lambda spec: spec.key.to_user_string())


def test_the_graph_is_what_the_snapshot_says() -> None:
    """After a wanted change: `python -m tests.orchestration.test_definitions` writes it anew; read the difference."""
    assert graph() == json.loads(SNAPSHOT.read_text(encoding="utf-8"))


def test_assets_are_the_recipes() -> None:
    assert {spec.key.to_user_string() for spec in specs()} == set(recipes())
    assert {spec.group_name for spec in specs()} == set(STAGES)


@pytest.mark.parametrize("spec", specs(), ids=lambda spec: spec.key.to_user_string())
def test_every_asset_says_what_it_is(spec: dg.AssetSpec) -> None:
    assert spec.description
    assert spec.owners
    assert spec.kinds
    assert spec.code_version
    if "parquet" in spec.kinds:
        schema = spec.metadata["dagster/column_schema"]
        assert isinstance(schema, dg.TableSchema)
        assert all(column.description for column in schema.columns)


def test_checks_have_the_partitions_of_their_assets() -> None:
    nodes = {node.key: node for node in defs.resolve_asset_graph().asset_nodes}
    checks = [check for definition in defs.asset_checks or () for check in definition.check_specs]  # type: ignore[union-attr]
    assert checks
    for check in checks:
        assert check.partitions_def == nodes[check.asset_key].partitions_def, check.name
        assert check.description, check.name


def test_what_must_stop_spending_or_training_is_blocking() -> None:
    blocking = {
        check.asset_key.to_user_string()
        for definition in defs.asset_checks or ()
        for check in definition.check_specs  # type: ignore[union-attr]
        if check.blocking
    }
    assert {"split", "item_motivations", "user_motivations", "text_embeddings"} <= blocking


def test_the_installation_shows_every_setting() -> None:
    assert set(Installation.model_fields) == set(Settings.model_fields)
    assert Installation().settings == Settings()


def test_base_models_are_those_of_the_registry() -> None:
    from models.bases import BASES

    assert set(BASE_MODELS) == set(BASES)


def test_loading_the_definitions_is_cheap() -> None:
    measured = subprocess.run(
        [sys.executable, "-c", MEASURE, *HEAVY], capture_output=True, text=True, check=True, env={**os.environ}
    )
    found = json.loads(measured.stdout)
    assert found["modules"] == []
    assert found["cpu_s"] <= MAX_CPU_S
    assert found["rss_mb"] <= MAX_RSS_MB


def test_rooms_from_different_places_are_refused() -> None:
    with pytest.raises(LmmrecError, match="another package of the same name comes first"):
        check_one_installation(Path("/one/orchestration"), Path("/other/assets"))


def test_another_projects_assets_are_refused_when_they_come_first(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "__init__.py").write_text("")
    ran = subprocess.run(
        [sys.executable, "-c", "import orchestration.definitions"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert ran.returncode == 1
    assert "another package of the same name comes first" in ran.stderr


@pytest.mark.parametrize("folder", [Path(__file__).resolve().parents[2], Path("/")])
def test_dagster_validates_the_workspace_from_any_folder(folder: Path, home: Path) -> None:
    workspace = Path(__file__).resolve().parents[2] / "workspace.yaml"
    ran = subprocess.run(
        [sys.executable, "-m", "dagster", "definitions", "validate", "-w", str(workspace)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    assert ran.returncode == 0, ran.stderr


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps(graph(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
