"""Laws of every enhancer on every base model with embeddings; a new one of either inherits them from the registries."""

from __future__ import annotations

from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from assets.training.data import CONTROLS
from models.bases import BASES, BaseConfig
from models.enhancers import ENHANCERS, EnhancerConfig
from models.training.config import RunConfig
from models.training.fit import fit
from models.training.fitted import FittedModel
from tests.models.enhancers.small import DATA, THREE_EPOCHS, USERS, trained
from tests.models.training.test_state import stopped_after

pytestmark = pytest.mark.unit

WITH_EMBEDDINGS: list[BaseConfig] = [
    spec.config.model_validate({"name": name, "dim": 8})
    for name, spec in BASES.items()
    if not spec.closed_form and spec.config.model_validate({"name": name}).dim
]
ON_EMBEDDINGS = [name for name, spec in ENHANCERS.items() if spec.works_on == "embeddings"]
SMALL: dict[str, dict[str, Any]] = {"lmmrec": {"num_prototypes": 5, "warmup_epochs": 0.0}}
"""Settings with which an enhancer has something to do on so few rows."""
PAIRS = [pytest.param(base, name, id=f"{name}-{base.name}") for base, name in product(WITH_EMBEDDINGS, ON_EMBEDDINGS)]


def config_of(name: str, **settings: Any) -> EnhancerConfig:
    return ENHANCERS[name].config.model_validate({"name": name} | SMALL.get(name, {}) | settings)


@cache
def alone(name: str) -> FittedModel:
    """The base without any enhancer."""
    return trained(None, next(base for base in WITH_EMBEDDINGS if base.name == name))


def same(one: FittedModel, other: FittedModel) -> bool:
    """Equal in every bit of what is scored with, and of the base's own weights."""
    pairs = [(one.final[name], other.final[name]) for name in one.final]
    of_base = [name for name in one.parameters if name.startswith("base.")]
    pairs += [(one.parameters[name], other.parameters[name]) for name in of_base]
    return one.final.keys() == other.final.keys() and all(torch.equal(*pair) for pair in pairs)


@pytest.mark.parametrize(("base", "name"), PAIRS)
def test_at_weight_zero_the_base_trains_as_alone_to_the_bit(base: BaseConfig, name: str) -> None:
    assert same(trained(config_of(name, weight=0.0, l2=None), base), alone(base.name))


@pytest.mark.parametrize(("base", "name"), PAIRS)
def test_above_zero_it_changes_what_is_scored_with_twice_in_the_same_way(base: BaseConfig, name: str) -> None:
    first, second = (trained(config_of(name, l2=None), base) for _ in range(2))
    assert same(first, second)
    scores = first.score(np.arange(USERS))
    assert torch.isfinite(scores).all()
    assert not torch.equal(scores, alone(base.name).score(np.arange(USERS)))


@pytest.mark.parametrize(("base", "name"), PAIRS)
def test_stopped_and_resumed_it_ends_in_the_same_bits(base: BaseConfig, name: str, tmp_path: Path) -> None:
    def train(folder: Path | None) -> FittedModel:
        return fit(DATA, base, config_of(name), THREE_EPOCHS, RunConfig(threads=1), state_folder=folder)

    stopped_after(1, lambda: train(tmp_path))
    resumed = train(tmp_path)
    assert resumed.resumed_at_epoch == 1
    assert same(resumed, train(None))


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("name", [name for name in ON_EMBEDDINGS if ENHANCERS[name].needs_text])
def test_other_texts_give_another_model_and_the_base_does_not_see_them(name: str, control: str) -> None:
    changed = CONTROLS[control](DATA, 1)
    assert not same(trained(config_of(name)), trained(config_of(name), data=changed))
    assert same(trained(None), trained(None, data=changed))
