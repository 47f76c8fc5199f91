"""The real `lmmrec ui` as a child process, and the few GraphQL calls that tests make to it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

UP_WITHIN_S = 120
_LOCATION = {"repositoryLocationName": "orchestration.definitions", "repositoryName": "__repository__"}
_ENDED = {"SUCCESS", "FAILURE", "CANCELED"}


@dataclass(frozen=True)
class Ui:
    """A running web server and daemon."""

    port: int
    home: Path
    process: subprocess.Popen[str]

    def query(self, text: str, **variables: Any) -> dict[str, Any]:
        body = json.dumps({"query": text, "variables": variables}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            found = json.load(answer)
        assert "errors" not in found, found
        data: dict[str, Any] = found["data"]
        return data

    def launch(self, job: str, tags: dict[str, str]) -> str:
        """Start one run of a job; returns its id."""
        found = self.query(
            """mutation ($params: ExecutionParams!) { launchRun(executionParams: $params) {
                __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }""",
            params={
                "selector": {**_LOCATION, "jobName": job},
                "runConfigData": {},
                "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
            },
        )["launchRun"]
        assert found["__typename"] == "LaunchRunSuccess", found
        return str(found["run"]["runId"])

    def wait_for_run(self, run_id: str, within_s: float) -> str:
        """The status with which a run ends."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            status = str(
                self.query("query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }", id=run_id)[
                    "runOrError"
                ]["status"]
            )
            if status in _ENDED:
                return status
            time.sleep(1)
        raise AssertionError(f"run {run_id} did not end within {within_s} s")

    def checks_of_run(self, run_id: str) -> dict[str, bool]:
        """`asset: check` -> passed, for every check that a run evaluated."""
        found = self.query(
            """query ($id: ID!) { runOrError(runId: $id) { ... on Run { eventConnection { events { __typename
                ... on AssetCheckEvaluationEvent { evaluation { checkName success assetKey { path } } } } } } } }""",
            id=run_id,
        )["runOrError"]["eventConnection"]["events"]
        evaluations = [event["evaluation"] for event in found if event["__typename"] == "AssetCheckEvaluationEvent"]
        return {f"{one['assetKey']['path'][-1]}: {one['checkName']}": one["success"] for one in evaluations}

    def assets_of_run(self, run_id: str) -> set[str]:
        """Assets of which a run made a partition."""
        found = self.query(
            """query ($id: ID!) { runOrError(runId: $id) { ... on Run { assetMaterializations { assetKey { path } } } } }""",
            id=run_id,
        )["runOrError"]["assetMaterializations"]
        return {event["assetKey"]["path"][-1] for event in found}

    def tick(self, schedule: str) -> dict[str, Any]:
        """What a schedule asks for when its time comes, evaluated by the server and not carried out."""
        found: dict[str, Any] = self.query(
            """mutation ($selector: ScheduleSelector!, $at: Float!) {
                scheduleDryRun(selectorData: $selector, timestamp: $at) { __typename
                    ... on DryRunInstigationTick { evaluationResult {
                        error { message } runRequests { runKey tags { key value } } } }
                    ... on PythonError { message } } }""",
            selector={**_LOCATION, "scheduleName": schedule},
            at=time.time(),
        )["scheduleDryRun"]
        assert found["__typename"] == "DryRunInstigationTick", found
        evaluated: dict[str, Any] = found["evaluationResult"]
        return evaluated

    def backfill(self, partitions: dict[str, Sequence[str]]) -> str:
        """Start a backfill over asset -> partition keys; returns its id."""
        found = self.query(
            """mutation ($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
                __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }""",
            params={
                "partitionsByAssets": [
                    {
                        "assetKey": {"path": [asset]},
                        "partitions": {"ranges": [{"start": key, "end": key} for key in keys]},
                    }
                    for asset, keys in partitions.items()
                ]
            },
        )["launchPartitionBackfill"]
        assert found["__typename"] == "LaunchBackfillSuccess", found
        return str(found["backfillId"])

    def wait_for_backfill(self, backfill_id: str, within_s: float) -> str:
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            status = str(
                self.query(
                    """query ($id: String!) { partitionBackfillOrError(backfillId: $id) {
                        ... on PartitionBackfill { status } } }""",
                    id=backfill_id,
                )["partitionBackfillOrError"]["status"]
            )
            if status not in ("REQUESTED", "CANCELING", "FAILING"):
                return status
            time.sleep(1)
        raise AssertionError(f"backfill {backfill_id} did not end within {within_s} s")

    def runs(self) -> list[dict[str, Any]]:
        """Every run there has been: id, job, status, tags."""
        found = self.query("{ runsOrError { ... on Runs { results { runId jobName status tags { key value } } } } }")[
            "runsOrError"
        ]["results"]
        return [{**run, "tags": {tag["key"]: tag["value"] for tag in run["tags"]}} for run in found]


@contextlib.contextmanager
def serving(home: Path) -> Iterator[Ui]:
    """Start `lmmrec ui` in a session of its own, and see to it that nothing of it is left."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", "from orchestration.cli import main; main()", "ui", "--port", str(port)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, "LMMREC_HOME": str(home)},
    )
    ui = Ui(port, home, process)
    try:
        _wait_until_up(ui)
        yield ui
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        finally:
            for left in processes_of(home):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(left, signal.SIGKILL)
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def processes_of(home: Path) -> list[int]:
    """Processes that run on `home`, by their environment."""
    mark, found = f"LMMREC_HOME={home}\0".encode(), []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            with contextlib.suppress(OSError):
                if mark in (folder / "environ").read_bytes() + b"\0":
                    found.append(int(folder.name))
    return found


def _wait_until_up(ui: Ui) -> None:
    deadline = time.monotonic() + UP_WITHIN_S
    while time.monotonic() < deadline:
        if ui.process.poll() is not None:
            said = ui.process.stdout.read() if ui.process.stdout else ""
            raise AssertionError(f"`lmmrec ui` ended with {ui.process.returncode}: {said}")
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            found = ui.query(
                """{ workspaceOrError { ... on Workspace { locationEntries {
                    locationOrLoadError { __typename ... on PythonError { message } } } } } }"""
            )["workspaceOrError"].get("locationEntries", [])
            kinds = [entry["locationOrLoadError"]["__typename"] for entry in found if entry["locationOrLoadError"]]
            assert "PythonError" not in kinds, found
            if kinds == ["RepositoryLocation"]:
                return
        time.sleep(0.5)
    raise AssertionError(f"`lmmrec ui` was not up within {UP_WITHIN_S} s")
