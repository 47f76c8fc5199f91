"""Staleness is a comparison of records: each thing that a partition was made of makes it stale when it moves."""

from dataclasses import replace
from pathlib import Path

import pytest

from assets.datasets.catalog import find_dataset
from assets.graph import recipes
from assets.lake import Address, Lake
from assets.recipes import STAGES, Recipe, Request, Situation, input_digests, same_dataset, stale_reason
from assets.settings import Settings
from models.errors import LmmrecError

pytestmark = pytest.mark.unit

REVIEWS = Recipe("reviews", "datasets", "dataset", "1", (), lambda lake, address: [], lambda address, situation: {})
SPLIT = Recipe(
    "split", "datasets", "dataset", "1", ("reviews",), same_dataset("reviews"), lambda address, situation: {"seed": 1}
)


@pytest.fixture
def situation(tmp_path: Path) -> Situation:
    return Situation(Settings(), find_dataset(tmp_path, "demo"))


def make(lake: Lake, recipe: Recipe, situation: Situation, content: str = "x") -> Address:
    address = Address(recipe.asset, "demo")
    with lake.write(
        address,
        code_version=recipe.code_version,
        config=recipe.config(address, situation),
        inputs=input_digests(lake, recipe, address),
    ) as draft:
        (draft.path / "data.txt").write_text(content)
    return address


def test_what_was_just_made_is_up_to_date_and_what_is_absent_is_not(tmp_path: Path, situation: Situation) -> None:
    lake = Lake(tmp_path)
    assert stale_reason(lake, REVIEWS, Address("reviews", "demo"), situation) == "not there yet"
    make(lake, REVIEWS, situation)
    address = make(lake, SPLIT, situation)
    assert stale_reason(lake, SPLIT, address, situation) is None


def test_making_an_input_again_with_equal_content_changes_nothing(tmp_path: Path, situation: Situation) -> None:
    lake = Lake(tmp_path)
    make(lake, REVIEWS, situation)
    address = make(lake, SPLIT, situation)
    make(lake, REVIEWS, situation)
    assert stale_reason(lake, SPLIT, address, situation) is None


def test_each_cause_of_staleness_is_named(tmp_path: Path, situation: Situation) -> None:
    lake = Lake(tmp_path)
    make(lake, REVIEWS, situation)
    address = make(lake, SPLIT, situation)
    newer = replace(SPLIT, code_version="2")
    assert stale_reason(lake, newer, address, situation) == "made by code version 1, now 2"
    reseeded = replace(SPLIT, config=lambda address, situation: {"seed": 2})
    assert stale_reason(lake, reseeded, address, situation) == "config changed: seed"
    make(lake, REVIEWS, situation, "new reviews")
    assert stale_reason(lake, SPLIT, address, situation) == "input changed: reviews/dataset=demo"
    (lake.path(address) / "data.txt").unlink()
    assert stale_reason(lake, SPLIT, address, situation) == "a file is gone or damaged"


def test_a_missing_input_is_named_before_anything_is_written(tmp_path: Path, situation: Situation) -> None:
    with pytest.raises(LmmrecError, match="reviews/dataset=demo is not in"):
        make(Lake(tmp_path), SPLIT, situation)


def test_a_request_spans_base_models_variants_and_seeds_of_its_methods_only() -> None:
    request = Request("demo", base_models=("lightgcn",), methods=("lmmrec",), seeds=(1, 2))
    cell = replace(SPLIT, asset="lmmrec_checkpoint", scope="cell", method="lmmrec", variants=("full", "shuffled-text"))
    assert [(address.variant, address.seed) for address in cell.cells(request)] == [
        ("full", 1),
        ("full", 2),
        ("shuffled-text", 1),
        ("shuffled-text", 2),
    ]
    assert replace(cell, method="uist").cells(request) == []


def test_the_graph_is_closed_and_ordered_as_data_flows() -> None:
    found = recipes()
    seen: list[str] = []
    for recipe in found.values():
        assert set(recipe.upstream) <= set(seen), f"{recipe.asset} reads something that comes later"
        seen.append(recipe.asset)
    groups = [recipe.group for recipe in found.values()]
    assert groups == sorted(groups, key=STAGES.index)
