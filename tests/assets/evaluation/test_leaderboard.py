"""Laws of leaderboard and slices on planted results: the direction is right, nothing planted gives no claim."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from assets.evaluation.leaderboard import Comparer, build_leaderboard, summary
from assets.evaluation.pairing import METRICS, Subject, adjusted, figures, opened, subjects, user_table, verdict
from assets.evaluation.report import statements
from assets.evaluation.slices import item_slices, user_slices
from assets.evaluation.warehouse import read_table
from models.errors import LmmrecError
from tests.assets.evaluation.planted import BASE, REAL, SEEDS, SHUFFLED, USERS, plant

pytestmark = pytest.mark.integration


def subject(method: str, variant: str = "full", protocol: str = "strict", base_model: str = "lightgcn") -> Subject:
    return Subject("tiny", base_model, method, variant, protocol)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real text gains .03, shuffled text nothing; EASE stands above and popularity below."""
    gains = {BASE: 0.0, REAL: 0.03, SHUFFLED: 0.0}
    return plant(tmp_path_factory.mktemp("home"), gains, anchors={"ease": 0.1, "popularity": -0.1})


@cache
def board_of(warehouse: Path) -> list[dict[str, Any]]:
    return build_leaderboard(warehouse)


def rows_of(warehouse: Path, method: str, variant: str = "full") -> list[dict[str, Any]]:
    return [row for row in board_of(warehouse) if (row["method"], row["variant"]) == (method, variant)]


def accuracy(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row["metric"] in ("recall", "ndcg")]


def test_a_planted_gain_is_found_in_the_right_direction(warehouse: Path) -> None:
    rows = accuracy(rows_of(warehouse, *REAL))
    assert len(rows) == 12
    for row in rows:
        assert row["verdict"] == "better"
        assert row["t_p"] < row["seeds_p"] < row["seeds_p_holm"] < 0.05
        assert 0.02 < row["low"] < row["difference"] < row["high"] < 0.04
        assert row["difference"] == pytest.approx(row["mean"] - row["base_mean"])


def test_no_planted_gain_gives_no_claim(warehouse: Path) -> None:
    for row in accuracy(rows_of(warehouse, *SHUFFLED)):
        assert row["verdict"] == "not significant"
        assert row["low"] < 0 < row["high"]


def test_a_planted_loss_is_called_worse(tmp_path: Path) -> None:
    rows = accuracy(rows_of(plant(tmp_path, {BASE: 0.0, REAL: -0.03}), *REAL))
    assert {row["verdict"] for row in rows} == {"worse"}
    assert all(row["relative"] < 0 for row in rows)


def test_base_and_anchors_are_listed_and_compared_with_nothing(warehouse: Path) -> None:
    anchors = rows_of(warehouse, "anchor")
    assert {row["base_model"] for row in anchors} == {"ease", "popularity"}
    for row in [*anchors, *rows_of(warehouse, *BASE)]:
        assert row["difference"] is None
        assert row["verdict"] is None


def test_means_and_spread_are_over_seeds(warehouse: Path) -> None:
    home = warehouse.parent
    found = read_table(
        home,
        "SELECT value FROM metrics WHERE method = 'lmmrec' AND variant = 'full' AND protocol = 'strict' "
        "AND metric = 'ndcg' AND k = 20 ORDER BY seed",
    )
    values = np.array([row["value"] for row in found])
    row = next(r for r in rows_of(warehouse, *REAL) if (r["protocol"], r["metric"], r["k"]) == ("strict", "ndcg", 20))
    assert row["num_seeds"] == len(SEEDS) == len(values)
    assert row["mean"] == pytest.approx(values.mean())
    assert row["std"] == pytest.approx(values.std(ddof=1))
    low, high = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((low, high))


def test_one_seed_has_no_spread() -> None:
    assert summary([0.25]) == {"mean": 0.25, "std": None, "ci_low": None, "ci_high": None, "num_seeds": 1}


def test_only_common_seeds_are_compared(tmp_path: Path) -> None:
    plant(tmp_path, {BASE: 0.0}, seeds=(1, 2))
    warehouse = plant(tmp_path, {REAL: 0.03}, seeds=(2, 3))
    row = accuracy(rows_of(warehouse, *REAL))[0]
    assert row["num_seeds"] == 2
    assert row["compared_seeds"] == 1
    with opened(warehouse) as connection:
        expected = user_table(connection, subject("base"), [2])["recall_5"].mean()
    assert row["seeds_p"] is None
    strict = next(r for r in accuracy(rows_of(warehouse, *REAL)) if r["protocol"] == "strict")
    assert strict["base_mean"] == pytest.approx(expected)


def test_without_a_common_seed_there_is_no_comparison(tmp_path: Path) -> None:
    plant(tmp_path, {BASE: 0.0}, seeds=(1,))
    rows = rows_of(plant(tmp_path, {REAL: 0.03}, seeds=(2,)), *REAL)
    assert {row["verdict"] for row in rows} == {None}


def test_p_values_are_those_of_the_paired_test_with_holm_over_six_metrics(warehouse: Path) -> None:
    with opened(warehouse) as connection:
        found = Comparer(connection).against(subject(*REAL), subject(*BASE))
        left, right = (user_table(connection, subject(*one), SEEDS) for one in (REAL, BASE))
    p_values = {name: stats.ttest_rel(left[name], right[name]).pvalue for name in found}
    smallest = min(p_values.values())
    assert min(one["t_p_holm"] for one in found.values()) == pytest.approx(6 * smallest)
    assert all(one["t_p_holm"] >= one["t_p"] for one in found.values())


def test_swapping_the_sides_turns_the_sign_and_keeps_the_p_value(warehouse: Path) -> None:
    with opened(warehouse) as connection:
        forth = Comparer(connection).against(subject(*REAL), subject(*BASE))["recall_20"]
        back = Comparer(connection).against(subject(*BASE), subject(*REAL))["recall_20"]
    assert forth["difference"] == pytest.approx(-back["difference"])
    assert forth["t_p"] == pytest.approx(back["t_p"])
    assert (verdict(forth), verdict(back)) == ("better", "worse")


def test_protocols_are_never_mixed(warehouse: Path) -> None:
    means = {row["protocol"]: row["mean"] for row in accuracy(rows_of(warehouse, *BASE)) if row["metric"] == "recall"}
    assert means["strict"] > means["rlmrec"]
    with opened(warehouse) as connection:
        assert {one.protocol for one in subjects(connection)} == {"rlmrec", "strict"}


def test_slices_of_users_are_disjoint_and_whole(warehouse: Path) -> None:
    with opened(warehouse) as connection:
        slices = user_slices(connection, subject(*REAL), subject(*BASE))
    sizes = {one.name: one.size for one in slices}
    assert sizes["up to 5"] == sizes["≤2"] + sizes["3–5"]
    assert sum(sizes[name] for name in ("≤2", "3–5", "6–10", "11–20", ">20")) == USERS
    assert {one.verdict for one in slices} == {"better"}


def test_recall_within_a_slice_of_items_is_the_users_share_of_hits_there(warehouse: Path) -> None:
    with opened(warehouse) as connection:
        slices = {one.name: one for one in item_slices(connection, subject(*REAL), subject(*BASE))}
    tail = {row["entity_idx"] for row in read_table(warehouse.parent, "SELECT * FROM entities WHERE tier = 'tail'")}
    shares: dict[int, list[bool]] = {}
    sql = "SELECT * FROM hits WHERE method = 'base' AND protocol = 'strict'"
    for row in read_table(warehouse.parent, sql):
        if row["item_idx"] in tail:
            shares.setdefault(row["user_idx"], []).append(row["rank"] is not None and row["rank"] <= 20)
    expected = np.mean([np.mean(found) for found in shares.values()])
    assert slices["tail"].size == len(shares)
    assert slices["tail"].comparison["other_mean"] == pytest.approx(expected)
    assert slices["up to 5"].comparison is None, "every item of the tiny shop has more than five training interactions"


def test_a_missing_warehouse_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(LmmrecError, match="no warehouse"):
        build_leaderboard(tmp_path / "warehouse.duckdb")


def compared(gain: float) -> dict[str, dict[str, Any]]:
    """A paired comparison of 200 users whose first side is ahead by about `gain`."""
    rng = np.random.default_rng(5)
    other = rng.uniform(0.2, 0.6, 200)
    first = other + gain + rng.normal(0, 0.03, 200)
    first += gain - (first - other).mean()
    return adjusted({f"{metric}_{k}": figures(first, other) for metric, k in METRICS})


@pytest.mark.parametrize(
    ("gain", "lead", "tone"),
    [
        (0.03, "its lead over LightGCN is significant", "better"),
        (0.0, "LightGCN is not significant", "neutral"),
        (-0.03, "it is significantly worse than LightGCN", "worse"),
    ],
)
def test_findings_say_what_the_tests_say(gain: float, lead: str, tone: str) -> None:
    found = statements.lead(subject(*REAL), compared(gain))
    assert len(found) == 2
    assert all(lead in one.text and one.tone == tone for one in found)


def test_a_gain_with_shuffled_text_is_a_warning() -> None:
    control, difference = statements.control(subject(*SHUFFLED), compared(0.03), compared(0.0))
    assert control.tone == "warning"
    assert "cannot be credited to the words" in control.text
    assert "not significantly different" in difference.text


def test_no_gain_with_shuffled_text_is_said_too() -> None:
    control, difference = statements.control(subject(*SHUFFLED), compared(-0.03), compared(0.03))
    assert control.tone == "neutral"
    assert "shows no significant gain" in control.text
    assert "Real text is significantly better than shuffled text" in difference.text


def test_tests_that_disagree_are_called_so() -> None:
    found = compared(0.03)
    found["recall_20"]["wilcoxon_p_holm"] = 0.5
    assert "the two tests disagree" in statements.lead(subject(*REAL), found)[0].text


def test_an_anchor_that_is_above_is_named(warehouse: Path) -> None:
    ease = subject("anchor", base_model="ease")
    with opened(warehouse) as connection:
        found = Comparer(connection).against(subject(*REAL), ease)["recall_20"]
    told = statements.anchor(subject(*REAL), "EASE", found)
    assert "significantly below EASE" in told.text
    assert told.tone == "warning"


def test_few_seeds_are_said() -> None:
    assert "one seed only" in statements.seeds(subject(*REAL), 1)[0].text
    assert statements.seeds(subject(*REAL), 5) == []
    assert statements.seeds(replace(subject(*REAL), base_model="ease"), 1) == []
