"""Laws of how the report tells of training: one seed for all, the kept epoch marked, diagnostics only where there are some."""

import json
from pathlib import Path

import pytest

from assets.evaluation.report.courses import course_pictures, diagnostic_lines, histories, validation_lines
from assets.lake import Address, Lake
from tests.assets.evaluation.planted import BASE, REAL, plant
from tests.assets.synthetic import DATASET

pytestmark = pytest.mark.integration


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    plant(tmp_path, {BASE: 0.0, REAL: 0.01}, seeds=(1, 2), users=60)
    return Lake(tmp_path)


def test_the_curves_are_those_of_the_lowest_seed_with_the_best_epoch_marked(lake: Lake) -> None:
    lines = validation_lines("LightGCN", histories(lake, DATASET, "lightgcn"))
    assert [line.label for line in lines] == ["LightGCN, seed 1", "LMMRec, seed 1"]
    assert {line.marked_x for line in lines} == {9.0}


def test_diagnostics_are_drawn_in_words_and_as_they_were_measured() -> None:
    history = [
        {"epoch": epoch, "diagnostic_gradient_bpr": 0.7, "diagnostic_assignment_entropy": 0.9 + 0.01 * epoch}
        for epoch in range(3)
    ]
    lines = diagnostic_lines(history)
    assert [line.label for line in lines] == ["share of the gradient: BPR", "evenness of prototype use"]
    assert list(lines[1].points) == [(0.0, 0.9), (1.0, 0.91), (2.0, 0.92)]


def test_a_share_of_the_gradient_that_is_one_by_definition_is_not_drawn() -> None:
    assert diagnostic_lines([{"epoch": 0, "diagnostic_gradient_bpr": 1.0}]) == []


def test_each_base_has_a_picture_of_validation_and_one_of_each_method_that_tells_of_itself(lake: Lake) -> None:
    assert len(course_pictures(lake, DATASET, ["lightgcn"])) == 1
    row = {"epoch": 0, "recall_20": 0.1}
    row |= {"diagnostic_gradient_bpr": 0.8, "diagnostic_gradient_icm": 0.2, "diagnostic_teacher_lag": 0.01}
    lowest = Address("lmmrec_checkpoint", DATASET, "lightgcn", variant="full", seed=0)
    with lake.write(lowest, code_version="1", config={}, inputs={}) as draft:
        (draft.path / "history.json").write_text(json.dumps([row]))
    _, own = course_pictures(lake, DATASET, ["lightgcn"])
    assert own.caption.startswith("What LMMRec does on LightGCN while training")
    assert "lag of the teacher" in own.drawing
