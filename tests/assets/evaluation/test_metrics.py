"""Tables of metrics say what the evaluator measured, once per protocol, and means are those of their users."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from assets.evaluation.anchors import TRIALS, evaluate_anchors
from assets.evaluation.metrics import HITS, MEANS, PER_USER, evaluate_cell, means_table
from assets.evaluation.recipe import ANCHORS, KS, PROTOCOLS
from assets.lake import Address, Lake
from assets.tables import read_frame, read_matrix
from models.errors import LmmrecError
from tests.assets.synthetic import DATASET, write_lake

pytestmark = pytest.mark.integration
CELL = Address("lmmrec_metrics", DATASET, "lightgcn", variant="full", seed=2023)
CHECKPOINT = Address("lmmrec_checkpoint", DATASET, "lightgcn", variant="full", seed=2023)


def test_the_anchors_of_the_recipe_are_registered() -> None:
    from models.anchors import ANCHORS as REGISTRY

    assert set(ANCHORS) == set(REGISTRY)


def test_means_are_the_means_of_their_users(finished: Lake) -> None:
    means, users = read_frame(finished.read(CELL) / MEANS), read_frame(finished.read(CELL) / PER_USER)
    for row in means[means["metric"].isin(["recall", "ndcg"])].itertuples():
        values = users.loc[users["protocol"] == row.protocol, f"{row.metric}_{row.k}"]
        assert row.value == pytest.approx(values.mean(), abs=1e-12)
        assert row.num_users == len(values)


def test_every_number_names_its_cell_protocol_and_epoch(finished: Lake) -> None:
    means = read_frame(finished.read(CELL) / MEANS)
    assert list(means.columns) == [
        "dataset", "base_model", "method", "variant", "seed", "protocol", "metric", "k", "value", "num_users", "epoch",
    ]  # fmt: skip
    assert set(means["protocol"]) == set(PROTOCOLS)
    assert set(means["k"]) == set(KS)
    assert means["epoch"].between(0, 2).all()
    owner = means[["dataset", "base_model", "method", "variant", "seed"]].drop_duplicates()
    assert owner.to_numpy().tolist() == [[DATASET, "lightgcn", "lmmrec", "full", 2023]]


def test_hits_give_back_the_recall_of_every_user(finished: Lake) -> None:
    hits, users = read_frame(finished.read(CELL) / HITS), read_frame(finished.read(CELL) / PER_USER)
    test = read_matrix(finished.read(Address("split", DATASET)), "test")
    assert len(hits) == len(PROTOCOLS) * test.nnz
    for k in KS:
        found = hits.assign(hit=hits["rank"].le(k).fillna(False).astype(bool))
        recall = found.groupby(["protocol", "user_idx"])["hit"].mean().rename("recall")
        joined = users.merge(recall.reset_index(), on=["protocol", "user_idx"])
        np.testing.assert_allclose(joined[f"recall_{k}"], joined["recall"], atol=1e-12)


def test_strict_ranks_a_test_item_no_worse_than_rlmrec(finished: Lake) -> None:
    hits = read_frame(finished.read(CELL) / HITS).pivot(
        index=["user_idx", "item_idx"], columns="protocol", values="rank"
    )
    both = hits.dropna()
    assert (both["strict"] <= both["rlmrec"]).all()
    assert hits.loc[hits["rlmrec"].notna(), "strict"].notna().all()


def test_strict_never_recommends_validation_items_and_rlmrec_may(finished: Lake) -> None:
    from assets.evaluation.metrics import evaluate_scorer
    from models.training.checkpoint import load

    split = finished.read(Address("split", DATASET))
    evaluation = evaluate_scorer(load(finished.read(CHECKPOINT)), split)
    validation = read_matrix(split, "validation")
    shown = {
        protocol: sum(
            len(set(row) & set(validation[user].indices))
            for user, row in zip(evaluation.user_idx, evaluation.lists[protocol], strict=True)
        )
        for protocol in PROTOCOLS
    }
    assert shown["strict"] == 0
    assert shown["rlmrec"] > 0


def test_metrics_files_are_a_function_of_their_inputs(finished: Lake, tmp_path: Path) -> None:
    split = finished.read(Address("split", DATASET))
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        evaluate_cell(finished.read(CHECKPOINT), split, CELL, "lmmrec", tmp_path / name)
    for file in (PER_USER, HITS, MEANS):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_a_checkpoint_of_another_split_is_refused(finished: Lake, tmp_path: Path) -> None:
    other = write_lake(tmp_path, users=30)
    with pytest.raises(LmmrecError, match="60 users and 40 items, but the split has 30"):
        evaluate_cell(finished.read(CHECKPOINT), other.read(Address("split", DATASET)), CELL, "lmmrec", tmp_path)


def test_anchors_stand_under_their_own_names(finished: Lake) -> None:
    folder = finished.read(Address("anchor_metrics", DATASET))
    for file in (PER_USER, HITS, MEANS):
        assert list(dict.fromkeys(read_frame(folder / file)["base_model"])) == ["popularity", "itemknn"]
    assert set(read_frame(folder / MEANS)["method"]) == {"anchor"}


def test_every_trial_of_an_anchor_is_kept_and_one_is_chosen(finished: Lake) -> None:
    trials = read_frame(finished.read(Address("anchor_metrics", DATASET)) / TRIALS)
    assert list(trials.columns) == ["base_model", "settings", "validation_recall_20", "chosen"]
    assert trials.groupby("base_model")["chosen"].sum().to_dict() == {"popularity": 1, "itemknn": 1}
    tried = trials[trials["base_model"] == "itemknn"]
    assert tried.loc[tried["chosen"], "validation_recall_20"].item() == tried["validation_recall_20"].max()


def test_an_anchor_too_large_for_the_data_is_left_out_and_named(
    finished: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.anchors.ease.MAX_ITEMS", 3)
    split = finished.read(Address("split", DATASET))
    shown = evaluate_anchors(split, DATASET, tmp_path, ("popularity", "ease"))
    assert [row["anchor"] for row in shown["left_out"]] == ["ease"]
    assert set(read_frame(tmp_path / MEANS)["base_model"]) == {"popularity"}
    with pytest.raises(LmmrecError, match="no anchor could be fitted on tiny: EASE needs"):
        evaluate_anchors(split, DATASET, tmp_path, ("ease",))


def test_anchor_files_are_a_function_of_the_split(finished: Lake, tmp_path: Path) -> None:
    split = finished.read(Address("split", DATASET))
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        evaluate_anchors(split, DATASET, tmp_path / name, ANCHORS)
    for file in (PER_USER, HITS, MEANS, TRIALS):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_the_table_of_means_has_one_line_a_base_model_and_protocol() -> None:
    rows = [
        {"base_model": name, "protocol": protocol, "metric": "recall", "k": 5, "value": 0.25}
        for name in ("a", "b")
        for protocol in PROTOCOLS
    ]
    lines = means_table(pd.DataFrame(rows)).splitlines()
    assert lines[0] == "| base model | protocol | recall@5 |"
    assert lines[2:] == [f"| {name} | {protocol} | 0.2500 |" for name in ("a", "b") for protocol in PROTOCOLS]
