"""Laws of the lake: whole or not at all, a record that tells the truth, and addresses that survive a round trip."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.lake import RECORD, Address, Lake, write_atomically
from models.errors import LmmrecError

pytestmark = pytest.mark.unit

SPLIT = Address("split", "demo")


def put(lake: Lake, address: Address, content: str = "x", **overrides: object) -> None:
    arguments = {"code_version": "1", "config": {}, "inputs": {}} | overrides
    with lake.write(address, **arguments) as draft:  # type: ignore[arg-type]
        (draft.path / "data.txt").write_text(content)


def test_a_partition_is_read_where_it_was_written(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, SPLIT, "hello")
    assert (lake.read(SPLIT) / "data.txt").read_text() == "hello"


def test_an_exception_inside_leaves_the_previous_generation(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, SPLIT, "first")
    with pytest.raises(RuntimeError), lake.write(SPLIT, code_version="1", config={}, inputs={}) as draft:
        (draft.path / "data.txt").write_text("second")
        raise RuntimeError
    assert (lake.read(SPLIT) / "data.txt").read_text() == "first"
    assert list((tmp_path / "lake" / ".staging").iterdir()) == []


def test_equal_content_has_equal_digests_whatever_it_was_made_of(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, SPLIT, "same", config={"seed": 1})
    first = lake.digest(SPLIT)
    put(lake, SPLIT, "same", config={"seed": 2})
    assert lake.digest(SPLIT) == first
    put(lake, SPLIT, "other")
    assert lake.digest(SPLIT) != first


@pytest.mark.parametrize("damage", ["delete", "truncate", "corrupt-record", "delete-record"])
def test_a_damaged_partition_counts_as_missing(tmp_path: Path, damage: str) -> None:
    lake = Lake(tmp_path)
    put(lake, SPLIT, "hello")
    folder = lake.path(SPLIT)
    match damage:
        case "delete":
            (folder / "data.txt").unlink()
        case "truncate":
            (folder / "data.txt").write_text("hell")
        case "corrupt-record":
            (folder / RECORD).write_text("{")
        case "delete-record":
            (folder / RECORD).unlink()
    assert lake.record(SPLIT) is None
    with pytest.raises(LmmrecError, match="lmmrec run demo"):
        lake.read(SPLIT)


def test_a_kill_between_the_files_leaves_the_previous_generation(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, SPLIT, "first")
    script = (
        "import os, sys; from pathlib import Path; from assets.lake import Address, Lake\n"
        "with Lake(Path(sys.argv[1])).write(Address('split', 'demo'), code_version='1', config={}, inputs={}) as draft:\n"
        "    (draft.path / 'data.txt').write_text('second'); os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False).returncode == 9
    assert (lake.read(SPLIT) / "data.txt").read_text() == "first"


def test_no_write_access_is_one_sentence_with_the_remedy(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("a file where the home should be")
    with pytest.raises(LmmrecError, match="set LMMREC_HOME"):
        put(Lake(blocked), SPLIT)


@pytest.mark.skipif(not Path("/dev/shm").is_dir() or os.getuid() != 0, reason="needs root to mount a small disk")
def test_a_full_disk_is_one_sentence_and_loses_nothing(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)], check=False)
    if mounted.returncode != 0:
        pytest.skip("this machine does not allow mounting a small disk")
    try:
        lake = Lake(disk)
        put(lake, SPLIT, "first")
        with pytest.raises(LmmrecError, match="bytes free"):
            put(lake, SPLIT, "x" * 1_000_000)
        assert (lake.read(SPLIT) / "data.txt").read_text() == "first"
    finally:
        subprocess.run(["umount", str(disk)], check=True)


names = st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,10}", fullmatch=True)


@given(dataset=names, base_model=names, variant=names, seed=st.integers(0, 2**31))
def test_cells_are_found_again_under_the_address_they_were_written_to(
    tmp_path_factory: pytest.TempPathFactory, dataset: str, base_model: str, variant: str, seed: int
) -> None:
    lake = Lake(tmp_path_factory.mktemp("lake"))
    address = Address("base_checkpoint", dataset, base_model, variant=variant, seed=seed)
    put(lake, address)
    assert lake.cells("base_checkpoint", dataset=dataset) == [address]
    assert lake.cells("base_checkpoint", seed=seed + 1) == []


def test_a_file_is_replaced_whole_and_no_temporary_stays(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    write_atomically(path, "one")
    write_atomically(path, b"two")
    assert path.read_text() == "two"
    assert list(path.parent.iterdir()) == [path]


def test_what_a_check_refused_cannot_be_read_until_it_is_made_anew(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, SPLIT, "leaky")
    lake.withdraw(SPLIT, "12 test pairs stand in train too")
    assert lake.record(SPLIT) is None
    assert lake.cells("split") == []
    assert (lake.path(SPLIT) / "data.txt").read_text() == "leaky"
    with pytest.raises(LmmrecError, match="did not pass its checks \\(12 test pairs stand in train too\\)"):
        lake.read(SPLIT)
    put(lake, SPLIT, "sound")
    assert lake.withdrawn(SPLIT) is None
    assert (lake.read(SPLIT) / "data.txt").read_text() == "sound"
