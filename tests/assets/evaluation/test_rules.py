"""Each rule passes on what the pipeline makes, and can be made to fail."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file, save_file

from assets.evaluation.rules import completeness_findings, metric_findings, recommendation_findings
from assets.expectations import Finding, failed
from assets.lake import Address, Lake
from assets.tables import read_frame, write_frame
from assets.training.rules import checkpoint_findings, popularity_finding
from tests.assets.synthetic import DATASET

pytestmark = pytest.mark.integration
CELL = {"dataset": DATASET, "base_model": "lightgcn", "variant": "full", "seed": 2023}
METRICS, CHECKPOINT = Address("base_metrics", **CELL), Address("base_checkpoint", **CELL)  # type: ignore[arg-type]
LISTS = Address("recommendations", DATASET, "lightgcn", "base")


@pytest.fixture
def copied(finished: Lake, tmp_path: Path) -> Callable[[Address], Path]:
    return lambda address: Path(shutil.copytree(finished.read(address), tmp_path / address.asset))


def rules(findings: list[Finding]) -> list[str]:
    return [finding.rule for finding in failed(findings)]


def change(path: Path, edit: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    write_frame(edit(read_frame(path)), path)


@pytest.mark.parametrize("asset", ["base_metrics", "lmmrec_metrics", "anchor_metrics"])
def test_metrics_that_were_made_here_are_sound(finished: Lake, asset: str) -> None:
    for cell in finished.cells(asset, dataset=DATASET):
        findings = metric_findings(finished.read(cell), finished.read(Address("split", DATASET)))
        assert all(finding.passed for finding in findings), findings


@pytest.mark.parametrize(
    ("edit", "broken"),
    [
        (lambda frame: frame.assign(value=frame["value"].where(frame.index != 0, 1.5)), "shares are within 0 and 1"),
        (lambda frame: frame.assign(value=frame["value"].where(frame.index != 0)), "every number is there"),
        (lambda frame: frame[frame["protocol"] == "strict"], "both protocols are there"),
        (lambda frame: frame.assign(num_users=7), "all users with test items are evaluated"),
        (lambda frame: frame.assign(value=frame["value"] * 0.5), "means are those of the users"),
    ],
)
def test_metrics_that_cannot_be_are_found(
    finished: Lake, copied: Callable[[Address], Path], edit: Callable[[pd.DataFrame], pd.DataFrame], broken: str
) -> None:
    folder = copied(METRICS)
    change(folder / "means.parquet", edit)
    assert broken in rules(metric_findings(folder, finished.read(Address("split", DATASET))))


def test_recommendations_that_were_made_here_are_sound(finished: Lake) -> None:
    found = recommendation_findings(finished.read(LISTS), finished.read(Address("interactions", DATASET)))
    assert len(found) == 5
    assert not failed(found)


@pytest.mark.parametrize(
    ("edit", "broken"),
    [
        (lambda frame: frame.assign(rank=frame["rank"] + 1), "ranks are 1, 2, 3 … for every user"),
        (lambda frame: frame.assign(score=-frame["score"]), "scores fall with the rank"),
        (lambda frame: frame.assign(score=float("nan")), "scores are finite"),
        (lambda frame: frame.assign(item_idx=3), "no item stands twice in a list"),
    ],
)
def test_lists_that_cannot_be_are_found(
    finished: Lake, copied: Callable[[Address], Path], edit: Callable[[pd.DataFrame], pd.DataFrame], broken: str
) -> None:
    folder = copied(LISTS)
    change(folder / "recommendations.parquet", edit)
    assert broken in rules(recommendation_findings(folder, finished.read(Address("interactions", DATASET))))


def test_a_recommended_item_that_the_user_has_is_found(finished: Lake, copied: Callable[[Address], Path]) -> None:
    owned = read_frame(finished.read(Address("interactions", DATASET)) / "interactions.parquet").iloc[0]
    folder = copied(LISTS)

    def edit(frame: pd.DataFrame) -> pd.DataFrame:
        frame.loc[frame["user_idx"].eq(owned["user_idx"]) & frame["rank"].eq(1), "item_idx"] = owned["item_idx"]
        return frame

    change(folder / "recommendations.parquet", edit)
    found = recommendation_findings(folder, finished.read(Address("interactions", DATASET)))
    assert rules(found) == ["nothing that the user already has is recommended"]


def test_a_checkpoint_that_was_trained_here_is_usable(finished: Lake) -> None:
    interactions = finished.read(Address("interactions", DATASET))
    for asset in ("base_checkpoint", "lmmrec_checkpoint"):
        for cell in finished.cells(asset, dataset=DATASET):
            assert not failed(checkpoint_findings(finished.read(cell), interactions))


def spoil_history(folder: Path) -> None:
    history = json.loads((folder / "history.json").read_bytes())
    history[1]["bpr"] = float("nan")
    (folder / "history.json").write_text(json.dumps(history))


def spoil_epochs(folder: Path) -> None:
    history = json.loads((folder / "history.json").read_bytes())
    (folder / "history.json").write_text(json.dumps(history[::-1]))


def spoil_weights(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors["final.users"][0, 0] = np.inf
    save_file(tensors, folder / "model.safetensors")


def spoil_ids(folder: Path) -> None:
    ids = json.loads((folder / "ids.json").read_bytes())
    ids["items"][:2] = ids["items"][1::-1]
    (folder / "ids.json").write_text(json.dumps(ids))


def lose_ids(folder: Path) -> None:
    ids = json.loads((folder / "ids.json").read_bytes())
    ids["users"].pop()
    (folder / "ids.json").write_text(json.dumps(ids))


@pytest.mark.parametrize(
    ("spoil", "broken"),
    [
        (spoil_history, "the history is finite"),
        (spoil_epochs, "epochs rise"),
        (spoil_weights, "weights are finite"),
        (spoil_ids, "ids are those of interactions, in their order"),
        (lose_ids, "ids are those of interactions, in their order"),
    ],
)
def test_a_checkpoint_that_cannot_be_used_is_found(
    finished: Lake, copied: Callable[[Address], Path], spoil: Callable[[Path], None], broken: str
) -> None:
    folder = copied(CHECKPOINT)
    spoil(folder)
    assert rules(checkpoint_findings(folder, finished.read(Address("interactions", DATASET)))) == [broken]


def test_losing_to_popularity_is_a_warning_and_no_error(finished: Lake, copied: Callable[[Address], Path]) -> None:
    folder = copied(CHECKPOINT)
    for recall, passed in ((0.0, False), (1.0, True)):
        (folder / "history.json").write_text(json.dumps([{"epoch": 0, "bpr": 0.7, "recall_20": recall}]))
        (found,) = popularity_finding(folder, finished.read(Address("split", DATASET)))
        assert found.passed is passed
        assert found.severity == "warning"


def test_a_comparison_without_a_side_is_named() -> None:
    def cell(asset: str, base_model: str | None, variant: str | None, seed: int | None) -> Address:
        return Address(asset, "shop", base_model, variant=variant, seed=seed)

    anchors = ("anchor", cell("anchor_metrics", None, None, None))
    base = ("base", cell("base_metrics", "lightgcn", "full", 2023))
    text = ("lmmrec", cell("lmmrec_metrics", "lightgcn", "full", 2023))
    control = ("lmmrec", cell("lmmrec_metrics", "lightgcn", "shuffled-text", 2023))
    second = ("lmmrec", cell("lmmrec_metrics", "lightgcn", "full", 2024))

    def missing(*cells: tuple[str, Address]) -> str:
        (found,) = completeness_findings(cells, ["lmmrec"])
        assert found.passed == (found.observed == "nothing is missing")
        return found.observed

    assert missing(anchors, base, text, control) == "nothing is missing"
    assert missing(base, text, control) == "missing: anchors of shop"
    assert missing(anchors, text, control) == "missing: base on lightgcn of shop"
    assert missing(anchors, base, text) == "missing: lmmrec with shuffled text on lightgcn of shop"
    assert "base on lightgcn of shop" in missing(anchors, base, text, control, second)
