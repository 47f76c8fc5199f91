"""Suspect user texts leave out who reads them, until other texts are there; who was asked for by name stays to be refused."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from assets.graph import recipes
from assets.lake import Address, Lake
from assets.recipes import Request
from assets.tables import write_frame
from assets.training.leak import ASSET as LEAK
from orchestration.planner import Planner
from tests.assets.synthetic import write_lake

pytestmark = pytest.mark.integration
DATASET = "demo"
REQUEST = Request(DATASET, methods=("base", "lmmrec"))


@pytest.fixture
def suspect(home: Path) -> Lake:
    """A lake whose user texts were looked at and are suspect."""
    lake = write_lake(home, DATASET)
    with lake.write(Address("reviews", DATASET), code_version="", config={}, inputs={}) as draft:
        write_frame(pd.DataFrame({"text": ["good"]}), draft.path / "reviews.parquet")
    write_prompts(lake, "older")
    sources = recipes()[LEAK].inputs(lake, Address(LEAK, DATASET))
    inputs = {str(source): str(lake.digest(source)) for source in sources}
    with lake.write(Address(LEAK, DATASET), code_version="1", config={}, inputs=inputs) as draft:
        verdict = {"suspect": True, "said": "1.90 times as well", "ready_texts": 60}
        (draft.path / "leak.json").write_text(json.dumps(verdict))
    return lake


def write_prompts(lake: Lake, content: str) -> None:
    with lake.write(Address("user_prompts", DATASET), code_version="", config={}, inputs={}) as draft:
        (draft.path / "prompts").write_text(content)


def test_who_reads_them_is_left_out_and_named_only_once(suspect: Lake) -> None:
    planner = Planner(suspect.home, REQUEST)
    for _ in range(2):
        assert planner.plan().request.methods == ("base",)
    assert planner.note.count("these seem to know validation pairs: 1.90 times as well") == 1


def test_who_was_asked_for_by_name_stays(suspect: Lake) -> None:
    assert Planner(suspect.home, REQUEST, chosen=True).plan().request.methods == ("base", "lmmrec")


def test_other_texts_are_looked_at_anew(suspect: Lake) -> None:
    write_prompts(suspect, "newer")
    assert Planner(suspect.home, REQUEST).plan().request.methods == ("base", "lmmrec")
