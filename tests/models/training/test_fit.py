"""The fit loop: early stopping, determinism, what it refuses; training data at its border; the checkpoint's round trip."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from pydantic import ValidationError

from models.bases import LightGCNConfig
from models.enhancers import LMMRecConfig
from models.errors import LmmrecError
from models.ranking.evaluate import evaluate
from models.training import checkpoint
from models.training.config import PRESETS, RunConfig, TrainingConfig
from models.training.data import TrainingData
from models.training.fit import fit
from models.training.fitted import FittedModel
from tests.models.strategies import random_interactions

pytestmark = pytest.mark.unit

ALL = random_interactions(40, 30, 0.25, 0)
_HELD_OUT = np.random.default_rng(1).random(ALL.nnz) < 0.2
TRAIN, VALIDATION = ALL.copy(), ALL.copy()
TRAIN.data = np.where(_HELD_OUT, 0, 1).astype(np.float32)
VALIDATION.data = np.where(_HELD_OUT, 1, 0).astype(np.float32)
TRAIN.eliminate_zeros()
VALIDATION.eliminate_zeros()
TEXTS = np.random.default_rng(2).standard_normal((70, 12)).astype(np.float32)
DATA = TrainingData(TRAIN, VALIDATION, TEXTS[:40], TEXTS[40:])
SHORT = TrainingConfig(batch_size=64, learning_rate=0.01, max_epochs=12, evaluate_every=2, patience=3)
BASE, LMMREC = LightGCNConfig(dim=8), LMMRecConfig(num_prototypes=4)
IDS = [f"u{row}" for row in range(40)], [f"i{row}" for row in range(30)]


def fitted(enhancer: LMMRecConfig | None = None, training: TrainingConfig = SHORT, seed: int = 2023) -> FittedModel:
    return fit(DATA, BASE, enhancer, training, RunConfig(seed=seed, threads=1))


def stored(model: FittedModel, folder: Path) -> dict[str, bytes]:
    checkpoint.save(model, folder, *IDS)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_best_epoch_on_validation_is_kept() -> None:
    model = fitted()
    values = [entry["recall_20"] for entry in model.history]
    assert [entry["epoch"] for entry in model.history] == list(range(0, 12, 2))[: len(values)]
    assert model.best_epoch == model.history[int(np.argmax(values))]["epoch"]
    again = evaluate(model, TRAIN, VALIDATION, VALIDATION, ("rlmrec",), (20,)).means("rlmrec")
    assert again["recall_20"] == pytest.approx(max(values))


def test_training_stops_after_patience_evaluations_without_a_new_best() -> None:
    patient = fitted(training=SHORT.model_copy(update={"max_epochs": 500, "patience": 3}))
    best = int(np.argmax([entry["recall_20"] for entry in patient.history]))
    assert len(patient.history) == best + 1 + 3


def test_without_looking_at_validation_the_last_epoch_is_kept() -> None:
    blind = SHORT.model_copy(update={"evaluate_every": 0, "max_epochs": 3})
    model = fit(TrainingData(TRAIN, sp.csr_matrix(TRAIN.shape)), BASE, None, blind, RunConfig(threads=1))
    assert (model.history, model.best_epoch) == ([], 2)


def test_early_stopping_without_validation_is_refused_with_the_remedy() -> None:
    with pytest.raises(LmmrecError, match="evaluate_every=0"):
        fit(TrainingData(TRAIN, sp.csr_matrix(TRAIN.shape)), BASE, None, SHORT, RunConfig())


@pytest.mark.parametrize("enhancer", [None, LMMREC, LMMREC.model_copy(update={"score_fusion": "p+h"})])
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    enhancer: LMMRecConfig | None, tmp_path: Path
) -> None:
    first, second, other = (stored(fitted(enhancer, seed=seed), tmp_path / str(n)) for n, seed in enumerate((1, 1, 2)))
    assert first == second
    assert first["model.safetensors"] != other["model.safetensors"]


def test_the_threads_of_the_process_are_given_back() -> None:
    before = torch.get_num_threads()
    fit(DATA, BASE, None, SHORT.model_copy(update={"max_epochs": 1}), RunConfig(threads=1))
    assert torch.get_num_threads() == before


def test_lmmrec_without_texts_is_refused() -> None:
    with pytest.raises(LmmrecError, match="needs text vectors"):
        fit(TrainingData(TRAIN, VALIDATION), BASE, LMMREC, SHORT, RunConfig())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"validation": VALIDATION[:5]}, "validation matrix"),
        ({"train": sp.csr_matrix(TRAIN.shape)}, "no interactions"),
        ({"item_texts": None}, "one side only"),
        ({"user_texts": TEXTS[:39]}, "39, 12.*40 users"),
        ({"item_texts": TEXTS[40:, :5]}, "one encoder"),
        ({"user_texts": np.where(np.arange(40)[:, None] == 7, np.nan, TEXTS[:40])}, "user row 7 is not finite"),
    ],
)
def test_data_that_does_not_fit_together_is_refused(change: dict[str, object], message: str) -> None:
    whole = {"train": TRAIN, "validation": VALIDATION, "user_texts": TEXTS[:40], "item_texts": TEXTS[40:]}
    with pytest.raises(LmmrecError, match=message):
        TrainingData(**(whole | change))  # type: ignore[arg-type]


def test_shuffling_keeps_each_sides_texts_and_moves_them() -> None:
    shuffled = DATA.with_shuffled_texts(1)
    assert shuffled.user_texts is not None
    assert shuffled.item_texts is not None
    for mixed, real in ((shuffled.user_texts, TEXTS[:40]), (shuffled.item_texts, TEXTS[40:])):
        assert not np.array_equal(mixed, real)
        assert sorted(map(tuple, mixed)) == sorted(map(tuple, real))
    np.testing.assert_array_equal(shuffled.texts(), DATA.with_shuffled_texts(1).texts())


@pytest.mark.parametrize("enhancer", [None, LMMREC])
def test_a_stored_model_comes_back_whole(enhancer: LMMRecConfig | None, tmp_path: Path) -> None:
    model = fitted(enhancer)
    checkpoint.save(model, tmp_path, *IDS)
    back = checkpoint.load(tmp_path)
    everyone = np.arange(40)
    assert torch.equal(back.score(everyone), model.score(everyone))
    assert (back.base, back.enhancer, back.training, back.seed) == (
        model.base,
        model.enhancer,
        model.training,
        model.seed,
    )
    assert (back.history, back.best_epoch, back.num_users, back.num_items) == (model.history, model.best_epoch, 40, 30)
    assert back.parameters.keys() == model.parameters.keys()
    assert checkpoint.load_ids(tmp_path) == IDS


def test_ids_of_another_length_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(LmmrecError, match="one id per row"):
        checkpoint.save(fitted(), tmp_path / "new", IDS[0][:-1], IDS[1])
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "history.json"])
def test_a_damaged_or_missing_file_is_named(name: str, tmp_path: Path) -> None:
    checkpoint.save(fitted(), tmp_path, *IDS)
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(LmmrecError, match=name):
        checkpoint.load(tmp_path)
    path.unlink()
    with pytest.raises(LmmrecError, match=name):
        checkpoint.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_users": 41}, r"'final\.users' has shape \(40, 8\).*\(41, 8\)"),
        ({"format": "other/9"}, "is not a checkpoint of the form"),
        ({"base": {"name": "lightgcn", "depth": 3}}, "does not describe a model of this version"),
        ({"base": {"name": "unheard-of"}}, "no base model 'unheard-of'"),
    ],
)
def test_settings_that_do_not_fit_the_weights_are_refused(
    change: dict[str, object], message: str, tmp_path: Path
) -> None:
    checkpoint.save(fitted(), tmp_path, *IDS)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(LmmrecError, match=message):
        checkpoint.load(tmp_path)


def test_users_that_the_model_does_not_know_are_refused() -> None:
    with pytest.raises(LmmrecError, match="0 … 39"):
        fitted().score(np.array([40]))


def test_presets_are_those_of_the_paper_and_of_the_reference_code() -> None:
    assert (PRESETS["lmmrec"].batch_size, PRESETS["lmmrec"].learning_rate) == (512, 3e-3)
    assert (PRESETS["rlmrec"].batch_size, PRESETS["rlmrec"].learning_rate) == (4096, 1e-3)
    for preset in (PRESETS["lmmrec"], PRESETS["rlmrec"]):
        assert (preset.max_epochs, preset.evaluate_every, preset.patience, preset.monitor) == (3000, 3, 5, "recall_20")
    with pytest.raises(ValidationError):
        TrainingConfig.model_validate({"batchsize": 3})
