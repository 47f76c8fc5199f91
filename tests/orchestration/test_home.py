"""One run at a time on a home, and a home that Dagster can live in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from models.errors import LmmrecError
from orchestration.home import only_one, prepare

pytestmark = pytest.mark.unit

HOLD = """
import sys
from pathlib import Path
from orchestration.home import only_one
with only_one(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMMREC_HOME", os.environ.get("LMMREC_HOME", ""))
    monkeypatch.setenv("DAGSTER_HOME", os.environ.get("DAGSTER_HOME", ""))


def test_a_second_run_on_the_same_home_is_refused_with_the_owner(home: Path) -> None:
    first = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        with (
            pytest.raises(LmmrecError, match=rf"process {first.pid}, since .* is already running on {home}"),
            only_one(home),
        ):
            pass
    finally:
        first.kill()
        first.communicate()
    with only_one(home):
        pass


def test_the_instance_settings_are_put_there_once_and_then_left_to_the_user(tmp_path: Path) -> None:
    folder = prepare(tmp_path / "new")
    settings = folder / "dagster.yaml"
    assert yaml.safe_load(settings.read_text())["telemetry"] == {"enabled": False}
    assert os.environ["DAGSTER_HOME"] == str(folder)
    settings.write_text("telemetry: {enabled: false}\n")
    prepare(tmp_path / "new")
    assert settings.read_text() == "telemetry: {enabled: false}\n"


def test_a_home_that_cannot_be_written_is_refused_with_the_remedy(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("not a folder")
    with pytest.raises(LmmrecError, match=r"cannot write to .*: set LMMREC_HOME to a folder with write access"):
        prepare(blocker / "home")
