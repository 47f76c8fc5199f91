"""The stage as Dagster runs it: whole partitions or none, what makes them stale, and what people see."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from assets.datasets.catalog import USER_CATALOGUE, find_dataset
from assets.graph import recipes
from assets.lake import Address, Lake
from assets.recipes import Situation, stale_reason
from assets.settings import Settings
from tests.assets.datasets.raw import lines, write
from tests.assets.datasets.stage import REPOSITORY, run_stage

pytestmark = pytest.mark.slow

STAGE = ("reviews", "items", "interactions", "split")
ENTRY = """
shop:
  format: table
  reviews: {path: reviews.jsonl}
  items: {path: items.csv}
  core: 2
"""
ROWS = [
    {
        "user_id": f"u{n % 20}",
        "item_id": f"i{n * 3 % 17}",
        "rating": 1 + n % 5,
        "text": f"\x1b[31mred {n}",
        "timestamp": n,
    }
    for n in range(300)
]


@pytest.fixture
def shop(home: Path) -> Path:
    (home / USER_CATALOGUE).write_text(ENTRY)
    write(home / "reviews.jsonl", lines(ROWS))
    write(home / "items.csv", "item_id,title\ni1,One\ni2,Two\n")
    return home


def stale(home: Path, dataset: str = "shop") -> dict[str, str | None]:
    situation = Situation(Settings(), find_dataset(home, dataset))
    return {name: stale_reason(Lake(home), recipes()[name], Address(name, dataset), situation) for name in STAGE}


def test_the_stage_runs_reports_and_passes_its_checks(shop: Path) -> None:
    result = run_stage(shop, "shop")["shop"]
    assert result["failures"] == {}
    assert set(result["metadata"]) == set(STAGE)
    assert all(passed for passed, _ in result["checks"].values())
    assert set(result["checks"]) == {
        "reviews_are_complete",
        "reviews_have_text",
        "items_are_unique",
        "interactions_are_dense",
        "split_is_sound",
    }
    reviews = result["metadata"]["reviews"]
    assert (reviews["rows_read"], reviews["rows_kept"]) == (300, 300)
    assert len(reviews["source_sha256"]) == 64
    assert "\x1b" not in str(reviews["sample"])
    assert [row["filter"] for row in result["metadata"]["interactions"]["rows_after_each_filter"]] == [
        "reviews",
        "one per user and item, the newest",
        "2-core",
    ]
    assert sum(row["interactions"] for row in result["metadata"]["split"]["parts"]) == 300
    assert all("duration_s" in figures for figures in result["metadata"].values())


def test_a_second_run_gives_the_same_bytes_and_nothing_is_stale(shop: Path) -> None:
    run_stage(shop, "shop")
    first = {name: Lake(shop).digest(Address(name, "shop")) for name in STAGE}
    assert stale(shop) == dict.fromkeys(STAGE)
    run_stage(shop, "shop")
    assert {name: Lake(shop).digest(Address(name, "shop")) for name in STAGE} == first


def test_a_changed_raw_file_or_entry_makes_stale_what_reads_it(shop: Path) -> None:
    run_stage(shop, "shop")
    write(shop / "reviews.jsonl", lines(ROWS[:-1]))
    assert stale(shop)["reviews"] == "config changed: source"
    assert stale(shop)["items"] is None
    write(shop / "reviews.jsonl", lines(ROWS))
    (shop / USER_CATALOGUE).write_text(ENTRY.replace("core: 2", "core: 3"))
    assert stale(shop)["interactions"] == "config changed: core"
    assert stale(shop)["split"] is None


BAD_INPUT = """
gone: {format: table, reviews: {path: gone.csv}}
empty-core: {format: table, reviews: {path: reviews.jsonl}, core: 99}
faulty: {format: amazon-2018, reviews: {path: reviews.jsonl}}
timeless: {format: table, reviews: {path: timeless.csv}, split: {kind: temporal}}
by-hand: {format: yelp, reviews: {file: yelp.json, homepage: "https://example.org"}}
tiny: {format: table, reviews: {path: tiny.csv}}
"""


def test_bad_input_ends_in_one_clear_sentence_with_nothing_half_written(shop: Path) -> None:
    (shop / USER_CATALOGUE).write_text(BAD_INPUT)
    write(shop / "timeless.csv", "user_id,item_id\n" + "".join(f"u{n % 5},i{n % 7}\n" for n in range(35)))
    write(shop / "tiny.csv", "user_id,item_id\na,b\n")
    names = ("gone", "empty-core", "faulty", "timeless", "by-hand", "tiny")
    results = run_stage(shop, *names, only="reviews,interactions,split")
    expected = {
        "gone": ("reviews", "does not exist"),
        "empty-core": ("interactions", "nothing is left after the filter '99-core': before it there were"),
        "faulty": ("reviews", "300 of 300 rows are faulty"),
        "timeless": ("split", "35 of 35 interactions have no timestamp"),
        "by-hand": ("reviews", "must be fetched by hand from https://example.org"),
        "tiny": ("split", "the part 'test' is empty"),
    }
    for name, (asset, message) in expected.items():
        assert list(results[name]["failures"]) == [asset], name
        assert message in results[name]["failures"][asset]
        assert "\n" not in results[name]["failures"][asset]
        assert Lake(shop).record(Address(asset, name)) is None
    assert list((shop / "lake" / ".staging").iterdir()) == []


FILL = """
from pathlib import Path
import sys
from assets.datasets.formats import FORMATS
from assets.datasets.formats.rows import RawFile
from assets.datasets.reviews import write_reviews
from assets.datasets.sources import workbench
from assets.lake import Address, Lake
from models.errors import LmmrecError
lake, raw, chosen = Lake(Path(sys.argv[1])), Path(sys.argv[2]), FORMATS["table"]
try:
    with lake.write(Address("reviews", "shop"), code_version="1", config={}, inputs={}) as draft:
        with workbench(draft.path) as (connection, workspace):
            file = RawFile(raw, raw.name, workspace, {})
            write_reviews(connection, chosen.reviews, chosen.rules, file, draft.path, 0.01)
except LmmrecError as error:
    print(error)
    sys.exit(1)
"""


def in_small_disk(folder: Path, kilobytes: int, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command that sees a real file system of that size at `folder`; skips where none may be mounted."""
    mount = f'mount -t tmpfs -o size={kilobytes}k none "{folder}"'
    namespace = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    try:
        allowed = subprocess.run([*namespace, mount], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        allowed = False
    if not allowed:
        pytest.skip("this machine lets nobody mount a small file system")
    script = f'{mount} && "$@"; status=$?; ls -A "{folder}/lake/.staging" 2>/dev/null; exit $status'
    return subprocess.run(
        [*namespace, script, "sh", *command], capture_output=True, text=True, check=False, cwd=REPOSITORY
    )


def test_a_full_disk_ends_in_one_sentence_and_leaves_nothing_behind(tmp_path: Path) -> None:
    texts = [{"user_id": f"u{n}", "item_id": "i", "text": os.urandom(400).hex()} for n in range(4000)]
    raw = write(tmp_path / "reviews.jsonl", lines(texts))
    disk = tmp_path / "disk"
    disk.mkdir()
    done = in_small_disk(disk, 1024, sys.executable, "-c", FILL, str(disk), str(raw))
    assert done.returncode == 1, done.stderr
    assert "could not be written" in done.stdout
    assert "disk full" in done.stdout
    assert "free space or set LMMREC_HOME elsewhere" in done.stdout
    assert len(done.stdout.splitlines()) == 1
    assert in_small_disk(disk, 16 * 1024, sys.executable, "-c", FILL, str(disk), str(raw)).returncode == 0
