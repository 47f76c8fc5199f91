"""Laws of the demo shop: always the same, no ids in texts, words follow motives, motives drive choices."""

import hashlib
import re
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from assets.datasets.formats.demo import generate, write_demo
from assets.datasets.formats.demo_shop import MOST_CHOICES, NUM_ITEMS, NUM_USERS, Shop
from assets.datasets.formats.demo_words import Vocabulary, load_vocabulary
from assets.tables import read_frame

pytestmark = pytest.mark.unit

PINNED = "e53c729eb186ca4f902918ff7960fbaca3248b952b4ba21768174b304a8e7482"
"""Of reviews and items as CSV. A change here is a change of the experiment: say why in docs/demo.md."""


@pytest.fixture(scope="module")
def demo() -> tuple[Shop, pd.DataFrame, pd.DataFrame]:
    return generate()


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return load_vocabulary()


def words_of(text: str) -> set[str]:
    return set(re.findall(r"[a-z]{4,}", text.lower()))


def telling_words(vocabulary: Vocabulary) -> dict[str, set[str]]:
    """Motive -> words of its praise that neither another motive nor a filler uses."""
    anywhere = words_of(" ".join(vocabulary.fillers + vocabulary.mild_praise + vocabulary.mild_complaint))
    of_motive = {name: words_of(" ".join(said["praise"])) for name, said in vocabulary.motives.items()}
    spread = Counter(word for words in of_motive.values() for word in words)
    return {name: {word for word in words if spread[word] == 1} - anywhere for name, words in of_motive.items()}


def telling_counts(shop: Shop, texts: pd.Series, rows: np.ndarray, size: int, vocabulary: Vocabulary) -> np.ndarray:
    """(size, K): how many reviews of each user (or item) use a telling word of each motive, per review."""
    telling = telling_words(vocabulary)
    counts = np.zeros((size, len(shop.motives)))
    for row, text in zip(rows, texts, strict=True):
        found = words_of(text) if isinstance(text, str) else set()
        counts[row] += [bool(found & telling[name]) for name in shop.motives]
    return counts / np.maximum(np.bincount(rows, minlength=size), 1)[:, None]


def recall_at_20(scores: np.ndarray, known: np.ndarray, wanted: np.ndarray) -> float:
    top = np.argsort(-np.where(known, -np.inf, scores), axis=1, kind="stable")[:, :20]
    hits = np.take_along_axis(wanted, top, axis=1).sum(axis=1)
    asked = wanted.sum(axis=1) > 0
    return float((hits[asked] / wanted.sum(axis=1)[asked]).mean())


def held_out(shop: Shop) -> tuple[np.ndarray, np.ndarray]:
    """60 % of the purchases as known, the rest as wanted."""
    known = np.zeros((NUM_USERS, NUM_ITEMS), dtype=bool)
    wanted = known.copy()
    inside = np.random.default_rng(7).random(len(shop.user_of)) < 0.6
    known[shop.user_of[inside], shop.item_of[inside]] = True
    wanted[shop.user_of[~inside], shop.item_of[~inside]] = True
    return known, wanted


def test_two_calls_write_the_same_bytes(tmp_path: Path) -> None:
    started = time.process_time()
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        write_demo(tmp_path / name)
    assert time.process_time() - started < 20
    for file in ("reviews.parquet", "items.parquet"):
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()


def test_the_content_is_the_one_that_was_written_down(demo: tuple[Shop, pd.DataFrame, pd.DataFrame]) -> None:
    _, reviews, items = demo
    content = reviews.to_csv(index=False) + items.to_csv(index=False)
    assert hashlib.sha256(content.encode()).hexdigest() == PINNED


def test_tables_have_the_columns_and_types_of_every_raw_format(tmp_path: Path) -> None:
    write_demo(tmp_path)
    reviews, items = read_frame(tmp_path / "reviews.parquet"), read_frame(tmp_path / "items.parquet")
    assert list(reviews.columns) == ["user_id", "item_id", "rating", "text", "timestamp"]
    assert list(items.columns) == ["item_id", "title", "description", "categories"]
    assert reviews["rating"].between(1, 5).all()
    assert not reviews.duplicated(["user_id", "item_id"]).any()
    assert items["item_id"].is_unique
    assert set(reviews["item_id"]) <= set(items["item_id"])
    assert next(iter(items["categories"].iloc[0])) in load_vocabulary().departments


def test_people_buy_little_or_much_and_never_the_same_twice(demo: tuple[Shop, pd.DataFrame, pd.DataFrame]) -> None:
    shop, _, _ = demo
    per_user = np.bincount(shop.user_of, minlength=NUM_USERS)
    assert per_user.min() >= 6
    assert per_user.max() <= MOST_CHOICES
    assert np.median(per_user) < per_user.mean(), "no long tail of users"
    per_item = np.sort(np.bincount(shop.item_of, minlength=NUM_ITEMS))[::-1]
    assert per_item[: NUM_ITEMS // 5].sum() > 0.4 * per_item.sum(), "no long tail of items"


def test_every_user_holds_one_to_three_motives_of_total_weight_one(
    demo: tuple[Shop, pd.DataFrame, pd.DataFrame],
) -> None:
    shop, _, _ = demo
    assert set((shop.user_motives > 0).sum(axis=1)) == {1, 2, 3}
    np.testing.assert_allclose(shop.user_motives.sum(axis=1), 1)
    assert set((shop.item_motives > 0).sum(axis=1)) == {1, 2, 3, 4}
    assert set((shop.item_motives < 0).sum(axis=1)) == {0, 1}


def test_no_id_enters_a_text(demo: tuple[Shop, pd.DataFrame, pd.DataFrame]) -> None:
    _, reviews, items = demo
    texts = [*reviews["text"].dropna(), *items["title"], *items["description"].dropna()]
    assert not any(re.search(r"user-|item-|\d", text) for text in texts)
    assert not any(mark in text for text in texts for mark in "[]{}|")


def test_a_motive_is_named_in_the_reviews_of_those_who_hold_it(
    demo: tuple[Shop, pd.DataFrame, pd.DataFrame], vocabulary: Vocabulary
) -> None:
    shop, reviews, _ = demo
    said = telling_counts(shop, reviews["text"], shop.user_of, NUM_USERS, vocabulary)
    few = np.bincount(shop.user_of, minlength=NUM_USERS) <= 8
    for at in range(len(shop.motives)):
        holds = shop.user_motives[:, at] > 0
        assert said[holds, at].mean() > 2 * said[~holds, at].mean()
        assert said[holds & few, at].mean() > 2 * said[~holds & few, at].mean(), "users with few reviews stay silent"


def test_reviews_name_the_motives_that_the_item_serves(
    demo: tuple[Shop, pd.DataFrame, pd.DataFrame], vocabulary: Vocabulary
) -> None:
    shop, reviews, _ = demo
    said = telling_counts(shop, reviews["text"], shop.item_of, NUM_ITEMS, vocabulary)
    for at in range(len(shop.motives)):
        serves = shop.item_motives[:, at] > 0
        assert said[serves, at].mean() > 2 * said[~serves, at].mean()


def test_text_is_no_label(demo: tuple[Shop, pd.DataFrame, pd.DataFrame], vocabulary: Vocabulary) -> None:
    shop, reviews, _ = demo
    said = telling_counts(shop, reviews["text"], shop.user_of, NUM_USERS, vocabulary)
    strongest_said = said.argmax(axis=1) == shop.user_motives.argmax(axis=1)
    assert 0.3 < strongest_said.mean() < 0.95
    assert reviews["text"].isna().mean() > 0.02


def test_who_knows_the_motives_ranks_better_than_popularity_and_shuffled_motives_do_not(
    demo: tuple[Shop, pd.DataFrame, pd.DataFrame],
) -> None:
    shop, _, _ = demo
    known, wanted = held_out(shop)
    popularity = recall_at_20(np.tile(known.sum(axis=0), (NUM_USERS, 1)), known, wanted)
    match = shop.user_motives @ shop.item_motives.T
    oracle = recall_at_20(match, known, wanted)
    shuffled = recall_at_20(match[np.random.default_rng(3).permutation(NUM_USERS)], known, wanted)
    assert oracle > 1.25 * popularity
    assert shuffled < 0.5 * oracle
    assert recall_at_20(shop.utility, known, wanted) > oracle, "motives alone must not decide everything"


def test_another_seed_is_another_shop(demo: tuple[Shop, pd.DataFrame, pd.DataFrame]) -> None:
    shop, reviews, _ = demo
    other, other_reviews, _ = generate(seed=1)
    assert not np.array_equal(shop.popularity, other.popularity)
    assert other_reviews["text"].iloc[0] != reviews["text"].iloc[0]


def test_purchases_come_in_order_of_time(demo: tuple[Shop, pd.DataFrame, pd.DataFrame]) -> None:
    _, reviews, _ = demo
    assert (reviews.groupby("user_id")["timestamp"].diff().dropna() >= pd.Timedelta(0)).all()
