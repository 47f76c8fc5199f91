"""An explanation adds up: shares sum to scores, ranks are those of the lists, silence is said aloud."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from assets.evaluation.evidence import cited, quotes_of
from assets.evaluation.explain import explain, score_and_rank, text_closeness, text_influence
from assets.lake import Address, Lake
from assets.tables import read_frame, read_matrix, write_frame
from models.attribution import attribute
from models.errors import LmmrecError
from tests.assets.synthetic import DATASET, write_lake

pytestmark = pytest.mark.integration


@pytest.fixture
def pair(finished: Lake) -> tuple[str, str]:
    """The lmmrec favourite of user u003."""
    folder = finished.read(Address("recommendations", DATASET, "lightgcn", "lmmrec"))
    rows = read_frame(folder / "recommendations.parquet")
    return "u003", str(rows.loc[(rows["user_id"] == "u003") & (rows["rank"] == 1), "item_id"].item())


def test_scores_and_ranks_are_those_of_each_method(finished: Lake, finished_home: Path, pair: tuple[str, str]) -> None:
    found = explain(finished_home, DATASET, *pair)
    assert [row["method"] for row in found["scores"]] == ["base", "lmmrec"]
    lists = read_frame(
        finished.read(Address("recommendations", DATASET, "lightgcn", "lmmrec")) / "recommendations.parquet"
    )
    listed = lists[(lists["user_id"] == pair[0]) & (lists["item_id"] == pair[1])]
    assert found["scores"][1]["score"] == pytest.approx(listed["score"].item(), rel=1e-5)
    assert found["scores"][1]["rank"] == listed["rank"].item() == 1
    assert found["scores"][1]["items"] == 40 - 10


def test_shares_of_the_history_sum_to_the_score(finished: Lake, finished_home: Path, pair: tuple[str, str]) -> None:
    found = explain(finished_home, DATASET, *pair)
    score = next(row["score"] for row in found["scores"] if row["method"] == found["scored_by"])
    total = found["own_share"] + found["other_neighbours_share"] + sum(row["share"] for row in found["neighbours"])
    assert total == pytest.approx(score, abs=1e-4)
    assert all(row["title"].startswith("Title") for row in found["neighbours"])


def test_a_share_is_what_the_edge_carries(finished: Lake) -> None:
    """Dense oracle: propagate with and without the user's row reading item j, everything else unchanged."""
    from models.training.checkpoint import load

    model = load(finished.read(Address("base_checkpoint", DATASET, "lightgcn", variant="full", seed=2023)))
    train = read_matrix(finished.read(Address("split", DATASET)), "train")
    found = attribute(model, train, 3, 17)
    assert found is not None
    adjacency = np.zeros((sum(train.shape), sum(train.shape)))
    adjacency[: train.shape[0], train.shape[0] :] = train.toarray()
    adjacency += adjacency.T
    degree = adjacency.sum(1)
    adjacency /= np.sqrt(np.outer(degree, degree))
    layers = [model.parameters["base.table"].numpy().astype(np.float64)]
    for _ in range(3):
        layers.append(adjacency @ layers[-1])
    target = sum(layers)[train.shape[0] + 17]
    for item, share in zip(found.history, found.shares, strict=True):
        carried = adjacency[3, train.shape[0] + item] * sum(layer[train.shape[0] + item] for layer in layers[:-1])
        assert share == pytest.approx(carried @ target, abs=1e-5)
    assert found.rest == pytest.approx(0.0, abs=1e-5)
    assert found.own == pytest.approx(layers[0][3] @ target, abs=1e-5)


def test_motivations_that_meet_stand_beside_each_other(finished_home: Path) -> None:
    found = explain(finished_home, DATASET, "u003", "sku-07")
    assert found["matches"] == [
        {
            "user": "bright cheerful colours",
            "item": "bright cheerful colours",
            "similarity": 1.0,
            "user_quotes": [],
            "item_quotes": [],
        }
    ]
    assert found["user"]["active"][0]["evidence"] == ["r3"]
    assert explain(finished_home, DATASET, "u003", "sku-08")["matches"] == []


def test_a_motivation_quotes_what_the_prompt_showed_under_its_evidence(tmp_path: Path) -> None:
    lake = write_lake(tmp_path)
    sources = [
        {"source_id": "i1", "kind": "title", "text": "A lamp"},
        {"source_id": "i1", "kind": "review", "text": "Such bright\x1b[2J colours " + "and more " * 40},
        {"source_id": "i2", "kind": "review", "text": "bright cheerful colours"},
    ]
    with lake.write(Address("user_prompts", DATASET), code_version="1", config={}, inputs={}) as draft:
        frame = pd.DataFrame({"entity_idx": [3], "sources": [json.dumps(sources)]})
        write_frame(frame, draft.path / "prompts.parquet")
    quotes = quotes_of(lake, DATASET, "user", 3)
    (first,) = cited("bright cheerful colours", ["i1"], quotes)
    assert first.startswith("Such bright [2J colours and more")
    assert len(first) <= 162
    assert first.endswith("…")
    assert cited("bright cheerful colours", ["i1"], quotes[:1]) == ["A lamp"]
    assert cited("bright cheerful colours", ["i2", "i9"], quotes) == ["bright cheerful colours"]
    assert quotes_of(lake, DATASET, "user", 4) == quotes_of(lake, DATASET, "item", 3) == []


def test_text_closeness_ranks_the_item_among_all(finished: Lake) -> None:
    same, other = text_closeness(finished, DATASET, 3, 7), text_closeness(finished, DATASET, 3, 8)
    assert same is not None
    assert other is not None
    assert same["cosine"] > other["cosine"]
    assert same["percentile"] > 50 > other["percentile"] >= 0


def test_a_user_without_texts_gets_the_graph_and_is_told_so(finished_home: Path) -> None:
    found = explain(finished_home, "wordless", "u003", "sku-07")
    assert found["user"]["active"] == []
    assert found["matches"] == []
    assert found["text_match"] is None
    assert found["text_influence"] == "Text had no influence: the dataset has no text vectors."
    assert len(found["scores"]) == 1
    assert found["neighbours"]


def test_a_pair_of_the_split_is_named_with_its_part(finished: Lake, finished_home: Path) -> None:
    for part in ("train", "validation", "test"):
        matrix = read_matrix(finished.read(Address("split", DATASET)), part)
        found = explain(finished_home, DATASET, "u003", f"sku-{matrix[3].indices[0]:02d}")
        assert found["known_in"] == part
    assert explain(finished_home, DATASET, "u003", "sku-07")["known_in"] in (None, "train", "validation", "test")


@pytest.mark.parametrize(
    ("rows", "vectors", "said"),
    [
        ([("base", 4), ("lmmrec", 4)], True, "Text had no influence on the rank: 4"),
        ([("base", 9), ("lmmrec", 4)], True, "moves up from rank 9 .graph alone. to 4"),
        ([("base", 2), ("lmmrec", 4)], True, "moves down from rank 2 .*chance of training"),
        (
            [("base", 9), ("text-prior", 4)],
            True,
            "from rank 9 .without text. to 4; both are formulas, tuned on validation",
        ),
        ([("base", 4), ("text-prior", 4)], True, "Text had no influence on the rank: 4 without it and with it"),
        ([("base", 2)], True, "no method that reads text has been trained"),
        ([("lmmrec", 2)], True, "base has not been trained"),
    ],
)
def test_what_text_changed_is_said(rows: list[tuple[str, int]], vectors: bool, said: str) -> None:
    import re

    assert re.search(said, text_influence([{"method": name, "rank": rank} for name, rank in rows], vectors))


def test_rank_counts_what_scores_higher_and_ties_go_to_the_lower_index() -> None:
    from scipy.sparse import csr_matrix

    class Fixed:
        def score(self, users: np.ndarray) -> np.ndarray:
            return np.array([[3.0, 1.0, 1.0, 2.0]])

    owned = csr_matrix(np.array([[0, 0, 0, 1.0]]))
    ranks = [score_and_rank(Fixed(), owned, 0, item)["rank"] for item in range(4)]  # type: ignore[arg-type]
    assert ranks == [1, 2, 3, 2]


@pytest.mark.parametrize(
    ("user", "item", "message"),
    [("u999", "sku-07", "no user 'u999'"), ("u003", "sku-7", "no item 'sku-7' .*did you mean sku-")],
)
def test_unknown_ids_are_answered_with_close_ones(finished_home: Path, user: str, item: str, message: str) -> None:
    with pytest.raises(LmmrecError, match=message):
        explain(finished_home, DATASET, user, item)


def test_before_training_the_command_is_named(home: Path) -> None:
    write_lake(home)
    with pytest.raises(LmmrecError, match=f"nothing has been trained .* run `lmmrec run {DATASET}`"):
        explain(home, DATASET, "u003", "sku-07")
