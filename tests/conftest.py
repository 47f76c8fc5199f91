"""Fixtures that every room's tests share: an empty home, and the public data sets where they are at hand."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

REPOSITORY = Path(__file__).resolve().parents[1]

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
for variable in [name for name in os.environ if name.startswith(("LMMREC_", "OPENAI_"))]:
    if variable != "LMMREC_DATA":
        del os.environ[variable]

settings.register_profile("suite", max_examples=50, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty LMMREC_HOME; the folder exists."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("LMMREC_HOME", str(folder))
    monkeypatch.setenv("DAGSTER_HOME", str(folder / "dagster"))
    (folder / "dagster").mkdir()
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public data sets: LMMREC_DATA, or `shared/data` beside the checkout."""
    folder = Path(os.environ.get("LMMREC_DATA") or REPOSITORY.parent / "shared" / "data")
    if not (folder / "SHA256SUMS").exists():
        pytest.skip(f"the public data sets are not at {folder}; set LMMREC_DATA to their folder")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that start services come first: while they wait, the other worker computes."""
    items.sort(key=lambda item: item.get_closest_marker("e2e") is None)
