"""One shop from raw file to report with everything against it: hostile reviews and titles, held-out words, no network, a key.

The same run answers for F13 (nothing hostile is obeyed), F32 (no word of validation or test comes out), F33 (no network is
needed or tried) and F34 (the key is nowhere).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from assets.lake import Address, Lake
from assets.tables import connect
from tests.assets.motivations.hostile import BYTES, FORMS, ORDERS, PAGES
from tests.orchestration import shop

pytestmark = [pytest.mark.slow, pytest.mark.e2e]

CANARY, KEY = "zebraquokka", "sk-live-hostile-shop-0123456789"
MARKER = "markedwalrus"
ATTACKS = [
    text for name, text in (ORDERS | FORMS | BYTES | PAGES).items() if name not in ("lone surrogate", "nul and control")
]
GUARD = """
import os, sys
def watch(event, arguments):
    if event == "socket.connect":
        address = arguments[1]
        inside = isinstance(address, (str, bytes)) or str(address[0]) in ("127.0.0.1", "::1", "localhost")
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        inside = str(arguments[0]) in ("127.0.0.1", "::1", "localhost", "None", "") or str(arguments[0]) == os.uname().nodename
    else:
        return
    if not inside:
        with open(os.environ["TRIED"], "a") as file:
            print(event, arguments, file=file)
        raise OSError("there is no network")
sys.addaudithook(watch)
"""


def lmmrec(home: Path, *arguments: str) -> tuple[str, str]:
    """(stdout, stderr) of one command that succeeds, without a network and with a key in its environment."""
    guard = home.parent / "guard"
    guard.mkdir(exist_ok=True)
    (guard / "sitecustomize.py").write_text(GUARD)
    environment = os.environ | {
        "LMMREC_HOME": str(home),
        "PYTHONPATH": str(guard),
        "TRIED": str(home.parent / "tried"),
        "OPENAI_API_KEY": KEY,
    }
    done = subprocess.run(
        [sys.executable, "-c", "from orchestration.cli import main; main()", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environment,
        cwd=home,
        timeout=400,
    )
    out, err = done.stdout.decode(), done.stderr.decode()
    assert done.returncode == 0, err
    assert "Traceback" not in err
    return out, err


def parts_of(home: Path) -> dict[tuple[str, str], str]:
    """(customer, sku) -> part of the split."""
    lake = Lake(home)
    split, interactions = (lake.read(Address(asset, "my-shop")) for asset in ("split", "interactions"))
    found = {}
    with connect() as connection:
        for part in ("train", "validation", "test"):
            rows = connection.execute(
                "SELECT a.user_id, a.item_id FROM read_parquet(?) a SEMI JOIN read_parquet(?) b USING (user_idx, item_idx)",
                [str(interactions / "interactions.parquet"), str(split / f"{part}.parquet")],
            ).fetchall()
            found.update(dict.fromkeys(rows, part))
    return found


def declare(home: Path, rows: list[dict[str, str]], titles: dict[str, str]) -> None:
    items = [{"sku": sku, "name": name} for sku, name in titles.items()]
    shop.write_reviews(home / "items.csv", items)
    source = {"path": str(home / "items.csv"), "columns": {"item_id": "sku", "title": "name"}}
    shop.declare(home, my_shop=shop.entry(shop.write_reviews(home / "reviews.csv", rows), items=source))


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], str]:
    """Which pair goes where: it follows from the pairs, not from their words."""
    home = tmp_path_factory.mktemp("clean") / "home"
    home.mkdir()
    rows = shop.reviews()
    declare(home, rows, {row["sku"]: f"Thing {row['sku']}" for row in rows})
    lmmrec(home, "run", "my-shop", "--until", "datasets")
    return parts_of(home)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, parts: dict[tuple[str, str], str]) -> tuple[Path, str]:
    """A home after a whole run on poisoned and hostile texts, and all that the run printed."""
    home = tmp_path_factory.mktemp("hostile") / "home"
    home.mkdir()
    rows = shop.reviews()
    for number, row in enumerate(rows):
        if parts.get((row["customer"], row["sku"])) in ("validation", "test"):
            row["body"] = f"{CANARY} {row['body']} {CANARY}."
        elif row["sku"] in ("s003", "s004"):
            row["body"] = f"{row['body']} {MARKER}. {ATTACKS[number % len(ATTACKS)]}"
    titles = {f"s{at:03}": f"Thing {ATTACKS[at % len(ATTACKS)][:300]}" for at in range(40)}
    declare(home, rows, titles)
    printed = "".join(lmmrec(home, "run", "my-shop", "--base-model", "lightgcn"))
    assert parts_of(home) == parts
    return home, printed


@pytest.fixture(scope="module")
def shown(ran: tuple[Path, str]) -> dict[str, str]:
    """What every command that shows texts prints."""
    home = ran[0]
    commands = {
        "recommend": ("recommend", "my-shop", "c003"),
        "recommend as JSON": ("recommend", "my-shop", "c003", "--format", "json"),
        "explain": ("explain", "my-shop", "c003", "s003"),
        "explain as JSON": ("explain", "my-shop", "c004", "s004", "--format", "json"),
        "metrics as CSV": ("metrics", "--format", "csv"),
        "doctor": ("doctor",),
    }
    return {name: "".join(lmmrec(home, *arguments)) for name, arguments in commands.items()}


def texts_of(home: Path) -> Iterator[tuple[str, str]]:
    """(relative path, all text) of every file that the run made from the reviews, Parquet unpacked."""
    for path in sorted(home.rglob("*")):
        relative = path.relative_to(home).as_posix()
        if not path.is_file() or (path.parent == home and path.suffix == ".csv"):
            continue
        if path.suffix == ".parquet":
            with connect() as connection:
                yield (
                    relative,
                    connection.execute("SELECT * FROM read_parquet(?)", [str(path)]).df().to_json(date_format="iso"),
                )
        else:
            yield relative, path.read_bytes().decode("utf-8", "replace")


def test_f32_no_word_of_validation_or_test_comes_out_anywhere(ran: tuple[Path, str], shown: dict[str, str]) -> None:
    """But for the raw table itself, and the sample of its rows that the UI shows beside it."""
    found = {name for name, text in texts_of(ran[0]) if CANARY in text}
    assert {name.split("/")[1] for name in found if not name.startswith("dagster/")} == {"reviews"}
    assert CANARY not in ran[1]
    assert [name for name, text in shown.items() if CANARY in text] == []


def test_f13_hostile_texts_did_come_through_the_whole_run(ran: tuple[Path, str]) -> None:
    found = {name.split("/")[1] for name, text in texts_of(ran[0]) if MARKER in text and name.startswith("lake/")}
    assert {"reviews", "item_prompts"} <= found


def test_f13_no_command_prints_what_a_terminal_would_obey(ran: tuple[Path, str], shown: dict[str, str]) -> None:
    for name, text in {"run": ran[1], **shown}.items():
        obeyed = {char for char in text if char not in "\n\r" and unicodedata.category(char)[0] == "C"}
        assert obeyed == set(), name
        assert "\r" not in text, name


class Tags(HTMLParser):
    """Tags and where they lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action", "data")]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


def test_f13_the_report_holds_hostile_texts_as_text_alone(ran: tuple[Path, str]) -> None:
    (page,) = (ran[0] / "reports").rglob("*.html")
    tags = Tags(page.read_text(encoding="utf-8"))
    assert not {"script", "iframe", "img", "object", "form"} & tags.names
    assert tags.handlers == []
    elsewhere = [link for link in tags.links if re.match(r"(?i)\s*(javascript|data|https?):", link)]
    assert all(re.fullmatch(r"http://127\.0\.0\.1:3000/runs/[0-9a-f-]{36}", link) for link in elsewhere)
    for table in page.parent.glob("*.csv"):
        assert not re.search(r"(?m)(^|,)\"?[=@]", table.read_text(encoding="utf-8")), table.name


def test_f13_machine_formats_stay_whole(shown: dict[str, str]) -> None:
    found = json.loads(shown["recommend as JSON"])
    assert {"rank", "item_id", "title"} <= set(found[0])
    assert json.loads(shown["explain as JSON"])["item"]["id"] == "s004"


def test_f33_no_command_tried_to_reach_a_network(ran: tuple[Path, str], shown: dict[str, str]) -> None:
    assert shown
    assert not (ran[0].parent / "tried").exists(), (ran[0].parent / "tried").read_text()


def test_f33_the_demo_needs_no_network(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    lmmrec(home, "run", "demo", "--until", "motivations")
    assert Lake(home).record(Address("validated_motivations", "demo")) is not None
    assert not (tmp_path / "tried").exists()


def test_f33_the_guard_would_have_seen_it(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(GUARD)
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "TRIED": str(tmp_path / "tried")}
    program = "import socket; socket.create_connection(('192.0.2.1', 80), 1)"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True)
    assert done.returncode != 0
    assert "192.0.2.1" in (tmp_path / "tried").read_text()


def test_f33_telemetry_is_off(ran: tuple[Path, str]) -> None:
    settings = (ran[0] / "dagster" / "dagster.yaml").read_text(encoding="utf-8")
    assert re.search(r"telemetry:\s*\n\s*enabled: false", settings)


def test_f34_the_key_stands_in_no_file_and_no_output(ran: tuple[Path, str], shown: dict[str, str]) -> None:
    assert [name for name, text in texts_of(ran[0]) if KEY in text] == []
    assert KEY not in ran[1] + "".join(shown.values())
