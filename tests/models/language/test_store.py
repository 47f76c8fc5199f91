"""`llm.sqlite`: what is written is on disk, whatever happens to the process, the disk or the file."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from models.errors import LmmrecError
from models.language.store import VERSION, Answer, Attempt, Store

pytestmark = pytest.mark.integration

ATTEMPT = Attempt("chat", "m", "a" * 64, 1, 200, "ok", 10, 5, False, 0.25, 0.1)


def test_what_was_written_is_found_again_and_summed(home: Path) -> None:
    with Store(home / "llm.sqlite") as store:
        store.write(ATTEMPT, Answer("a" * 64, "m", "raw"))
        store.write(ATTEMPT)
    with Store(home / "llm.sqlite") as store:
        assert store.answers(["a" * 64, "b" * 64]) == {"a" * 64: "raw"}
        assert store.spent_usd() == 0.5


def test_threads_that_write_at_once_lose_nothing(home: Path) -> None:
    with Store(home / "llm.sqlite") as store:
        threads = [
            threading.Thread(target=lambda n=n: [store.write(ATTEMPT, Answer(f"{n}-{k}", "m", "x")) for k in range(50)])
            for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(store.answers([f"{n}-{k}" for n in range(8) for k in range(50)])) == 400
        assert store.spent_usd() == 100.0


def test_f29_processes_that_begin_together_write_into_one_store_without_loss(home: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from models.language.store import *\n"
        "with Store(Path(sys.argv[1])) as s:\n"
        "    for k in range(100): s.write(Answer(f'{sys.argv[2]}-{k}', 'm', 'x'))"
    )
    root = Path(__file__).resolve().parents[3]
    command = [sys.executable, "-c", code, str(home / "llm.sqlite")]
    running = [subprocess.Popen([*command, str(n)], cwd=root) for n in range(4)]
    assert [process.wait(timeout=60) for process in running] == [0] * 4
    with Store(home / "llm.sqlite") as store:
        assert len(store.answers([f"{n}-{k}" for n in range(4) for k in range(100)])) == 400


def test_f20_a_full_disk_is_named_and_what_was_written_before_stays(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = home / "llm.sqlite"
    with Store(path) as store:
        store.write(Answer("before", "m", "x" * 2_000))
    connect = Store._connect

    def bounded(self: Store) -> sqlite3.Connection:
        connection = connect(self)
        connection.execute("PRAGMA max_page_count = 12")
        return connection

    with monkeypatch.context() as patched:
        patched.setattr(Store, "_connect", bounded)
        with Store(path) as store:
            with pytest.raises(LmmrecError, match=r"llm\.sqlite could not be written .*full.*free space"):
                store.write(Answer("after", "m", "x" * 200_000), ATTEMPT)
            assert store.spent_usd() == 0
    with Store(path) as store:
        store.write(Answer("after", "m", "x" * 200_000))
        assert set(store.answers(["before", "after"])) == {"before", "after"}


def test_f21_a_file_of_a_newer_version_is_refused_and_left_as_it_is(home: Path) -> None:
    path = home / "llm.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    before = path.read_bytes()
    with pytest.raises(LmmrecError, match=f"newer lmmrec .version {VERSION + 1}"):
        Store(path)
    assert path.read_bytes()[:100][60:64] == before[60:64]


def test_f21_a_zero_byte_file_is_an_empty_store(home: Path) -> None:
    (home / "llm.sqlite").write_bytes(b"")
    with Store(home / "llm.sqlite") as store:
        assert store.answers(["a"]) == {}


def test_f21_a_damaged_page_is_refused_with_the_remedy(home: Path) -> None:
    path = home / "llm.sqlite"
    with Store(path) as store:
        store.write(*(Answer(f"{n:064d}", "m", "x" * 500) for n in range(200)))
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    with pytest.raises(LmmrecError, match=r"llm\.sqlite can"), Store(path) as store:
        store.answers([f"{n:064d}" for n in range(200)])


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_f22_a_path_that_cannot_be_made_is_refused(home: Path) -> None:
    (home / "file").write_text("no folder")
    with pytest.raises(LmmrecError, match="cannot be used"):
        Store(home / "file" / "llm.sqlite")


def test_f22_spaces_and_unicode_in_the_path_do_no_harm(home: Path) -> None:
    path = home / "Größe und ünïcode 数据" / "llm.sqlite"
    with Store(path) as store:
        store.write(Answer("a", "m", "x"))
    assert path.exists()
