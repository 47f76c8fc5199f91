"""What is published: the best on validation, texts only where they lead beyond chance, anchors by name, test never seen."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from assets.evaluation.anchors import evaluate_anchors
from assets.evaluation.explain import explained_base
from assets.evaluation.metrics import HITS, MEANS, PER_USER, VALIDATION, validation_of
from assets.evaluation.published import chosen_model, write_published
from assets.evaluation.recipe import selectable_cells
from assets.evaluation.recommendations import lists_of, reads_text, recommend
from assets.evaluation.rules import selection_findings
from assets.evaluation.selection import (
    SUSPECT,
    Candidate,
    candidate_rows,
    choose,
    read_candidate_rows,
    read_candidates,
    read_choice,
    write_selection,
)
from assets.lake import Address, Lake
from assets.tables import read_frame, read_matrix
from assets.training.leak import ASSET as LEAK
from assets.training.leak import VERDICT
from tests.assets.evaluation.conftest import writing
from tests.assets.evaluation.letters import Letters
from tests.assets.evaluation.planted import BASE, REAL, SHUFFLED, plant
from tests.assets.synthetic import DATASET, write_lake

pytestmark = pytest.mark.unit
USERS = 400


def candidate(method: str, base_model: str, gain: float, noise: float = 0.0, excluded: str = "") -> Candidate:
    """Every user's Recall is a common quality and `gain`, give or take `noise`."""
    quality = np.random.default_rng(0).beta(2, 5, USERS)
    values = quality + gain + noise * np.random.default_rng(len(method)).standard_normal(USERS)
    frame = pd.DataFrame({"user_idx": range(USERS), "recall_20": values, "ndcg_20": values / 2})
    return Candidate(method, base_model, 2023, frame, excluded)


def test_texts_are_published_where_they_lead_beyond_chance() -> None:
    choice = choose(
        [candidate("base", "ease", 0.0), candidate("text-prior", "ease", 0.02, 0.05), candidate("anchor", "als", -0.1)]
    )
    assert choice.chosen.name == "text-prior on ease"
    assert "against" in choice.why
    assert "of ease, the best that reads no text (+" in choice.why


def test_a_lead_of_texts_that_may_be_chance_publishes_the_best_without() -> None:
    choice = choose([candidate("base", "ease", 0.0), candidate("text-prior", "ease", 0.001, 0.1)])
    assert choice.chosen.name == "ease"
    assert "reads no text: text-prior on ease" in choice.why


def test_an_anchor_that_wins_is_published_and_called_one() -> None:
    choice = choose([candidate("base", "lightgcn", 0.0), candidate("anchor", "als", 0.01)])
    assert (choice.chosen.method, choice.chosen.base_model) == ("anchor", "als")
    assert choice.why.startswith(
        "anchor als (an anchor: a reference without training and without motivations) is published"
    )


def test_of_equals_the_earlier_is_published() -> None:
    choice = choose(
        [candidate("base", "ease", 0.0), candidate("anchor", "ease", 0.0), candidate("text-prior", "ease", 0.0)]
    )
    assert choice.chosen.method == "base"
    assert "no lead (paired p = 1 over 400 users)" in choice.why


def test_what_may_have_seen_validation_is_never_published() -> None:
    choice = choose([candidate("base", "lightgcn", 0.0), candidate("lmmrec", "lightgcn", 0.3, 0.05, SUSPECT)])
    assert choice.chosen.name == "lightgcn"
    rows = candidate_rows(
        [candidate("base", "lightgcn", 0.0), candidate("lmmrec", "lightgcn", 0.3, 0.05, SUSPECT)], choice
    )
    assert [(row["method"], row["standing"]) for row in rows] == [("lmmrec", SUSPECT), ("base", "")]


def test_without_a_validation_part_the_first_without_texts_stands_and_it_is_said() -> None:
    empty = pd.DataFrame({"user_idx": [], "recall_20": [], "ndcg_20": []})
    choice = choose([Candidate("base", "lightgcn", 2023, empty), Candidate("lmmrec", "lightgcn", 2023, empty)])
    assert choice.chosen.name == "lightgcn"
    assert "published unseen: the split has no validation part" in choice.why


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    home = tmp_path_factory.mktemp("planted")
    plant(home, {BASE: 0.0, REAL: 0.03, SHUFFLED: 0.2}, seeds=(2023, 2024), anchors={"popularity": -0.2, "als": -0.05})
    return Lake(home)


def select(lake: Lake) -> dict[str, object]:
    with writing(lake, Address("selection", DATASET)) as draft:
        draft.metadata.update(write_selection(lake, DATASET, draft.path))
    record = lake.record(Address("selection", DATASET))
    assert record is not None
    return record.metadata


def test_candidates_are_the_serving_cells_and_the_anchors_and_no_control(planted: Lake) -> None:
    found = read_candidates(planted, DATASET)
    assert [(one.name, one.seed) for one in found] == [
        ("lightgcn", 2023),
        ("lmmrec on lightgcn", 2023),
        ("anchor popularity", None),
        ("anchor als", None),
    ]
    assert {cell.variant for cell in selectable_cells(planted, DATASET)} == {"full"}


def test_what_is_published_does_not_hang_on_the_test_part(planted: Lake) -> None:
    before = select(planted)
    digest = planted.digest(Address("selection", DATASET))
    read = [
        planted.path(cell) / file for cell in selectable_cells(planted, DATASET) for file in (PER_USER, HITS, MEANS)
    ]
    kept = {path: path.read_bytes() for path in read}
    for path, content in kept.items():
        path.write_bytes(bytes(len(content)))  # of the same size, so that the record still holds
    assert select(planted) == before
    assert planted.digest(Address("selection", DATASET)) == digest
    for path, content in kept.items():
        path.write_bytes(content)


def test_the_choice_is_what_is_told_and_read_again(planted: Lake) -> None:
    figures = select(planted)
    choice = read_choice(planted, DATASET)
    assert choice is not None
    assert figures["published"] == "lmmrec on lightgcn"
    assert (choice["method"], choice["base_model"], choice["seed"]) == ("lmmrec", "lightgcn", 2023)
    rows = read_candidate_rows(planted, DATASET)
    assert [row["place"] for row in rows] == [1, 2, 3, 4]
    assert [row["standing"] for row in rows] == ["published", "", "", ""]
    assert rows[0]["p"] is None
    assert all(finding.passed for finding in selection_findings(planted.path(Address("selection", DATASET))))
    assert read_choice(planted, "other") is None


def test_the_check_warns_of_an_anchor(tmp_path: Path) -> None:
    plant(tmp_path, {BASE: 0.0}, seeds=(2023,), anchors={"als": 0.1})
    select(Lake(tmp_path))
    found = selection_findings(Lake(tmp_path).path(Address("selection", DATASET)))
    assert [(finding.passed, finding.severity) for finding in found] == [(True, "warning"), (False, "warning")]


def test_what_reads_suspect_user_texts_is_left_out_unless_they_are_trusted(tmp_path: Path) -> None:
    plant(tmp_path, {BASE: 0.0, REAL: 0.03}, seeds=(2023,), anchors={"als": -0.05})
    lake = Lake(tmp_path)
    with writing(lake, Address(LEAK, DATASET)) as draft:
        (draft.path / VERDICT).write_text(json.dumps({"suspect": True, "said": "they know too much"}))
    assert [one.name for one in read_candidates(lake, DATASET) if one.excluded] == ["lmmrec on lightgcn"]
    assert not any(one.excluded for one in read_candidates(lake, DATASET, trusted=True))
    assert select(lake)["published"] == "lightgcn"


def test_what_reads_ready_user_texts_that_passed_may_be_published(tmp_path: Path) -> None:
    plant(tmp_path, {BASE: 0.0, REAL: 0.03}, seeds=(2023,), anchors={"als": -0.05})
    lake = Lake(tmp_path)
    with writing(lake, Address(LEAK, DATASET)) as draft:
        (draft.path / VERDICT).write_text(
            json.dumps({"suspect": False, "said": "0.98 times as well", "ready_texts": 60})
        )
    assert select(lake)["published"] == "lmmrec on lightgcn"


def test_an_anchor_is_published_as_it_was_measured(tmp_path: Path) -> None:
    """The lists are of the anchor with its chosen settings, and its validation figures come out again."""
    lake = write_lake(tmp_path)
    with writing(lake, Address("anchor_metrics", DATASET)) as draft:
        evaluate_anchors(lake.read(Address("split", DATASET)), DATASET, draft.path, ("popularity", "userknn"))
    figures = select(lake)
    names = ("selection", "interactions", "split", "anchor_metrics")
    inputs = {name: lake.read(Address(name, DATASET)) for name in names}
    assert set(read_frame(inputs["anchor_metrics"] / MEANS)["base_model"]) == {"popularity", "userknn"}
    choice = read_choice(lake, DATASET)
    assert choice is not None
    assert figures["published"] == f"anchor {choice['base_model']}"
    model = chosen_model(choice, inputs)
    stored = read_frame(inputs["anchor_metrics"] / VALIDATION)
    again = validation_of(model, inputs["split"])
    np.testing.assert_array_equal(
        stored.loc[stored["base_model"] == choice["base_model"], "recall_20"], again["recall_20"]
    )
    with writing(lake, Address("published_lists", DATASET)) as draft:
        figures = write_published(lake, DATASET, inputs, draft.path, 20, 0.0, Letters())
    assert figures["users"] == read_matrix(inputs["split"], "train").shape[0]
    assert lists_of(lake, DATASET, None, None) == Address("published_lists", DATASET)
    assert not reads_text(lake, Address("published_lists", DATASET))
    rows = recommend(lake.home, DATASET, "u003", k=5)
    assert [row["rank"] for row in rows] == [1, 2, 3, 4, 5]
    assert all("chose it too" in row["reason"] for row in rows)


def test_without_a_choice_the_lists_of_the_first_model_are_shown(finished: Lake) -> None:
    assert lists_of(finished, DATASET, None, None).method == "lmmrec"
    assert lists_of(finished, DATASET, None, "base").base_model == "lightgcn"
    assert explained_base(finished, DATASET) == "lightgcn"
