"""The same numbers on a CUDA device as on the CPU, up to the order of sums; skipped where there is no device."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from models.bases import BASES, BaseConfig, LightGCNConfig, base_spec
from models.enhancers import (
    ENHANCERS,
    AutoGraphConfig,
    EnhancerConfig,
    LMMRecConfig,
    ONCEConfig,
    RLMRecConConfig,
    RLMRecGenConfig,
    UISTConfig,
)
from models.graph import BipartiteGraph, propagate
from models.ranking.evaluate import evaluate
from models.ranking.topk import top_k
from models.training.config import RunConfig, TrainingConfig
from models.training.data import TrainingData
from models.training.fit import fit
from tests.models.strategies import random_interactions

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device on this machine"),
]

USERS, ITEMS = 300, 200
TRAIN = random_interactions(USERS, ITEMS, 0.05, 0)
_DRAWN = random_interactions(USERS, ITEMS, 0.02, 1)
HELD_OUT = sp.csr_matrix(_DRAWN - _DRAWN.multiply(TRAIN))
TEXTS = np.random.default_rng(3).standard_normal((USERS + ITEMS, 48)).astype(np.float32)
DATA = TrainingData(TRAIN, HELD_OUT, TEXTS[:USERS], TEXTS[USERS:])
SHORT = TrainingConfig(batch_size=256, learning_rate=0.01, max_epochs=5, evaluate_every=0)


class Scores:
    """A fixed score matrix on one device."""

    def __init__(self, scores: torch.Tensor) -> None:
        self.scores = scores

    def score(self, user_idx: np.ndarray) -> torch.Tensor:
        return self.scores[torch.from_numpy(user_idx).to(self.scores.device)].clone()


@pytest.mark.parametrize("rows", [None, [3, 499, 17]])
def test_propagation_and_its_gradient_are_those_of_the_cpu(rows: list[int] | None) -> None:
    table, found = torch.randn(USERS + ITEMS, 32), []
    for device in ("cpu", "cuda"):
        own = table.to(device).requires_grad_()
        dropped = BipartiteGraph(TRAIN, device).drop_edges(0.8, np.random.default_rng(0))
        wanted = None if rows is None else torch.tensor(rows, device=device)
        final = propagate(dropped, own, (1.0,) * 4, wanted).final
        found.append((final.detach().cpu(), torch.autograd.grad(final.square().sum(), own)[0].cpu()))
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", sorted(BASES))
def test_every_base_trains_to_the_scores_of_the_cpu(name: str) -> None:
    config: BaseConfig = base_spec(name).config(name=name)
    scores = [
        fit(DATA, config, None, SHORT, RunConfig(device=device)).score(np.arange(USERS)).cpu()
        for device in ("cpu", "cuda")
    ]
    torch.testing.assert_close(scores[0], scores[1], rtol=1e-2, atol=1e-3)


SMALL_ENHANCERS: list[EnhancerConfig] = [
    LMMRecConfig(num_prototypes=16, weight=0.1, warmup_epochs=1.0, score_fusion="p+h"),
    RLMRecConConfig(),
    RLMRecGenConfig(),
    UISTConfig(codes=8),
    AutoGraphConfig(codes=8),
    AutoGraphConfig(codes=8, aggregator="gat"),
    ONCEConfig(least_cosine=0.1),
]


def test_every_enhancer_is_among_those_that_are_tried() -> None:
    assert {config.name for config in SMALL_ENHANCERS} == {
        name for name, spec in ENHANCERS.items() if spec.works_on == "embeddings"
    }


@pytest.mark.parametrize("config", SMALL_ENHANCERS, ids=lambda config: config.name)
def test_every_enhancer_trains_to_the_scores_of_the_cpu(config: EnhancerConfig) -> None:
    scores = [
        fit(DATA, LightGCNConfig(), config, SHORT, RunConfig(device=device)).score(np.arange(USERS)).cpu()
        for device in ("cpu", "cuda")
    ]
    torch.testing.assert_close(scores[0], scores[1], rtol=1e-2, atol=1e-3)


def test_ties_are_broken_alike_on_both_devices() -> None:
    scores = torch.randint(0, 4, (USERS, ITEMS)).float()
    lists = [top_k(Scores(scores.to(device)), np.arange(USERS), 20, TRAIN)[0] for device in ("cpu", "cuda")]
    np.testing.assert_array_equal(*lists)


def test_metrics_agree_to_a_millionth() -> None:
    scores = torch.randn(USERS, ITEMS)
    means = [
        evaluate(Scores(scores.to(device)), TRAIN, HELD_OUT, HELD_OUT, ("rlmrec",)).means("rlmrec")
        for device in ("cpu", "cuda")
    ]
    assert means[0] == pytest.approx(means[1], abs=1e-6)
