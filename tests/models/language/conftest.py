"""An endpoint for the tests of this folder; started once, its script is emptied before each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.llm_server import Endpoint, running_endpoint


@pytest.fixture(scope="session")
def shared_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with running_endpoint(tmp_path_factory.mktemp("endpoint")) as endpoint:
        yield endpoint


@pytest.fixture
def endpoint(shared_endpoint: Endpoint, tmp_path: Path) -> Endpoint:
    """No steps played, no calls logged."""
    shared_endpoint.play()
    shared_endpoint.log.write_text("")
    return shared_endpoint
