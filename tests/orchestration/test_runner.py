"""What a killed `lmmrec run` leaves behind in Dagster does not hold up the next one."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from orchestration.home import prepare
from orchestration.runner import LAUNCHED_HERE, end_killed_runs

pytestmark = pytest.mark.integration


def test_a_killed_run_gives_back_its_pool_slot_and_one_of_the_ui_keeps_its_own(home: Path) -> None:
    prepare(home)
    started = dg.DagsterRunStatus.STARTED
    with dg.DagsterInstance.get() as instance:
        killed = instance.add_run(dg.DagsterRun("job", status=started, tags=LAUNCHED_HERE))
        alive = instance.add_run(dg.DagsterRun("job", status=started))
        slots = instance.event_log_storage
        for pool, run in (("training", killed), ("encoding", alive)):
            slots.initialize_concurrency_limit_to_default(pool)
            assert slots.claim_concurrency_slot(pool, run.run_id, "step").is_claimed
        end_killed_runs()
        assert slots.claim_concurrency_slot("training", "next", "step").is_claimed
        assert not slots.claim_concurrency_slot("encoding", "next", "step").is_claimed
        statuses = [instance.get_runs(dg.RunsFilter([run.run_id]))[0].status for run in (killed, alive)]
    assert statuses == [dg.DagsterRunStatus.CANCELED, started]


def test_a_home_without_runs_has_nothing_to_end(home: Path) -> None:
    prepare(home)
    end_killed_runs()
