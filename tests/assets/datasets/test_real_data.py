"""The publishers' own files, from raw to interactions, with every row accounted for."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import load_npz

from assets.datasets.catalog import USER_CATALOGUE
from assets.lake import Address, Lake
from assets.tables import read_column, read_frame, read_matrix, read_sizes
from tests.assets.datasets.stage import run_stage

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Path:
    folder = tmp_path_factory.mktemp("home")
    entries = {
        "gift-cards": (
            "amazon-2018",
            "amazon_raw/Gift_Cards_5.json.gz",
            "amazon_raw/meta_Gift_Cards.json.gz",
            "core: 5",
        ),
        "football": (
            "steam",
            "steam_raw/Football_Manager_2015.jsonlines.gz",
            "steam_raw/steam_games.json.gz",
            "core: 1",
        ),
        "yelp-sample": (
            "yelp",
            "yelp_raw/yelp_academic_dataset_review.sample2.json.gz",
            "yelp_raw/yelp_academic_dataset_business.head.json.gz",
            "min_rating: 3",
        ),
        "ml-small": (
            "movielens",
            "ml_latest_small/ratings.csv.gz",
            "ml_latest_small/movies.csv.gz",
            "min_rating: 3, core: 10",
        ),
    }
    at = shared_data
    lines = [
        f"{name}: {{format: {kind}, reviews: {{path: {at / reviews}}}, items: {{path: {at / items}}}, {rest}}}"
        for name, (kind, reviews, items, rest) in entries.items()
    ]
    lines += [
        f"{name}: {{format: published-split, path: {at / source}}}"
        for name, source in (("amazon-public", "rlmrec_amazon"), ("lastfm", "lastfm_llm"))
    ]
    (folder / USER_CATALOGUE).write_text("\n".join(lines))
    return folder


@pytest.fixture(scope="module")
def results(home: Path) -> dict[str, Any]:
    names = ("gift-cards", "football", "yelp-sample", "ml-small", "amazon-public", "lastfm")
    upto = run_stage(home, *names, only="reviews,items,interactions")
    splits = run_stage(home, "gift-cards", "amazon-public", "lastfm", only="split")
    return upto | {f"{name} split": result for name, result in splits.items()}


COUNTS = ("rows_read", "rows_kept", "rows_duplicate", "rows_quarantined")


@pytest.mark.parametrize(
    ("dataset", "reviews", "items", "interactions"),
    [
        ("gift-cards", (2972, 2972, 0, 0), (1547, 1547, 0, 0), (2941, 453, 147)),
        ("football", (1522, 1435, 87, 0), (32135, 32132, 1, 2), (1435, 1435, 1)),
        ("yelp-sample", (500, 500, 0, 0), (1000, 1000, 0, 0), (422, 421, 374)),
        ("ml-small", (100_004, 100_004, 0, 0), (9125, 9125, 0, 0), None),
    ],
)
def test_every_raw_row_is_accounted_for(
    results: dict[str, Any],
    dataset: str,
    reviews: tuple[int, ...],
    items: tuple[int, ...],
    interactions: tuple[int, int, int] | None,
) -> None:
    assert results[dataset]["failures"] == {}
    found = results[dataset]["metadata"]
    for asset, expected in (("reviews", reviews), ("items", items)):
        assert tuple(found[asset][name] for name in COUNTS) == expected
        read, kept, duplicate, quarantined = expected
        assert read == kept + duplicate + quarantined
    if interactions:
        assert tuple(found["interactions"][name] for name in ("interactions", "users", "items")) == interactions


def test_quarantined_games_name_line_and_reason(results: dict[str, Any]) -> None:
    assert results["football"]["metadata"]["items"]["quarantine"] == [
        {"reason": "malformed line", "rows": 1, "first_line": 75},
        {"reason": "item_id is missing", "rows": 1, "first_line": 30962},
    ]


def test_the_core_of_real_data_is_a_core(home: Path, results: dict[str, Any]) -> None:
    for dataset, core in (("gift-cards", 5), ("ml-small", 10)):
        frame = read_frame(Lake(home).path(Address("interactions", dataset)) / "interactions.parquet")
        assert frame["user_idx"].value_counts().min() >= core
        assert frame["item_idx"].value_counts().min() >= core


def test_gift_cards_reach_a_split_that_passes_its_checks(results: dict[str, Any]) -> None:
    split = results["gift-cards split"]
    assert split["failures"] == {}
    assert split["checks"]["split_is_sound"][0]
    assert [round(row["share"], 3) for row in split["metadata"]["split"]["parts"]] == [0.6, 0.2, 0.2]


def test_the_public_amazon_split_keeps_rows_columns_and_parts(
    home: Path, shared_data: Path, results: dict[str, Any]
) -> None:
    assert results["amazon-public split"]["failures"] == {}
    folder = Lake(home).path(Address("split", "amazon-public"))
    assert read_sizes(folder) == (11_000, 9_332)
    for part, name, pairs in (("train", "trn", 120_464), ("validation", "val", 40_290), ("test", "tst", 40_106)):
        matrix = read_matrix(folder, part)
        published = load_npz(shared_data / "rlmrec_amazon" / f"{name}_mat.npz")
        assert matrix.nnz == pairs
        assert np.abs((matrix - (published != 0)).sum()) == 0


def test_texts_of_a_published_split_are_kept_beside_the_reviews(home: Path, results: dict[str, Any]) -> None:
    assert results["lastfm"]["failures"] == results["lastfm split"]["failures"] == {}
    assert all(passed for passed, _ in results["lastfm"]["checks"].values())
    assert len(read_column(Lake(home).path(Address("reviews", "lastfm")) / "texts.parquet", "text")) == 1859 + 2813
    parts = {row["part"]: row["interactions"] for row in results["lastfm split"]["metadata"]["split"]["parts"]}
    assert parts == {"train": 50_563, "validation": 7_223, "test": 13_508}
