"""One small problem with texts on which every enhancer is tried, and the ways to look into a step of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from models.bases import BaseConfig, LightGCNConfig
from models.bases.contract import Batch
from models.enhancers import EnhancerConfig
from models.training.config import RunConfig, TrainingConfig
from models.training.data import TrainingData
from models.training.fit import fit
from models.training.fitted import FittedModel
from models.training.trainer import Trainer
from tests.models.strategies import random_interactions

USERS, ITEMS, TEXT_DIM = 12, 9, 10
TRAIN = random_interactions(USERS, ITEMS, 0.3, 0)
TEXTS = np.random.default_rng(3).standard_normal((USERS + ITEMS, TEXT_DIM)).astype(np.float32)
DATA = TrainingData(TRAIN, sp.csr_matrix(TRAIN.shape), TEXTS[:USERS], TEXTS[USERS:])
BASE = LightGCNConfig(dim=8, num_layers=2)
THREE_EPOCHS = TrainingConfig(batch_size=8, learning_rate=0.01, max_epochs=3, evaluate_every=0)


def trainer(enhancer: EnhancerConfig | None, base: BaseConfig = BASE, data: TrainingData = DATA) -> Trainer:
    return Trainer(data, base, enhancer, THREE_EPOCHS, RunConfig(threads=1))


def trained(enhancer: EnhancerConfig | None, base: BaseConfig = BASE, data: TrainingData = DATA) -> FittedModel:
    return fit(data, base, enhancer, THREE_EPOCHS, RunConfig(threads=1))


def some_batch(model: Trainer) -> Batch:
    return next(model.sampler.epoch(torch.device("cpu")))


def auxiliary(model: Trainer, batch: Batch) -> dict[str, Any]:
    """The enhancer's terms on a batch, over the whole graph."""
    step = model.step(batch, 9.0, model.graph.full, model.noise_rng)
    model.enhancer.change_final(step)
    return model.enhancer.auxiliary_loss(step)


def propagated_by_hand(model: Trainer, table: torch.Tensor, num_layers: int = 2) -> np.ndarray:
    """x = sum of the layers of LightGCN on the whole graph, float64."""
    adjacency = model.graph.full.matrix.whole.to_dense().double().numpy()
    layers = [table.detach().double().numpy()]
    for _ in range(num_layers):
        layers.append(adjacency @ layers[-1])
    return np.asarray(sum(layers))


def numpy_of(*tensors: torch.Tensor) -> list[np.ndarray]:
    return [tensor.detach().double().numpy() for tensor in tensors]
