"""`lmmrec run` and what it leaves behind, on a small shop: made once, reused after, re-made where something changed."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from assets.lake import RECORD, Address, Lake, Record
from tests.orchestration import shop
from tests.processes import start

pytestmark = pytest.mark.slow

NOTHING_TO_DO_WITHIN_S = 10.0


def lmmrec(home: Path, *arguments: str, status: int = 0) -> tuple[str, str]:
    """(stdout, stderr) of one command that ends with `status`."""
    process = start(home, *arguments)
    out, err = process.communicate(timeout=300)
    assert process.returncode == status, err
    assert "Traceback" not in err
    return out, err


def records(home: Path) -> dict[str, Record]:
    """Every complete partition of the lake by address."""
    found = [Record.model_validate_json(path.read_bytes()) for path in (home / "lake").rglob(RECORD)]
    return {record.address: record for record in found}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the shop has been run once."""
    folder = tmp_path_factory.mktemp("run") / "home"
    folder.mkdir()
    rows = shop.reviews()
    wordless = [{key: value for key, value in row.items() if key != "body"} for row in rows]
    columns = {key: value for key, value in shop.COLUMNS.items() if key != "text"}
    shop.declare(
        folder,
        my_shop=shop.entry(shop.write_reviews(folder / "reviews.csv", rows)),
        wordless=shop.entry(
            shop.write_reviews(folder / "wordless.csv", wordless),
            reviews={"path": str(folder / "wordless.csv"), "columns": columns},
        ),
    )
    out, err = lmmrec(folder, "run", "my-shop")
    assert "lmmrec" in out
    assert "popularity" in out
    assert "is published: Recall@20" in out
    assert "partitions made" in err
    return folder


def test_a_second_run_finds_nothing_to_do_at_once(home: Path) -> None:
    before, started = records(home), time.monotonic()
    out, err = lmmrec(home, "run", "my-shop")
    assert time.monotonic() - started < NOTHING_TO_DO_WITHIN_S
    assert "nothing to do" in err
    assert "recall@20" in out
    assert records(home) == before


def test_planning_that_finds_nothing_loads_no_torch(home: Path) -> None:
    code = (
        "import sys\n"
        "from orchestration.cli import status_of\n"
        "assert status_of(['run', 'my-shop']) == 0\n"
        "assert not {'torch', 'great_expectations', 'sentence_transformers'} & set(sys.modules)"
    )
    subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, env={**os.environ, "LMMREC_HOME": str(home)}
    )


def remade(before: dict[str, Record], after: dict[str, Record]) -> set[str]:
    """Assets of which a partition was made between the two."""
    return {
        address.split("/")[0]
        for address in after
        if address not in before or after[address].run_id != before[address].run_id
    }


def test_a_deleted_file_is_made_anew_and_what_comes_out_the_same_makes_nothing_else_stale(home: Path) -> None:
    before = records(home)
    (Lake(home).path(Address("text_embeddings", "my-shop")) / "users.npy").unlink()
    lmmrec(home, "run", "my-shop")
    after = records(home)
    assert remade(before, after) == {"text_embeddings", "user_text_leak"}  # of one run; no training behind it
    assert {name: record.digest for name, record in after.items()} == {
        name: record.digest for name, record in before.items()
    }


def test_a_change_makes_anew_what_depends_on_it_and_nothing_before_it(home: Path) -> None:
    before = records(home)
    catalogue = home / "datasets.yaml"
    catalogue.write_text(catalogue.read_text().replace("core: 2", "core: 2\n  preset: rlmrec", 1))
    lmmrec(home, "run", "my-shop", "--method", "base")
    assert remade(before, records(home)) == {
        "base_checkpoint",
        "base_metrics",
        "recommendations",
        "selection",
        "leaderboard",
        "report",
    } | ({"published_lists"} & remade(before, records(home)))


def test_another_seed_is_added_and_the_first_is_kept(home: Path) -> None:
    before = records(home)
    lmmrec(home, "run", "my-shop", "--method", "base", "--seed", "2023", "--seed", "2024")
    after = records(home)
    assert set(after) - set(before) == {
        f"{asset}/dataset=my-shop/base_model=lightgcn/variant=full/seed=2024"
        for asset in ("base_checkpoint", "base_metrics")
    }
    first = "base_checkpoint/dataset=my-shop/base_model=lightgcn/variant=full/seed=2023"
    assert after[first] == before[first]


def test_machine_formats_are_clean(home: Path) -> None:
    out, err = lmmrec(home, "metrics", "--dataset", "my-shop", "--format", "json")
    rows = json.loads(out)
    assert err == ""
    assert {row["method"] for row in rows} == {"base", "lmmrec", "text-prior", "anchor"}
    out, _ = lmmrec(home, "metrics", "--dataset", "my-shop", "--format", "csv")
    assert len(list(csv.DictReader(io.StringIO(out)))) == len(rows)


def test_a_user_gets_items_she_does_not_have_with_reasons(home: Path) -> None:
    found = json.loads(lmmrec(home, "recommend", "my-shop", "c001", "-k", "3", "--format", "json")[0])
    assert [row["rank"] for row in found] == [1, 2, 3]
    owned = {row["sku"] for row in shop.reviews() if row["customer"] == "c001"}
    assert not owned & {row["item_id"] for row in found}
    assert all(row["reason"] for row in found)
    explained = json.loads(lmmrec(home, "explain", "my-shop", "c001", found[0]["item_id"], "--format", "json")[0])
    assert {row["method"] for row in explained["scores"]} < {"base", "lmmrec", "text-prior"}
    assert "motivations that meet" in lmmrec(home, "explain", "my-shop", "c001", found[0]["item_id"])[0]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("recommend", "my-shop", "c999"), "c999"),
        (("explain", "my-shop", "c001", "s999"), "s999"),
        (("recommend", "my-shop", "c001", "--method", "uist"), "'uist'"),
        (("metrics", "--dataset", "other"), "'other'"),
    ],
)
def test_unknown_users_items_and_methods_are_one_sentence(home: Path, arguments: tuple[str, ...], named: str) -> None:
    out, err = lmmrec(home, *arguments, status=1)
    assert out == ""
    assert err.startswith("lmmrec: ")
    assert err.count("\n") == 1
    assert named in err


def test_estimate_and_report_answer(home: Path) -> None:
    assert "user" in lmmrec(home, "estimate", "my-shop")[0]
    path = Path(lmmrec(home, "report")[0].strip())
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_without_texts_only_what_needs_none_is_done_and_said(home: Path) -> None:
    _, err = lmmrec(home, "run", "wordless")
    assert "has no texts" in err
    lake = Lake(home)
    assert lake.cells("base_metrics", dataset="wordless")
    assert not lake.cells("lmmrec_metrics", dataset="wordless")
    assert not lake.cells("item_prompts", dataset="wordless")
    _, err = lmmrec(home, "run", "wordless", "--method", "lmmrec", status=1)
    assert "has no texts, and lmmrec cannot do without" in err


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_leaves_nothing_half_written_and_goes_on(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    other = tmp_path / "home"
    shop.declare(other, my_shop=shop.entry(shop.write_reviews(tmp_path / "reviews.csv", shop.reviews())))
    process = start(other, "run", "my-shop")
    deadline = time.monotonic() + 120
    while not (other / "lake" / "split").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == status, err
    assert "Traceback" not in err
    assert not any((other / "lake" / ".staging").iterdir())
    done = records(other)
    assert "split/dataset=my-shop" in done
    if number == signal.SIGINT:
        lmmrec(other, "run", "my-shop", "--until", "embeddings")
        assert done.items() <= records(other).items()
