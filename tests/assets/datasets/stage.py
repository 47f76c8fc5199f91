"""Materializes the stage for some datasets in a process of its own, since partitions are those of its home at import.

`run_stage(home, "shop")` starts it and returns what `python -m tests.assets.datasets.stage shop` prints: for each dataset
whether it succeeded, the failures in words, the metadata by asset, and the checks.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[3]


def run_stage(home: Path, *datasets: str, only: str = "") -> dict[str, Any]:
    environment = {**os.environ, "LMMREC_HOME": str(home), "GX_ANALYTICS_ENABLED": "false"}
    command = [sys.executable, "-W", "ignore", "-m", "tests.assets.datasets.stage", only, *datasets]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _materialize(dataset: str, only: str) -> dict[str, Any]:
    import dagster as dg

    from assets.datasets.assets import ASSETS
    from assets.datasets.checks import CHECKS
    from assets.resources import Installation

    chosen = [asset for asset in ASSETS if not only or asset.key.to_user_string() in only.split(",")]
    names = {asset.key for asset in chosen}
    result = dg.materialize(
        [*chosen, *(check for check in CHECKS if {key.asset_key for key in check.check_keys} <= names)],
        partition_key=dataset,
        resources={"installation": Installation(threads=2)},
        raise_on_error=False,
    )
    failures = {
        event.step_key: str(
            getattr(event.step_failure_data.user_failure_data, "description", event.step_failure_data.error)
        )
        for event in result.all_events
        if event.is_step_failure
    }
    metadata = {
        event.asset_key.to_user_string(): {
            key: [record.data for record in value.records] if isinstance(value, dg.TableMetadataValue) else value.value
            for key, value in event.materialization.metadata.items()
        }
        for event in result.all_events
        if event.is_step_materialization and event.asset_key
    }
    checks = {check.check_name: [check.passed, check.severity.value] for check in result.get_asset_check_evaluations()}
    return {"success": result.success, "failures": failures, "metadata": metadata, "checks": checks}


if __name__ == "__main__":
    print(json.dumps({name: _materialize(name, sys.argv[1]) for name in sys.argv[2:]}, default=str))  # noqa: T201
