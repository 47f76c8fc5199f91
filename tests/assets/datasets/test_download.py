"""Downloads over real loopback HTTP: mirrors that are missing, cut off or lie, resumed transfers, and clear words."""

import hashlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from assets.datasets import download
from assets.datasets.catalog import Source
from assets.datasets.download import fetch, target_of, verify
from assets.datasets.sources import place
from models.errors import LmmrecError

pytestmark = pytest.mark.integration

CONTENT = bytes(range(256)) * 4096
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Mirrors:
    """A loopback server: /good serves and resumes, /whole ignores ranges, /cut breaks off, /lie serves other bytes."""

    address: str = ""
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    cuts_left: int = 0

    def url(self, path: str) -> str:
        return f"{self.address}/{path}/data.json.gz"


@pytest.fixture
def mirrors(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirrors]:
    state = Mirrors()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind = self.path.split("/")[1]
            wanted = self.headers.get("Range")
            state.requests.append((kind, wanted))
            if kind in ("missing", "busy"):
                self.send_error(404 if kind == "missing" else 503)
                return
            body, start = CONTENT[::-1] if kind == "lie" else CONTENT, 0
            if wanted and kind != "whole":
                start = int(wanted.removeprefix("bytes=").removesuffix("-"))
                if start >= len(body):
                    self.send_error(416)
                    return
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            if kind == "cut" and state.cuts_left > 0:
                state.cuts_left -= 1
                self.wfile.write(body[start : start + 300_000])
                return
            self.wfile.write(body[start:])

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setattr(download, "BACKOFF_S", 0.01)
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_download_is_put_in_place_whole_and_not_fetched_again(tmp_path: Path, mirrors: Mirrors) -> None:
    target = tmp_path / "downloads" / "data"
    assert fetch([mirrors.url("good")], SHA256, target).read_bytes() == CONTENT
    fetch([mirrors.url("good")], SHA256, target)
    assert len(mirrors.requests) == 1
    assert [path.name for path in target.parent.iterdir()] == ["data"]


def test_a_cut_connection_is_resumed_where_it_broke_off(tmp_path: Path, mirrors: Mirrors) -> None:
    mirrors.cuts_left = 2
    assert fetch([mirrors.url("cut")], SHA256, tmp_path / "data").read_bytes() == CONTENT
    assert mirrors.requests == [("cut", None), ("cut", "bytes=300000-"), ("cut", "bytes=600000-")]


def test_what_an_earlier_run_fetched_is_not_fetched_again(tmp_path: Path, mirrors: Mirrors) -> None:
    mirrors.cuts_left = 99
    with pytest.raises(LmmrecError, match="cut after"):
        fetch([mirrors.url("cut")], SHA256, tmp_path / "data")
    assert not (tmp_path / "data").exists()
    mirrors.cuts_left = 0
    mirrors.requests.clear()
    assert fetch([mirrors.url("good")], SHA256, tmp_path / "data").read_bytes() == CONTENT
    assert mirrors.requests == [("good", "bytes=900000-")]


def test_a_server_that_cannot_resume_starts_over(tmp_path: Path, mirrors: Mirrors) -> None:
    (tmp_path / "data.part").write_bytes(b"x" * 1000)
    assert fetch([mirrors.url("whole")], SHA256, tmp_path / "data").read_bytes() == CONTENT


def test_a_part_longer_than_the_file_starts_over(tmp_path: Path, mirrors: Mirrors) -> None:
    (tmp_path / "data.part").write_bytes(b"x" * (len(CONTENT) + 1))
    assert fetch([mirrors.url("good")], SHA256, tmp_path / "data").read_bytes() == CONTENT


def test_the_next_mirror_steps_in_for_one_that_is_missing_or_lies(tmp_path: Path, mirrors: Mirrors) -> None:
    urls = [mirrors.url("missing"), mirrors.url("lie"), mirrors.url("good")]
    assert fetch(urls, SHA256, tmp_path / "data").read_bytes() == CONTENT
    assert [kind for kind, _ in mirrors.requests] == ["missing", "lie", "good"]


def test_a_failure_says_what_each_mirror_answered_and_how_to_bring_the_file(tmp_path: Path, mirrors: Mirrors) -> None:
    urls = [mirrors.url("missing"), mirrors.url("busy"), mirrors.url("lie"), "http://127.0.0.1:9/x"]
    with pytest.raises(LmmrecError) as caught:
        fetch(urls, SHA256, tmp_path / "data", homepage="https://example.org/terms")
    message = str(caught.value)
    for part in (
        "HTTP 404",
        "HTTP 503",
        "wrong content",
        "refused",
        "https://example.org/terms",
        str(tmp_path / "data"),
    ):
        assert part in message
    assert [path.name for path in tmp_path.iterdir()] == []


def test_without_a_hash_a_complete_file_is_taken(tmp_path: Path, mirrors: Mirrors) -> None:
    assert fetch([mirrors.url("lie")], None, tmp_path / "data").read_bytes() == CONTENT[::-1]


def test_secrets_in_an_address_are_not_shown(tmp_path: Path) -> None:
    with pytest.raises(LmmrecError) as caught:
        fetch(["http://ann:pa55@127.0.0.1:9/x?token=s3cret"], None, tmp_path / "data")
    assert "pa55" not in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_wrong_hash_names_file_and_both_hashes(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_bytes(b"other")
    with pytest.raises(LmmrecError) as caught:
        verify(file, SHA256)
    assert all(part in str(caught.value) for part in (str(file), SHA256, hashlib.sha256(b"other").hexdigest()))
    with pytest.raises(LmmrecError, match="declares"):
        place(Source(path=str(file), sha256=SHA256), tmp_path)


def test_equal_names_of_different_addresses_do_not_collide(tmp_path: Path) -> None:
    first, second = (target_of([f"http://{host}/r.json.gz"], tmp_path) for host in ("a", "b"))
    assert first != second
    assert first.name.endswith("r.json.gz")


def test_a_file_to_be_fetched_by_hand_says_where_to_get_it_and_where_to_put_it(tmp_path: Path) -> None:
    source = Source(file="reviews.json", homepage="https://example.org")
    with pytest.raises(LmmrecError) as caught:
        place(source, tmp_path)
    assert "https://example.org" in str(caught.value)
    assert str(tmp_path / "downloads" / "reviews.json") in str(caught.value)
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads" / "reviews.json").write_text("{}")
    assert place(source, tmp_path).read_text() == "{}"


@pytest.mark.parametrize(("name", "message"), [("gone.csv", "does not exist"), ("", "is a folder")])
def test_a_local_file_that_is_not_there_is_named(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(LmmrecError, match=message):
        place(Source(path=str(tmp_path / name)), tmp_path)
