"""`lmmrec experiment` with real processes: one result whatever their number; a killed one repeats nothing that was done."""

from __future__ import annotations

import csv
import io
import signal
import time
from pathlib import Path

import pytest

from assets.lake import RECORD, Record
from tests.orchestration import shop
from tests.processes import start

pytestmark = pytest.mark.slow

TABLE_TWO = ("experiment", "table-2", "--dataset", "my-shop", "--seed", "1", "--format", "csv")
FIGURE_TWO = ("experiment", "figure-2", "--dataset", "my-shop", "--seed", "1", "--noise-seeds", "1", "--format", "csv")
VARIANTS = 6
"""The base, LMMRec whole, and without each of four parts."""


def lmmrec(home: Path, *arguments: str) -> tuple[str, str]:
    process = start(home, *arguments, LMMREC_ENCODER="lsa")
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    return out, err


def records(home: Path, *assets: str) -> dict[str, Record]:
    """Complete partitions of the lake by address."""
    paths = [path for path in (home / "lake").rglob(RECORD) if ".staging" not in path.parts]
    found = [Record.model_validate_json(path.read_bytes()) for path in paths]
    return {one.address: one for one in found if one.address.split("/")[0].endswith(assets)}


def trained(home: Path) -> dict[str, Record]:
    return records(home, "_checkpoint")


def declared(folder: Path) -> Path:
    folder.mkdir()
    shop.declare(folder, my_shop=shop.entry(shop.write_reviews(folder / "reviews.csv", shop.reviews())))
    return folder


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which one process made Table II."""
    home = declared(tmp_path_factory.mktemp("one") / "home")
    out, err = lmmrec(home, *TABLE_TWO, "--processes", "1")
    rows = list(csv.reader(io.StringIO(out)))
    assert rows[1][0] == "LightGCN + LMMRec"
    assert [row[0] for row in rows if "against the whole" in row[0]][-1] == "LightGCN against the whole"
    assert f"({VARIANTS} trainings)" in err
    return home


def stopped(home: Path, number: signal.Signals, after: int) -> int:
    """Start Table II with two processes, stop it after so many trainings; its exit status."""
    process = start(home, *TABLE_TWO, "--processes", "2", LMMREC_ENCODER="lsa")
    deadline = time.monotonic() + 300
    while len(trained(home)) < after and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert number == signal.SIGKILL or process.returncode == 130
    return process.returncode


def test_killed_and_started_again_it_repeats_nothing_and_two_processes_give_the_bytes_of_one(
    undisturbed: Path, tmp_path: Path
) -> None:
    home, done = declared(tmp_path / "home"), {}
    for number, after in ((signal.SIGKILL, 1), (signal.SIGINT, 3)):
        stopped(home, number, after)
        time.sleep(2)  # a process whose parent was killed ends within half a second
        now = trained(home)
        assert after <= len(now) < VARIANTS
        assert {address: now[address] for address in done} == done
        done = now
    _, err = lmmrec(home, *TABLE_TWO, "--processes", "2")
    after_all = trained(home)
    assert {address: after_all[address] for address in done} == done
    assert f"({len(after_all) - len(done)} trainings" in err
    assert "up to date" in err
    kinds = ("_checkpoint", "_metrics", "table_2")
    assert {name: one.digest for name, one in records(home, *kinds).items()} == {
        name: one.digest for name, one in records(undisturbed, *kinds).items()
    }
    before = records(home, "")
    _, err = lmmrec(home, *TABLE_TWO, "--processes", "2")
    assert "0 partitions to make" in err
    assert records(home, "") == before


def test_noise_curves_share_the_clean_cells_with_the_table(undisturbed: Path) -> None:
    before = trained(undisturbed)
    out, err = lmmrec(undisturbed, *FIGURE_TWO, "--processes", "1")
    rows = {row[0]: row[1:] for row in csv.reader(io.StringIO(out))}
    assert {f"LightGCN, {percent}% noise" for percent in range(0, 35, 5)} <= rows.keys()
    assert "LightGCN + LMMRec, 30% noise against LightGCN, 30% noise" in rows
    assert "(12 trainings)" in err
    after = trained(undisturbed)
    assert {address: after[address] for address in before} == before


def test_the_table_is_the_same_on_the_terminal_in_the_lake_and_beside_the_report(undisturbed: Path) -> None:
    out, _ = lmmrec(undisturbed, *TABLE_TWO)
    folder = undisturbed / "lake" / "table_2" / "dataset=my-shop" / "base_model=lightgcn"
    assert (folder / "strict.csv").read_text(encoding="utf-8") == out
    assert (undisturbed / "reports" / "my-shop-lightgcn-table-2-strict.csv").read_text(encoding="utf-8") == out
    assert (folder / "strict.tex").read_text(encoding="utf-8").count(r"\\") == len(out.splitlines())
    assert (folder / "strict.md").read_text(encoding="utf-8").count("\n|") >= len(out.splitlines())
