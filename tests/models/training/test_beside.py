"""Work beside the forward pass: its result, its errors, and the threads that each side has meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from models.bases import LightGCNConfig
from models.enhancers import LMMRecConfig
from models.enhancers.alignment import Taught
from models.enhancers.lmmrec import LMMRec
from models.training.beside import Beside
from models.training.config import RunConfig, TrainingConfig
from models.training.data import TrainingData
from models.training.fit import fit
from models.training.trainer import Trainer
from tests.models.strategies import random_interactions

pytestmark = pytest.mark.unit

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def four_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def test_both_sides_have_half_of_the_threads_until_the_result_is_there() -> None:
    goes_on = threading.Event()

    def work() -> tuple[int, int]:
        assert goes_on.wait(20.0)
        return torch.get_num_threads(), threading.get_ident()

    result = Beside(CPU).start(work)
    assert torch.get_num_threads() == 2
    goes_on.set()
    threads, where = result()
    assert threads == 2
    assert where != threading.get_ident()
    assert torch.get_num_threads() == 4
    assert result() == (threads, where)


def test_an_odd_thread_stays_with_the_caller() -> None:
    torch.set_num_threads(3)
    result = Beside(CPU).start(torch.get_num_threads)
    assert torch.get_num_threads() == 2
    assert result() == 1
    assert torch.get_num_threads() == 3


def test_a_result_that_nobody_asks_for_is_waited_for() -> None:
    beside, done = Beside(CPU), []
    beside.start(lambda: done.append(threading.Event().wait(0.05)))
    beside.join()
    assert done == [False]
    assert torch.get_num_threads() == 4
    beside.join()


def test_an_error_is_raised_where_the_result_is_asked_for() -> None:
    beside = Beside(CPU)
    result = beside.start(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        result()
    assert torch.get_num_threads() == 4
    assert beside.start(lambda: 5)() == 5


@pytest.mark.parametrize(("device", "threads"), [(CPU, 1), (torch.device("cuda"), 4)])
def test_on_one_thread_or_a_gpu_the_caller_does_the_work_itself(device: torch.device, threads: int) -> None:
    torch.set_num_threads(threads)
    done = []
    result = Beside(device).start(lambda: done.append(threading.get_ident()))
    assert torch.get_num_threads() == threads
    assert done == []
    assert result() is result()
    assert done == [threading.get_ident()]


TRAIN = random_interactions(60, 40, 0.2, 0)
TEXTS = np.random.default_rng(1).standard_normal((100, 24)).astype(np.float32)
DATA = TrainingData(TRAIN, sp.csr_matrix(TRAIN.shape), TEXTS[:60], TEXTS[60:])
BASE = LightGCNConfig(dim=16)
CONFIG = LMMRecConfig(num_prototypes=8, weight=0.2, warmup_epochs=0.0)
TRAINING = TrainingConfig(batch_size=64, learning_rate=0.01, max_epochs=3, evaluate_every=0)


def one_step(threads: int) -> None:
    torch.set_num_threads(threads)
    trainer = Trainer(DATA, BASE, CONFIG, TRAINING, RunConfig())
    trainer.run_step(next(trainer.sampler.epoch(CPU)), 1.0)


@pytest.mark.parametrize(("threads", "elsewhere"), [(1, False), (4, True)])
def test_the_teacher_of_a_step_runs_beside_it_where_there_is_a_thread_to_spare(
    monkeypatch: pytest.MonkeyPatch, threads: int, elsewhere: bool
) -> None:
    teach, seen = LMMRec._taught, []

    def taught(self: LMMRec, *rest: Any) -> Taught:
        seen.append(threading.get_ident())
        return teach(self, *rest)

    monkeypatch.setattr(LMMRec, "_taught", taught)
    one_step(threads)
    assert [ident != threading.get_ident() for ident in seen] == [elsewhere]


def test_a_step_that_fails_leaves_all_threads_and_nothing_running(monkeypatch: pytest.MonkeyPatch) -> None:
    done = []
    monkeypatch.setattr(LMMRec, "_taught", lambda self, *rest: done.append(threading.Event().wait(0.05)))
    monkeypatch.setattr(LMMRec, "auxiliary_loss", lambda self, step: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        one_step(4)
    assert done == [False]
    assert torch.get_num_threads() == 4


def test_training_ends_in_the_same_bytes_twice_and_near_what_one_thread_gives() -> None:
    first, second, alone = (
        fit(DATA, BASE, CONFIG, TRAINING, RunConfig(threads=threads)).parameters for threads in (2, 2, 1)
    )
    for name, weights in first.items():
        assert torch.equal(weights, second[name])
        torch.testing.assert_close(weights, alone[name], rtol=1e-3, atol=1e-5)
