"""The sparsity law as a table, in one sentence and as a picture of the report."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from assets.evaluation.recipe import DENSITY_SHARES
from assets.evaluation.report.density import density_pictures
from assets.evaluation.text_worth.density import CONTROL, REAL, TABLE, sentence, write_density
from assets.lake import Address, Lake
from assets.tables import read_frame
from tests.assets.synthetic import DATASET, write_lake

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = write_lake(tmp_path_factory.mktemp("home"))
    inputs = {name: lake.read(Address(name, DATASET)) for name in ("split", "text_embeddings")}
    cell = Address("density_curve", DATASET, "gfcf", variant="full", seed=2023)
    with lake.write(cell, code_version="1", config={}, inputs={}) as draft:
        draft.metadata.update(write_density(inputs, "gfcf", 2023, draft.path))
    return lake


def test_there_is_a_row_for_each_share_and_kind_of_texts(lake: Lake) -> None:
    (cell,) = lake.cells("density_curve")
    frame = read_frame(lake.path(cell) / TABLE)
    assert list(zip(frame["share"], frame["texts"], strict=True)) == [
        (share, kind) for share in DENSITY_SHARES for kind in (REAL, CONTROL)
    ]
    assert not frame.loc[frame["texts"] == CONTROL, "pays"].any()
    record = lake.record(cell)
    assert record is not None
    assert record.metadata["said"] == sentence(frame)
    assert record.metadata["curve_md"].count("\n") == 1 + len(DENSITY_SHARES)


def test_the_report_shows_both_curves_their_numbers_and_the_sentence(lake: Lake) -> None:
    (picture,), (told,) = density_pictures(lake, DATASET)
    assert "real texts" in picture.drawing
    assert "shuffled texts" in picture.drawing
    assert picture.table is not None
    assert len(picture.table.rows) == 2 * len(DENSITY_SHARES)
    assert told.text.startswith("Text is worth ")
    assert told.text.endswith("Measured on GF-CF, protocol rlmrec.")


def test_what_was_not_measured_is_not_shown(tmp_path: Path) -> None:
    assert density_pictures(Lake(tmp_path), DATASET) == ([], [])


def curve(*points: tuple[float, float, bool]) -> pd.DataFrame:
    """Rows (interactions per user, gain, pays) of the real texts, the last at full density."""
    names = ["pairs_per_user", "recall_20_relative", "pays"]
    frame = pd.DataFrame(points, columns=names)
    return frame.assign(texts=REAL, share=frame["pairs_per_user"] / frame["pairs_per_user"].max())


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (
            curve((2.0, 0.2, True), (27.2, 0.045, True)),
            "Text is worth +4.5% Recall@20 here, with 27.2 interactions per user; it pays at that density and is worth most "
            "where there is less: +20.0% at 2 per user.",
        ),
        (
            curve((5.3, 0.02, True), (13.3, 0.05, True), (133.0, 0.002, False)),
            "Text is worth +0.2% Recall@20 here, with 133 interactions per user, which may be chance; below 13 per user it "
            "pays: +5.0% at 13 per user.",
        ),
        (
            curve((2.0, 0.0, False), (9.0, -0.01, False)),
            "Text is worth -1.0% Recall@20 here, with 9 interactions per user, and does not pay at any density measured, "
            "down to 2 per user.",
        ),
        (
            curve((2.0, 0.01, True), (9.0, 0.03, True)),
            "Text is worth +3.0% Recall@20 here, with 9 interactions per user, and more than at any lower density.",
        ),
    ],
)
def test_one_sentence_says_what_texts_are_worth_and_below_which_density_they_pay(
    frame: pd.DataFrame, said: str
) -> None:
    assert sentence(frame) == said
