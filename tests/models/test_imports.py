"""The models run where nothing of the pipeline is installed, and their settings load where torch is not wanted."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.integration

PIPELINE = {"dagster", "duckdb", "pandas", "great_expectations", "openai", "sentence_transformers", "sklearn", "assets"}


def loaded_by(*modules: str) -> set[str]:
    """Top-level packages in a fresh process after importing `modules`."""
    code = f"import {', '.join(modules)}, sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    return set(found.stdout.split())


def test_training_and_ranking_need_nothing_of_the_pipeline() -> None:
    modules = ("models.training.fit", "models.training.checkpoint", "models.anchors", "models.ranking.significance")
    assert not loaded_by(*modules) & (PIPELINE | {"torch_geometric"})


def test_settings_and_registries_need_no_torch() -> None:
    modules = ("models.training.config", "models.bases", "models.enhancers")
    assert not loaded_by(*modules) & (PIPELINE | {"torch", "scipy", "numpy"})
