"""Where nobody names a model, what the size of the data can afford is tried, and what is left out is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from assets.graph import recipes
from assets.partitions import BASE_MODELS
from assets.recipes import Request
from assets.settings import Settings
from orchestration.candidates import CANDIDATE_METHODS, CANDIDATES, TRAINED_PAIRS, affordable, affordable_for
from orchestration.plan import known_methods
from orchestration.planner import Planner
from orchestration.retraining import standing_request
from tests.assets.synthetic import DATASET, write_lake

pytestmark = pytest.mark.unit


def test_candidates_are_models_and_methods_that_there_are() -> None:
    assert set(CANDIDATES) <= set(BASE_MODELS)
    assert set(CANDIDATE_METHODS) <= set(known_methods(recipes()))


@pytest.mark.parametrize(
    ("items", "pairs", "on_gpu", "tried"),
    [
        (1_000, 20_000, False, ("lightgcn", "ease", "gfcf")),
        (1_000, TRAINED_PAIRS + 1, False, ("ease", "gfcf")),
        (1_000, TRAINED_PAIRS + 1, True, ("lightgcn", "ease", "gfcf")),
        (30_001, 20_000, False, ("lightgcn", "gfcf")),
        (100_000, 20_000_000, False, ("gfcf",)),
    ],
)
def test_what_is_too_costly_is_left_out_with_its_reason(
    items: int, pairs: int, on_gpu: bool, tried: tuple[str, ...]
) -> None:
    found = affordable_for(items, pairs, on_gpu)
    assert found.base_models == tried
    assert [reason.split(" ")[0] for reason in found.left_out] == [name for name in CANDIDATES if name not in tried]


def test_before_there_is_a_split_all_are_planned_and_then_what_fits(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assets.lake import Lake

    assert affordable(Lake(home), DATASET, Settings()).base_models == CANDIDATES
    lake = write_lake(home)
    monkeypatch.setattr("orchestration.candidates.TRAINED_PAIRS", 100)
    assert affordable(lake, DATASET, Settings()).base_models == ("ease", "gfcf")
    planner = Planner(home, Request(DATASET, CANDIDATES, CANDIDATE_METHODS), open_choice=True)
    planner.plan()
    assert "not tried here: lightgcn (360 train pairs" in planner.note
    assert standing_request(lake, recipes(), Settings(), DATASET, True).base_models == ("ease", "gfcf")
