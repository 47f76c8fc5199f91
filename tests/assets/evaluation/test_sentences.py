"""The text part of a score splits over the sentences of the item's motivation, and all of it is accounted for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assets.evaluation.explain import explain
from assets.evaluation.sentences import split_sentences, text_parts
from assets.lake import Address, Lake
from assets.settings import Settings
from assets.training.cells import train_cell
from assets.training.plan import plan_cell
from models.bases import EaseConfig
from models.enhancers import TextPriorConfig
from models.training.checkpoint import load
from models.training.config import TrainingConfig
from tests.assets.evaluation.conftest import writing
from tests.assets.evaluation.letters import Letters
from tests.assets.synthetic import DATASET, write_lake

pytestmark = pytest.mark.unit
CELL = Address("text_prior_checkpoint", DATASET, "ease", variant="full", seed=2023)


@pytest.fixture(scope="module", params=[(), (0.75, 0.25)], ids=["one view", "two views"])
def lake(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Lake:
    """A lake with `text-prior` on EASE, whose item texts have several sentences and the vectors of `Letters`."""
    lake = write_lake(tmp_path_factory.mktemp("sentences"))
    summaries = [
        f"Item {n} is quiet. It lasts {'long ' * (n % 5)}enough! Worth its price{'.' * (n % 3)}" for n in range(40)
    ]
    _rewrite_summaries(lake, summaries)
    vectors = Letters().encode(summaries)
    with writing(lake, Address("text_embeddings", DATASET)) as draft:
        np.save(draft.path / "items.npy", vectors)
        np.save(draft.path / "users.npy", Letters().encode(["quiet long battery", "bright cheerful colours"] * 30))
        about = {"encoder": "test", "model": "test", "dim": vectors.shape[1]}
        if request.param:
            about["views"] = [3, vectors.shape[1] - 3]
        (draft.path / "encoder.json").write_text(json.dumps(about))
    plan = replace(
        plan_cell(CELL, "text-prior", "lmmrec"),
        base=EaseConfig(regularisation=5.0, dropout=0.5, user_power=0.5, popularity_power=0.2),
        enhancer=TextPriorConfig(form="kernel", weight=3.0, view_shares=request.param),
        training=TrainingConfig(evaluate_every=0),
    )
    inputs = {name: lake.read(Address(name, DATASET)) for name in ("split", "interactions", "text_embeddings")}
    with writing(lake, CELL) as draft:
        draft.metadata.update(train_cell(plan, inputs, draft.path, Settings(device="cpu", threads=1)))
    return lake


def _rewrite_summaries(lake: Lake, summaries: list[str]) -> None:
    import duckdb
    import pandas as pd

    old = lake.path(Address("validated_motivations", DATASET))
    with writing(lake, Address("validated_motivations", DATASET)) as draft, duckdb.connect() as connection:
        connection.register("told", pd.DataFrame({"entity_idx": range(len(summaries)), "told": summaries}))
        connection.execute(
            f"COPY (SELECT i.* REPLACE (told AS summary) FROM '{old / 'items.parquet'}' i JOIN told USING (entity_idx) "
            f"ORDER BY entity_idx) TO '{draft.path / 'items.parquet'}' (FORMAT parquet)"
        )
        (draft.path / "users.parquet").write_bytes((old / "users.parquet").read_bytes())


@pytest.mark.parametrize("bound", [False, True])
@pytest.mark.parametrize("item", [3, 8, 17])
def test_sentences_other_texts_and_remainder_add_up_to_the_text_part(lake: Lake, item: int, bound: bool) -> None:
    found = explain(lake.home, DATASET, "u003", f"sku-{item:02d}", "ease", Letters(bound))
    parts = found["text_parts"]
    assert len(parts["sentences"]) == 3
    total = sum(one["adds"] for one in parts["sentences"]) + parts["other_texts"] + parts["text_remainder"]
    assert total == pytest.approx(found["text_share"], abs=1e-5)
    assert abs(found["text_share"]) > 1e-4
    assert 0.0 < parts["sentences_said"] <= 1.0
    assert parts["sentences"][0]["sentence"] == f"Item {item} is quiet."


def test_without_the_encoder_the_text_part_stays_whole_and_it_is_said(lake: Lake) -> None:
    class Other(Letters):
        name = "other"

    class Paid(Letters):
        name = "openai"

    model = load(lake.read(CELL))
    for encoder, why in ((None, "no encoder was given"), (Other(), "were made by encoder test"), (Paid(), "paid for")):
        found = text_parts(lake, DATASET, model, 3, 8, encoder)
        assert found["sentences"] == []
        assert why in found["sentences_note"]
        whole = text_parts(lake, DATASET, model, 3, 8, Letters())
        assert found["text_remainder"] + found["other_texts"] == pytest.approx(
            sum(one["adds"] for one in whole["sentences"]) + whole["text_remainder"] + whole["other_texts"], abs=1e-9
        )


def test_a_model_without_texts_has_nothing_to_split(finished: Lake, finished_home: Path) -> None:
    assert explain(finished_home, DATASET, "u003", "sku-07", "lightgcn", Letters())["text_parts"] == {}


def test_a_text_is_split_where_its_sentences_end() -> None:
    assert split_sentences("Light. Keeps 3.5 litres! “Nice.” And so on…") == [
        "Light.",
        "Keeps 3.5 litres!",
        "“Nice.”",
        "And so on…",
    ]
    assert split_sentences(" ") == []
