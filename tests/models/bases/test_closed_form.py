"""EASE and GF-CF as base models, with texts and without: the common suite, choice on validation, checkpoints, exact parts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from assets.training.curve import SETTING as SETTING_OF_CURVES
from models.anchors import ANCHORS
from models.attribution import attribute, text_reading
from models.bases import BASES, BaseConfig, EaseConfig, GFCFConfig, LightGCNConfig, base_spec
from models.bases import ease as ease_module
from models.bases import gfcf as gfcf_module
from models.bases.closed_form import TextChoice
from models.closed_form.ease import fit_ease, popularity
from models.closed_form.text_part import TextSettings, centred
from models.enhancers import LMMRecConfig, TextPriorConfig
from models.errors import LmmrecError
from models.graph import binary_csr
from models.ranking.evaluate import evaluate
from models.training import search
from models.training.checkpoint import load, save
from models.training.config import RunConfig, TrainingConfig
from models.training.data import TrainingData
from models.training.fit import fit
from models.training.fitted import FittedModel
from tests.models.behaviour import RankerBehaviour
from tests.models.strategies import random_interactions

pytestmark = pytest.mark.unit

USERS, ITEMS, TASTES = 80, 40, 4
BLIND = TrainingConfig(evaluate_every=0)
EASE_FIXED = EaseConfig(regularisation=5.0, dropout=0.5, user_power=0.5, popularity_power=0.2)
GFCF_FIXED = GFCFConfig(rank=4, alpha=0.3, popularity_power=0.1)
FIXED: list[BaseConfig] = [EASE_FIXED, GFCF_FIXED]
FORMS = [
    (EASE_FIXED, "kernel"),
    (EASE_FIXED, "prior"),
    (EASE_FIXED, "map"),
    (EASE_FIXED, "cosine"),
    (GFCF_FIXED, "map"),
    (GFCF_FIXED, "cosine"),
]


def shop(noise: float = 0.4) -> TrainingData:
    """Few pairs of users with a taste, and texts that say which taste an item is for."""
    rng = np.random.default_rng(0)
    of_user, of_item = np.arange(USERS) % TASTES, np.arange(ITEMS) % TASTES
    likes = rng.random((USERS, ITEMS)) < np.where(of_user[:, None] == of_item, 0.35, 0.03)
    parts = rng.random((USERS, ITEMS)) < 0.5
    train, held_out = likes & parts, likes & ~parts
    train[np.arange(USERS), rng.integers(0, ITEMS, USERS)] = True
    item_texts = np.eye(TASTES)[of_item] + noise * rng.standard_normal((ITEMS, TASTES))
    user_texts = np.eye(TASTES)[of_user]
    matrices = [sp.csr_matrix(part.astype(np.float32)) for part in (train, held_out & ~train)]
    return TrainingData(matrices[0], matrices[1], user_texts.astype(np.float32), item_texts.astype(np.float32))


DATA = shop()


def fit_quickly(
    base: BaseConfig,
    text: TextPriorConfig | None = None,
    data: TrainingData = DATA,
    training: TrainingConfig = TrainingConfig(),  # noqa: B008 - frozen
) -> FittedModel:
    return fit(data, base, text, training, RunConfig(threads=1))


def settings_of(base: BaseConfig) -> dict[str, Any]:
    return base.model_dump(exclude={"name", "dim", "l2"})


def settings_in(entry: dict[str, Any]) -> dict[str, Any]:
    """The base's settings of one trial."""
    own = {name.removeprefix("setting_"): value for name, value in entry.items() if name.startswith("setting_")}
    return {name: value for name, value in own.items() if not name.startswith("text_")}


class FormulaBehaviour(RankerBehaviour):
    base: BaseConfig

    def fitted(self, train: sp.csr_matrix) -> FittedModel:
        return fit_quickly(self.base, data=TrainingData(train, sp.csr_matrix(train.shape)), training=BLIND)


class TestEASE(FormulaBehaviour):
    base = EASE_FIXED


class TestGFCF(FormulaBehaviour):
    base = GFCF_FIXED


def test_every_closed_form_inherits_the_suite() -> None:
    inherited = {suite.base.name for suite in FormulaBehaviour.__subclasses__()}
    assert inherited == {name for name, spec in BASES.items() if spec.closed_form}


def test_the_filter_is_tuned_no_less_than_the_anchor_that_it_stands_beside() -> None:
    grid = base_spec("gfcf").formula().grid(GFCFConfig(), binary_csr(DATA.train))
    tried = {(chosen.rank, chosen.alpha) for chosen in grid if chosen.popularity_power == 0.0}
    assert {(setting["rank"], setting["alpha"]) for setting in ANCHORS["gfcf"].GRID} <= tried


def test_ease_scores_by_its_formula() -> None:
    train = binary_csr(DATA.train)
    with threadpool_limits(1):
        plain = fit_ease(train, 5.0, 0.5, 0.5).score(train) * popularity(train, 0.2)
    found = fit_quickly(EASE_FIXED, training=BLIND).score(np.arange(USERS))
    assert np.asarray(found).tobytes() == plain.tobytes()


@pytest.mark.parametrize("base", FIXED, ids=lambda base: base.name)
@pytest.mark.parametrize("text", [TextPriorConfig(form="none"), TextPriorConfig(form="map", weight=0.0)])
def test_texts_of_weight_zero_leave_the_base_as_it_is_to_the_bit(base: BaseConfig, text: TextPriorConfig) -> None:
    users = np.arange(USERS)
    alone, beside = fit_quickly(base), fit_quickly(base, text)
    assert beside.score(users).numpy().tobytes() == alone.score(users).numpy().tobytes()
    assert all(beside.final[name].numpy().tobytes() == alone.final[name].numpy().tobytes() for name in alone.final)


@pytest.mark.parametrize(("base", "form"), FORMS, ids=lambda value: getattr(value, "name", value))
def test_a_checkpoint_scores_as_the_model_it_holds(base: BaseConfig, form: Any, tmp_path: Path) -> None:
    text = TextPriorConfig(form=form, weight=0.5)
    model = fit_quickly(base, text, training=BLIND)
    save(model, tmp_path, [f"u{n}" for n in range(USERS)], [f"i{n}" for n in range(ITEMS)])
    loaded, users = load(tmp_path), np.arange(USERS)
    assert loaded.score(users).numpy().tobytes() == model.score(users).numpy().tobytes()
    assert (loaded.base, loaded.enhancer) == (base, text)


@pytest.mark.parametrize(("base", "form"), FORMS, ids=lambda value: getattr(value, "name", value))
def test_a_score_is_the_sum_of_its_history_and_text_parts(base: BaseConfig, form: Any) -> None:
    model = fit_quickly(base, TextPriorConfig(form=form, weight=0.5), training=BLIND)
    for user, item in ((0, 3), (7, 12), (41, 39)):
        found = attribute(model, DATA.train, user, item)
        assert found is not None
        assert found.texts is not None
        assert found.rest == pytest.approx(0.0, abs=1e-5)
        assert float(found.shares.sum()) == pytest.approx(found.score, abs=1e-5)
        assert np.abs(found.texts).sum() > 1e-4


@pytest.mark.parametrize(("base", "form"), FORMS)
def test_the_text_part_of_a_score_is_read_in_the_items_own_text_and_in_others(base: BaseConfig, form: Any) -> None:
    """The parts of the history add up to it, and only EASE's kernel reads texts of other items, too."""
    model = fit_quickly(base, TextPriorConfig(form=form, weight=0.7, popularity_shift=-0.1), training=BLIND)
    assert DATA.item_texts is not None
    texts = centred(DATA.item_texts).astype(np.float64)
    for user, item in ((0, 1), (3, 30), (7, int(DATA.train[7].indices[0]))):
        found, reading = attribute(model, DATA.train, user, item), text_reading(model, user, item)
        assert found is not None
        assert found.texts is not None
        assert reading is not None
        assert reading.direction is not None
        assert reading.total == pytest.approx(float(found.texts.sum()), abs=1e-5)
        if form != "kernel":
            assert float(reading.direction @ texts[item]) == pytest.approx(reading.total, abs=1e-5)


def test_without_a_text_part_nothing_is_read() -> None:
    assert text_reading(fit_quickly(EASE_FIXED), 0, 1) is None
    assert text_reading(fit_quickly(EASE_FIXED, TextPriorConfig(form="none"), training=BLIND), 0, 1) is None


@pytest.mark.parametrize("form", ["kernel", "prior"])
def test_a_popularity_shift_multiplies_the_whole_score_with_texts(form: Any) -> None:
    users, texts = np.arange(USERS), [TextPriorConfig(form=form, weight=0.5, popularity_shift=by) for by in (0.0, -0.2)]
    plain, shifted = (fit_quickly(EASE_FIXED, text, training=BLIND).score(users).numpy() for text in texts)
    np.testing.assert_allclose(shifted, plain * popularity(binary_csr(DATA.train), -0.2), rtol=1e-4, atol=1e-6)


def test_without_texts_no_part_of_a_score_comes_from_them() -> None:
    found = attribute(fit_quickly(EASE_FIXED), DATA.train, 0, 3)
    assert found is not None
    assert found.texts is not None
    assert not found.texts.any()


@pytest.mark.parametrize("base", [EaseConfig(), GFCFConfig()], ids=lambda base: base.name)
def test_the_setting_that_is_best_on_validation_is_kept_and_every_trial_is_recorded(base: BaseConfig) -> None:
    model = fit_quickly(base)
    recalls = [entry["recall_20"] for entry in model.history]
    formula, train = base_spec(base.name).formula(), binary_csr(DATA.train)
    grid = formula.grid(base, train)
    tried = [*grid, *formula.finer(base, grid[int(np.argmax(recalls[: len(grid)]))], train)]
    assert len(recalls) == len(tried) > len(grid)
    assert len({str(config) for config in tried}) == len(tried)
    assert model.best_epoch == int(np.argmax(recalls))
    assert model.base == tried[model.best_epoch]
    again = evaluate(model, DATA.train, DATA.validation, DATA.validation, ("rlmrec",), (20,)).means("rlmrec")
    assert again["recall_20"] == pytest.approx(max(recalls), abs=1e-9)
    kept = settings_of(model.base)
    assert {name: model.history[model.best_epoch][f"setting_{name}"] for name in kept} == kept


@pytest.mark.parametrize("base", [EASE_FIXED, GFCF_FIXED], ids=lambda base: base.name)
def test_texts_that_know_the_tastes_are_taken_and_help_and_every_setting_is_recorded(base: BaseConfig) -> None:
    model, alone = fit_quickly(base, TextPriorConfig()), fit_quickly(base)
    assert isinstance(model.enhancer, TextPriorConfig)
    assert model.enhancer.form != "none"
    assert model.enhancer.weight > 0.0
    assert len(model.history) == 1 + len(base_spec(base.name).formula().text_grid(base, base, binary_csr(DATA.train)))
    best = {name: fitted.history[fitted.best_epoch]["recall_20"] for name, fitted in (("text", model), ("base", alone))}
    assert best["text"] > 1.03 * best["base"]
    assert model.history[0]["recall_20"] == best["base"]


@pytest.mark.parametrize("form", ["kernel", "prior", "map"])
def test_ease_is_kept_with_the_settings_that_are_best_beside_texts(form: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = TextChoice(EASE_FIXED.model_copy(update={"regularisation": 7.0}), TextSettings(form, 0.5))
    monkeypatch.setattr(ease_module.EASE, "text_grid", classmethod(lambda *_: [elsewhere]))
    model = fit_quickly(EASE_FIXED, TextPriorConfig(significance=1.0))
    asked = TextPriorConfig(form=form, weight=0.5)
    assert model.base == elsewhere.base
    assert isinstance(model.enhancer, TextPriorConfig)
    again = fit_quickly(elsewhere.base, asked, training=BLIND)
    assert all(again.final[name].numpy().tobytes() == model.final[name].numpy().tobytes() for name in again.final)
    found = evaluate(model, DATA.train, DATA.validation, DATA.validation, ("rlmrec",), (20,)).means("rlmrec")
    assert found["recall_20"] == pytest.approx(model.history[1]["recall_20"], abs=1e-9)


@pytest.mark.parametrize("base", [GFCFConfig(), GFCFConfig(rank=16)], ids=["open", "rank fixed"])
def test_the_base_is_tuned_together_with_its_texts_and_a_fit_of_what_was_chosen_gives_the_same_bytes(
    base: BaseConfig,
) -> None:
    model, alone = fit_quickly(base, TextPriorConfig()), fit_quickly(base)
    assert len({str(settings_in(entry)) for entry in model.history[len(alone.history) :]}) > 2
    assert model.history[: len(alone.history)] == alone.history
    assert settings_in(model.history[model.best_epoch]) == settings_of(model.base)
    assert isinstance(model.enhancer, TextPriorConfig)
    again = fit_quickly(model.base, model.enhancer, training=BLIND)
    assert all(again.final[name].numpy().tobytes() == model.final[name].numpy().tobytes() for name in model.final)


@pytest.mark.parametrize("base", [EaseConfig(), GFCFConfig()], ids=lambda base: base.name)
def test_tuned_alone_and_with_texts_that_are_not_taken_a_base_is_the_same_to_the_bit(base: BaseConfig) -> None:
    beside, alone = fit_quickly(base, TextPriorConfig(), DATA.with_shuffled_texts(1)), fit_quickly(base)
    assert beside.base == alone.base
    assert all(beside.final[name].numpy().tobytes() == alone.final[name].numpy().tobytes() for name in alone.final)


@pytest.mark.parametrize(
    "limits",
    [
        [],
        [(ease_module, "MANY_ITEMS")],
        [(ease_module, "MANY_ITEMS"), (ease_module, "MORE_ITEMS")],
        [(gfcf_module, "MANY_PAIRS")],
    ],
    ids=len,
)
def test_a_base_with_texts_has_no_more_trials_than_the_base_alone(
    limits: list[tuple[Any, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, limit in limits:
        monkeypatch.setattr(module, limit, 1)
    train = binary_csr(DATA.train)
    for base in (EaseConfig(), GFCFConfig()):
        formula = base_spec(base.name).formula()
        grid = formula.grid(base, train)
        chosen = grid[0]
        alone, together = [*grid, *formula.finer(base, chosen, train)], formula.text_grid(base, chosen, train)
        assert 0.8 * len(alone) <= len(together) <= len(alone)
        assert len({str(choice) for choice in together}) == len(together)


@pytest.mark.parametrize("fixed", FIXED, ids=lambda base: base.name)
def test_what_is_fixed_of_a_base_stays_beside_texts(fixed: BaseConfig) -> None:
    formula, train = base_spec(fixed.name).formula(), binary_csr(DATA.train)
    assert not formula.finer(fixed, fixed, train)
    assert {choice.base for choice in formula.text_grid(fixed, fixed, train)} == {fixed}


@pytest.mark.parametrize("base", [EASE_FIXED, GFCF_FIXED], ids=lambda base: base.name)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_shuffled_texts_are_not_taken(base: BaseConfig, seed: int) -> None:
    model = fit_quickly(base, TextPriorConfig(), DATA.with_shuffled_texts(seed))
    assert isinstance(model.enhancer, TextPriorConfig)
    assert model.enhancer.form == "none"
    assert model.best_epoch == 0
    assert model.final["text_left"].shape == (ITEMS, 0)


def in_two_views(noise: float) -> TrainingData:
    """The shop's texts beside a second view of the same width that says nothing, `noise` times as long."""
    assert DATA.item_texts is not None
    assert DATA.user_texts is not None
    silent = noise * np.random.default_rng(9).standard_normal((ITEMS, TASTES)).astype(np.float32)
    items = np.concatenate([DATA.item_texts, silent], axis=1)
    users = np.concatenate([DATA.user_texts, np.zeros_like(DATA.user_texts)], axis=1)
    return replace(DATA, user_texts=users, item_texts=items, views=(TASTES, TASTES))


@pytest.mark.parametrize("base", [EASE_FIXED, GFCF_FIXED], ids=lambda base: base.name)
def test_a_view_that_says_nothing_loses_its_share_and_no_trial_is_added_for_it(base: BaseConfig) -> None:
    data, ahead = in_two_views(noise=0.5), TextPriorConfig(significance=1.0)
    found, together = fit_quickly(base, ahead, data), fit_quickly(base, ahead, replace(data, views=()))
    assert isinstance(found.enhancer, TextPriorConfig)
    telling, silent = found.enhancer.view_shares
    assert telling > silent
    assert len(found.history) == len(together.history)
    best = {
        one: fitted.history[fitted.best_epoch]["recall_20"] for one, fitted in (("views", found), ("one", together))
    }
    assert best["views"] > best["one"]
    assert found.history[found.best_epoch]["setting_text_view_1"] == telling
    again = fit_quickly(found.base, found.enhancer, data, BLIND)
    assert all(again.final[name].numpy().tobytes() == found.final[name].numpy().tobytes() for name in found.final)


def test_views_that_are_worth_the_same_are_left_as_they_were_encoded() -> None:
    assert DATA.item_texts is not None
    assert DATA.user_texts is not None
    twice = [np.concatenate([one, one], axis=1) for one in (DATA.user_texts, DATA.item_texts)]
    data = replace(DATA, user_texts=twice[0], item_texts=twice[1], views=(TASTES, TASTES))
    found = fit_quickly(EASE_FIXED, TextPriorConfig(), data).enhancer
    assert isinstance(found, TextPriorConfig)
    assert found.form != "none"
    assert found.view_shares == ()


@pytest.mark.parametrize(
    ("gains", "kept"),
    [
        ({"kernel": 0.10, "prior": 0.101}, "kernel"),
        ({"kernel": 0.10, "prior": 0.20}, "prior"),
        ({"kernel": 0.001, "prior": 0.10}, "prior"),
        ({"kernel": 0.001, "prior": 0.001}, None),
        ({"kernel": -0.10, "prior": -0.20}, None),
    ],
)
def test_a_form_takes_the_place_of_the_one_before_only_where_its_gain_is_beyond_chance(
    gains: dict[Any, float], kept: str | None
) -> None:
    rng = np.random.default_rng(0)
    base = rng.random(400)
    values = [base, *(base + gain + 0.1 * rng.standard_normal(400) for gain in gains.values())]
    looked = {number: TextSettings(form, 1.0) for number, form in enumerate(gains, start=1)}
    chosen = search.stepwise(looked, values, 0, 0.01)
    assert (looked[chosen].form if chosen else None) == kept


def test_of_one_form_the_best_setting_stands_and_the_earlier_of_equals() -> None:
    values = [np.zeros(50), np.full(50, 0.2), np.full(50, 0.3), np.full(50, 0.3)]
    looked = {number: TextSettings("kernel", float(number)) for number in (1, 2, 3)}
    assert search.stepwise(looked, values, 0, 0.01) == 2


def test_equal_arguments_give_equal_bytes(tmp_path: Path) -> None:
    names = [f"u{n}" for n in range(USERS)], [f"i{n}" for n in range(ITEMS)]
    for copy in ("one", "other"):
        save(fit_quickly(EaseConfig(), TextPriorConfig()), tmp_path / copy, *names)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes() for name in files)


def test_only_as_many_validation_users_are_looked_at_as_scores_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MIN_USERS", 5)
    monkeypatch.setattr(search, "MAX_SCORES", 10 * ITEMS)
    sample = search.sampled_rows(DATA.validation, 1)
    kept = np.flatnonzero(np.diff(sample.indptr))
    assert len(kept) == 10
    assert (sample[kept] != DATA.validation[kept]).nnz == 0
    assert (search.sampled_rows(DATA.validation, 1) != sample).nnz == 0
    monkeypatch.setattr(search, "MAX_SCORES", USERS * ITEMS)
    assert search.sampled_rows(DATA.validation, 1) is DATA.validation


def test_without_validation_nothing_is_chosen_unseen() -> None:
    nothing = TrainingData(DATA.train, sp.csr_matrix(DATA.train.shape), DATA.user_texts, DATA.item_texts)
    with pytest.raises(LmmrecError, match=r"no validation interactions.*carve a validation part"):
        fit_quickly(EaseConfig(), data=nothing)
    with pytest.raises(LmmrecError, match="name the form and weight of texts"):
        fit_quickly(EaseConfig(), TextPriorConfig(), nothing, BLIND)
    assert fit_quickly(EaseConfig(), data=nothing, training=BLIND).base == EaseConfig(
        user_power=0.5, regularisation=100.0, dropout=0.5, popularity_power=0.2
    )


def test_each_enhancer_is_refused_where_it_finds_nothing_to_work_on() -> None:
    with pytest.raises(LmmrecError, match=r"'ease' has no embeddings that 'lmmrec' could reach"):
        fit(DATA, EaseConfig(), LMMRecConfig(), TrainingConfig(), RunConfig())
    with pytest.raises(LmmrecError, match=r"goes with base models in closed form \(ease, gfcf\), not with 'lightgcn'"):
        fit(DATA, LightGCNConfig(), TextPriorConfig(), TrainingConfig(), RunConfig())
    with pytest.raises(LmmrecError, match=r"'kernel' is a part of EASE's own matrix.*choose map or cosine"):
        fit_quickly(GFCF_FIXED, TextPriorConfig(form="kernel", weight=1.0))


def test_a_catalogue_too_large_for_ease_is_refused_and_a_large_one_gets_fewer_trials(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train = random_interactions(10, 30, 0.3, 0)
    counts = []
    for limit in (30, 29):
        monkeypatch.setattr(ease_module, "MANY_ITEMS", limit)
        counts.append(len(ease_module.EASE.grid(EaseConfig(), train)))
    monkeypatch.setattr(ease_module, "MORE_ITEMS", 29)
    counts.append(len(ease_module.EASE.grid(EaseConfig(), train)))
    assert counts == [48, 16, 6]
    monkeypatch.setattr(ease_module, "EASE_MAX_ITEMS", 29)
    with pytest.raises(LmmrecError, match=r"dense matrix of 30 x 30 items.*use base model gfcf"):
        ease_module.EASE.grid(EaseConfig(), train)


def test_one_text_for_all_items_says_nothing() -> None:
    assert DATA.item_texts is not None
    alike = replace(DATA, item_texts=np.ones_like(DATA.item_texts))
    found = fit_quickly(EASE_FIXED, TextPriorConfig(form="kernel", weight=1.0), alike, BLIND)
    assert not found.final["text_left"].any()


def test_the_curve_takes_settings_for_no_loss() -> None:
    assert SETTING_OF_CURVES == search.SETTING
