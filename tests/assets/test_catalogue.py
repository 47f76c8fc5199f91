"""The catalogue takes what design says and names file, entry and key of what it does not take."""

from pathlib import Path

import pytest

from assets.datasets.catalog import USER_CATALOGUE, DatasetEntry, find_dataset, load_catalogue
from models.errors import LmmrecError

pytestmark = pytest.mark.unit


def declare(home: Path, text: str) -> None:
    home.mkdir(exist_ok=True)
    (home / USER_CATALOGUE).write_text(text, encoding="utf-8")


def test_a_user_entry_joins_the_built_in_ones_with_paths_from_its_own_file(tmp_path: Path) -> None:
    declare(
        tmp_path,
        """
my-shop:
  format: table
  reviews: {path: reviews.csv, columns: {user_id: customer, item_id: sku}}
  items: {path: /elsewhere/items.csv}
  min_rating: 3
  core: 10
  split: {kind: temporal, parts: [8, 1, 1]}
""",
    )
    entry = load_catalogue(tmp_path)["my-shop"]
    assert entry.reviews is not None
    assert entry.items is not None
    assert entry.reviews.path == str(tmp_path / "reviews.csv")
    assert entry.items.path == "/elsewhere/items.csv"
    assert entry.split.parts == (8, 1, 1)
    assert "demo" in load_catalogue(tmp_path)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("shop: {format: table, reviews: {path: r.csv}, min_ratting: 3}", "'shop': there is no key 'min_ratting'"),
        ("shop: {format: table, reviews: {path: r.csv, colums: {}}}", "there is no key 'reviews.colums'"),
        ("shop: {format: tabel, reviews: {path: r.csv}}", "format"),
        ("shop: {format: table}", "needs `reviews"),
        ("shop: {format: table, reviews: {}}", "either `path`"),
        ("shop: {format: table, reviews: {path: r.csv}, core: 0}", "core"),
        ("shop: {format: table, reviews: {path: r.csv}, split: {parts: [1, 0, 0]}}", "train and test"),
        ("shop: {format: table, reviews: {path: r.csv, sha256: abc}}", "reviews.sha256"),
        ("shop: {format: published-split}", "needs `path`"),
        ("shop: {format: published-split, path: x, core: 5}", "remove core"),
        ("My Shop: {format: table, reviews: {path: r.csv}}", "'My Shop' is no dataset name"),
        ("a/b: {format: table, reviews: {path: r.csv}}", "'a/b' is no dataset name"),
        ("demo: {format: demo}", "belongs to a built-in dataset"),
        ("[1, 2]", "must map dataset names"),
        ("shop: {format: [", "cannot be read"),
        ("shop:", "'shop'"),
    ],
)
def test_a_wrong_entry_is_refused_with_file_and_key(tmp_path: Path, text: str, named: str) -> None:
    declare(tmp_path, text)
    with pytest.raises(LmmrecError) as failure:
        load_catalogue(tmp_path)
    assert named in str(failure.value)
    assert str(tmp_path / USER_CATALOGUE) in str(failure.value)
    assert "\n" not in str(failure.value)


def test_an_unknown_dataset_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(LmmrecError, match=r"unknown dataset 'dmeo': known are .*demo"):
        find_dataset(tmp_path, "dmeo")


def test_presets_are_those_of_training_in_catalogue_and_settings() -> None:
    from typing import get_args

    from assets.datasets.catalog import PresetName
    from assets.recipes import Situation
    from assets.settings import Settings
    from models.training.config import PRESETS

    assert set(get_args(PresetName)) == set(PRESETS)
    entry = DatasetEntry(format="demo", preset="rlmrec")
    assert Situation(Settings(), entry).preset == "rlmrec"
    assert {Situation(Settings(preset=name), entry).preset for name in get_args(PresetName)} == set(PRESETS)
