"""One tiny lake with trained, measured and published cells, made once for all tests that only read it."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from assets.evaluation.anchors import evaluate_anchors
from assets.evaluation.metrics import evaluate_cell
from assets.evaluation.recipe import METRIC_ASSETS, RECOMMENDATIONS_PER_USER, metrics_of
from assets.evaluation.recommendations import write_recommendations
from assets.lake import Address, Lake
from assets.settings import Settings
from assets.training.cells import train_cell
from assets.training.methods import checkpoint_of
from assets.training.plan import plan_cell
from tests.assets.synthetic import DATASET, write_lake

CELLS = (("base", "full"), ("lmmrec", "full"), ("lmmrec", "shuffled-text"))
SEEDS = (2023, 2024)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake up to recommendations for `tiny` and, without texts, for `wordless`; read it only."""
    lake = write_lake(tmp_path_factory.mktemp("home"))
    write_lake(lake.home, "wordless", with_text=False)
    for seed in SEEDS:
        for method, variant in CELLS:
            make_cell(lake, DATASET, method, variant, seed)
    make_cell(lake, "wordless", "base", "full", 2023)
    for dataset, methods in ((DATASET, ("base", "lmmrec")), ("wordless", ("base",))):
        with writing(lake, Address("anchor_metrics", dataset)) as draft:
            evaluate_anchors(lake.read(Address("split", dataset)), dataset, draft.path, ("popularity", "itemknn"))
        for method in methods:
            publish(lake, dataset, method)
    assert METRIC_ASSETS
    return lake


@pytest.fixture
def finished_home(finished: Lake, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The home of `finished`, set as LMMREC_HOME."""
    monkeypatch.setenv("LMMREC_HOME", str(finished.home))
    yield finished.home
    assert os.environ["LMMREC_HOME"] == str(finished.home)


def make_cell(lake: Lake, dataset: str, method: str, variant: str, seed: int) -> None:
    """Train and measure one cell, three epochs."""
    checkpoint = Address(checkpoint_of(method), dataset, "lightgcn", variant=variant, seed=seed)
    plan = plan_cell(checkpoint, method, "lmmrec")
    plan = replace(plan, training=plan.training.model_copy(update={"max_epochs": 3, "evaluate_every": 1}))
    names = ["split", "interactions", *(["text_embeddings"] if method == "lmmrec" else [])]
    inputs = {name: lake.read(Address(name, dataset)) for name in names}
    with writing(lake, checkpoint) as draft:
        draft.metadata.update(train_cell(plan, inputs, draft.path, Settings(device="cpu", threads=1)))
    metrics = replace(checkpoint, asset=metrics_of(method))
    with writing(lake, metrics) as draft:
        evaluate_cell(lake.read(checkpoint), inputs["split"], metrics, method, draft.path)


def publish(lake: Lake, dataset: str, method: str) -> None:
    """Write the recommendations of one method."""
    checkpoint = Address(checkpoint_of(method), dataset, "lightgcn", variant="full", seed=2023)
    interactions = lake.read(Address("interactions", dataset))
    with writing(lake, Address("recommendations", dataset, "lightgcn", method)) as draft:
        write_recommendations(lake.read(checkpoint), interactions, draft.path, RECOMMENDATIONS_PER_USER)


def writing(lake: Lake, address: Address):  # type: ignore[no-untyped-def]
    return lake.write(address, code_version="1", config={}, inputs={}, run_id="run-1")
