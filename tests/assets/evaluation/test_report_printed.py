"""Laws of the paper's values beside ours: the same rows in the same metrics, and nothing where the paper has nothing."""

import pytest

from assets.evaluation.pairing import Subject
from assets.evaluation.report.printed import TABLE_ONE, TABLE_TWO, said_of, table_two_beside_printed
from assets.evaluation.table_two import Ablation

pytestmark = pytest.mark.unit


def ablations(dataset: str, protocol: str) -> list[Ablation]:
    variants = {"full": 0.0550, "without-mcs": 0.0561}
    return [
        Ablation(
            Subject(dataset, "polycf", "lmmrec", variant, protocol),
            {name: {"mean": mean, "ci_low": None, "ci_high": None, "num_seeds": 5} for name in ("recall_5", "ndcg_5")},
            {},
        )
        for variant, mean in variants.items()
    ]


def test_each_printed_ablation_stands_beside_ours_with_the_difference() -> None:
    found = table_two_beside_printed(ablations("yelp", "rlmrec"))
    assert found is not None
    assert [row[0].text for row in found.rows] == ["without MCS", "without ICM", "without GCN", "without TM"]
    assert [cell.text for cell in found.rows[0][1:4]] == ["0.0543", "0.0561", "+3.3 %"]
    assert [cell.text for cell in found.rows[1][1:4]] == ["0.0556", "–", "–"]  # not trained here


@pytest.mark.parametrize(("dataset", "protocol"), [("yelp", "strict"), ("lastfm", "rlmrec")])
def test_nothing_stands_beside_what_the_paper_did_not_measure(dataset: str, protocol: str) -> None:
    assert table_two_beside_printed(ablations(dataset, protocol)) is None


def test_it_is_said_where_the_paper_has_no_numbers() -> None:
    assert "The paper has no numbers on lastfm" in said_of("lastfm")[0]
    assert "has no numbers" not in said_of("steam")[0]


def test_every_printed_ablation_is_below_the_whole_method_as_in_the_paper() -> None:
    for subject, rows in TABLE_TWO.items():
        recall, _, ndcg, _ = TABLE_ONE[subject]["lmmrec"]
        assert all(values[0] < recall and values[1] < ndcg for values in rows.values())
