"""`lmmrec ui` refuses a port that is taken before it starts anything."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from models.errors import LmmrecError
from orchestration.services import serve

pytestmark = pytest.mark.unit


def test_a_taken_port_is_refused_with_the_remedy_and_nothing_is_written(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            LmmrecError, match=rf"cannot listen on 127\.0\.0\.1:{port} .*another port with `lmmrec ui --port`"
        ):
            serve(tmp_path / "home", "127.0.0.1", port, say=lambda line: None)
    assert not (tmp_path / "home").exists()
