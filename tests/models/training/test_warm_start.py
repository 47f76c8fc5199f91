"""Warm starts: known ids keep their vectors wherever they stand now, new ones start as in a fresh training."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.bases import BaseConfig
from models.enhancers import EnhancerConfig
from models.errors import LmmrecError
from models.training import checkpoint
from models.training.config import RunConfig
from models.training.data import TrainingData
from models.training.fit import fit
from models.training.fitted import FittedModel
from models.training.state import OtherRunError
from models.training.trainer import Trainer
from models.training.warm_start import WarmStart, warm_start_from
from tests.models.strategies import random_interactions
from tests.models.training.small import BASE, IDS, ITEMS, LMMREC, TRAINING, USERS, small_data, small_fit, stored_bytes

pytestmark = pytest.mark.unit

EARLIER = small_fit(LMMREC)


def start(users: list[str], items: list[str], folder: Path, model: FittedModel = EARLIER) -> WarmStart:
    checkpoint.save(model, folder, *IDS)
    return warm_start_from(folder, users, items)


def data_of(users: int, items: int) -> TrainingData:
    whole = random_interactions(users, items, 0.25, 5)
    texts = np.random.default_rng(6).standard_normal((users + items, 12)).astype(np.float32)
    return TrainingData(whole, whole, texts[:users], texts[users:])


def trainer_of(users: int, items: int, enhancer: EnhancerConfig | None = LMMREC) -> Trainer:
    return Trainer(data_of(users, items), BASE, enhancer, TRAINING, RunConfig(threads=1))


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 5), st.integers(0, 5), st.integers(0, 4))
def test_old_ids_keep_their_vectors_and_new_ones_equal_a_fresh_start(
    random: Any, new_users: int, new_items: int, gone: int
) -> None:
    users = [*IDS[0][gone:], *(f"new-u{row}" for row in range(new_users))]
    items = [*IDS[1][gone:], *(f"new-i{row}" for row in range(new_items))]
    random.shuffle(users)
    random.shuffle(items)
    rows = {name: row for row, name in enumerate([*IDS[0], *IDS[1]])}
    user_rows, item_rows = (
        np.array([row.get(name, -1) for name in names])
        for names, row in ((users, {n: r for r, n in enumerate(IDS[0])}), (items, {n: r for r, n in enumerate(IDS[1])}))
    )
    fresh = trainer_of(len(users), len(items)).weights()
    begun = WarmStart(EARLIER, user_rows, item_rows, "").initial(fresh, BASE, LMMREC)
    for row, name in enumerate([*users, *items]):
        known = name in rows
        expected = EARLIER.parameters["base.table"][rows[name]] if known else fresh["base.table"][row]
        assert torch.equal(begun["base.table"][row], expected)
    for name in fresh.keys() - {"base.table"}:
        assert torch.equal(begun[name], EARLIER.parameters[name])


def test_the_checkpoints_ids_say_which_row_is_whose(tmp_path: Path) -> None:
    begun = start(["u3", "stranger", "u0"], ["i29", "i1", "novelty", "i0"], tmp_path)
    assert begun.user_rows.tolist() == [3, -1, 0]
    assert begun.item_rows.tolist() == [29, 1, -1, 0]
    assert (begun.new_users, begun.new_items) == (1, 1)


@pytest.mark.parametrize("ramp", [True, False])
def test_starting_from_the_same_ids_starts_at_the_earlier_weights_with_the_teacher_beside_them(
    ramp: bool, tmp_path: Path
) -> None:
    enhancer = LMMREC.model_copy(update={"momentum_ramp": ramp})
    trainer = Trainer(small_data(), BASE, enhancer, TRAINING, RunConfig(threads=1))
    trainer.start_from(start(*IDS, tmp_path).initial(trainer.weights(), BASE, enhancer))
    for name, tensor in trainer.weights().items():
        assert torch.equal(tensor, EARLIER.parameters[name])
    teacher: Any = trainer.enhancer.teacher
    assert torch.equal(teacher.table, trainer.base.table)
    assert torch.equal(teacher.prototypes.users, EARLIER.parameters["enhancer.prototypes.users"])
    assert torch.equal(teacher.tower.weight_1, EARLIER.parameters["enhancer.tower.weight_1"])
    assert teacher.num_updates == 0


def test_training_goes_on_from_where_the_earlier_model_was(tmp_path: Path) -> None:
    one_epoch = TRAINING.model_copy(update={"max_epochs": 1, "learning_rate": 1e-6})
    begun = start(*IDS, tmp_path)
    model = fit(small_data(), BASE, LMMREC, one_epoch, RunConfig(threads=1), warm_start=begun)
    torch.testing.assert_close(model.parameters["base.table"], EARLIER.parameters["base.table"], atol=1e-4, rtol=0)


def test_tensors_of_another_shape_stay_fresh(tmp_path: Path) -> None:
    more = LMMREC.model_copy(update={"num_prototypes": 6})
    fresh = Trainer(small_data(), BASE, more, TRAINING, RunConfig(threads=1)).weights()
    begun = start(*IDS, tmp_path).initial(fresh, BASE, more)
    assert torch.equal(begun["enhancer.prototypes.users"], fresh["enhancer.prototypes.users"])
    assert torch.equal(begun["enhancer.tower.weight_2"], EARLIER.parameters["enhancer.tower.weight_2"])


def test_tables_of_one_side_follow_that_side_and_stay_fresh_where_nothing_tells_the_side() -> None:
    def carried(num_users: int, num_items: int, users: list[int], items: list[int], rows: int) -> list[float]:
        table = torch.arange(1.0, 1 + rows)[:, None]
        model = replace(EARLIER, num_users=num_users, num_items=num_items, parameters={"t": table})
        begun = WarmStart(model, np.array(users), np.array(items), "")
        return begun.initial({"t": torch.zeros(rows, 1)}, BASE, LMMREC)["t"][:, 0].tolist()

    assert carried(3, 2, [2, -1, 0], [1, 0], rows=3) == [3.0, 0.0, 1.0]
    assert carried(3, 2, [2, -1, 0], [1, 0], rows=2) == [2.0, 1.0]
    assert carried(2, 2, [1, 0], [0, -1], rows=2) == [0.0, 0.0]
    assert carried(3, 2, [2, -1, 0], [1, 0], rows=7) == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]


@pytest.mark.parametrize(
    ("base", "enhancer", "message"),
    [
        (
            BASE.model_copy(update={"name": "other"}),
            LMMREC,
            "base model other cannot start from .* base model lightgcn",
        ),
        (BASE.model_copy(update={"dim": 16}), LMMREC, "width 16 cannot start from .* width 8"),
        (BASE, None, "enhancer none cannot start from .* enhancer lmmrec"),
    ],
)
def test_another_kind_of_model_is_refused(
    base: BaseConfig, enhancer: EnhancerConfig | None, message: str, tmp_path: Path
) -> None:
    with pytest.raises(LmmrecError, match=message):
        start(*IDS, tmp_path).initial({}, base, enhancer)


def test_a_checkpoint_without_a_single_known_id_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LmmrecError, match="knows none of the users and items"):
        start(["a", "b"], ["c"], tmp_path)


def test_ids_that_do_not_fit_the_weights_are_refused(tmp_path: Path) -> None:
    checkpoint.save(EARLIER, tmp_path, *IDS)
    (tmp_path / "ids.json").write_text(json.dumps({"users": IDS[0][1:], "items": IDS[1]}))
    with pytest.raises(LmmrecError, match="names 39 users and 30 items, but the model has 40 and 30"):
        warm_start_from(tmp_path, *IDS)


def test_a_warm_start_is_part_of_what_a_stored_state_belongs_to(tmp_path: Path) -> None:
    begun = start(*IDS, tmp_path / "earlier")

    def train(warm_start: WarmStart | None) -> FittedModel:
        run = RunConfig(threads=1)
        return fit(small_data(), BASE, LMMREC, TRAINING, run, state_folder=tmp_path / "state", warm_start=warm_start)

    first = stored_bytes(train(begun), tmp_path / "first")
    assert stored_bytes(train(begun), tmp_path / "again") == first
    with pytest.raises(OtherRunError, match="warm_start: "):
        train(None)


def test_the_same_warm_start_gives_the_same_bytes(tmp_path: Path) -> None:
    users, items = [*IDS[0], "new"], IDS[1][::-1]
    begun = start(users, items, tmp_path / "earlier")
    one, other = (
        fit(data_of(USERS + 1, ITEMS), BASE, LMMREC, TRAINING, RunConfig(threads=1), warm_start=begun).parameters
        for _ in range(2)
    )
    assert all(torch.equal(one[name], other[name]) for name in one)
