"""LMMRec: its equations against slow twins, and the properties of docs/method.md"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.bases import LightGCNConfig
from models.bases.contract import Batch, TrainingStep, distinct_rows
from models.enhancers import ENHANCERS, LMMRecConfig, enhancer_spec
from models.enhancers.alignment import icm_weight_at
from models.enhancers.config import LMMREC_VARIANTS
from models.enhancers.lmmrec import LMMRec
from models.enhancers.prototypes import assignment, interaction_motivation
from models.enhancers.teacher import momentum_at
from models.enhancers.text_tower import TextTower
from models.errors import LmmrecError
from models.training.config import RunConfig, TrainingConfig
from models.training.data import TrainingData
from models.training.fit import fit
from models.training.fitted import FittedModel
from models.training.trainer import Trainer
from tests.models.behaviour import RankerBehaviour
from tests.models.strategies import matrices, random_interactions
from tests.reference import lmmrec as reference

pytestmark = pytest.mark.unit

USERS, ITEMS, TEXT_DIM = 12, 9, 10
TRAIN = random_interactions(USERS, ITEMS, 0.3, 0)
TEXTS = np.random.default_rng(3).standard_normal((USERS + ITEMS, TEXT_DIM)).astype(np.float32)
DATA = TrainingData(TRAIN, sp.csr_matrix(TRAIN.shape), TEXTS[:USERS], TEXTS[USERS:])
BASE = LightGCNConfig(dim=8, num_layers=2)
CONFIG = LMMRecConfig(num_prototypes=5, weight=0.1, warmup_epochs=0.0)
THREE_EPOCHS = TrainingConfig(batch_size=8, learning_rate=0.01, max_epochs=3, evaluate_every=0)
CPU = torch.device("cpu")


def trainer(config: LMMRecConfig | None, base: LightGCNConfig = BASE) -> Trainer:
    return Trainer(DATA, base, config, THREE_EPOCHS, RunConfig(threads=1))


def lmmrec(model: Trainer) -> LMMRec:
    assert isinstance(model.enhancer, LMMRec)
    return model.enhancer


def step_of(model: Trainer, batch: Batch) -> TrainingStep:
    rows = distinct_rows(batch)
    propagated = model.base.propagate(model.graph.full, model.base.table, rows.nodes)
    whole, taught = model.graph.full, model.enhancer.beside_forward(rows, 9.0)
    return TrainingStep(model.base, model.graph, batch, rows, whole, propagated, 9.0, model.noise_rng, beside=taught)


def some_batch(model: Trainer) -> Batch:
    return next(model.sampler.epoch(CPU))


def trained(config: LMMRecConfig | None, data: TrainingData = DATA) -> FittedModel:
    return fit(data, BASE, config, THREE_EPOCHS, RunConfig(threads=1))


def base_weights(model: FittedModel) -> torch.Tensor:
    return model.parameters["base.table"]


class TestLMMRec(RankerBehaviour):
    """The common suite, with the teacher and every fusion switched on."""

    def fitted(self, train: sp.csr_matrix) -> FittedModel:
        users, items = train.shape
        texts = np.random.default_rng(0).standard_normal((users + items, 6)).astype(np.float32)
        data = TrainingData(train, sp.csr_matrix(train.shape), texts[:users], texts[users:])
        config = LMMRecConfig(num_prototypes=4, score_fusion="p+h")
        training = TrainingConfig(batch_size=64, learning_rate=0.02, max_epochs=80, evaluate_every=0)
        return fit(data, LightGCNConfig(dim=16), config, training, RunConfig(threads=1))


# --- equations -------------------------------------------------------------------------------------------------------


@given(matrices(4, 6))
def test_the_text_tower_is_equation_3(texts: np.ndarray) -> None:
    tower = TextTower(6, 4, torch.Generator().manual_seed(0)).double()
    torch.nn.init.normal_(tower.bias_1)
    torch.nn.init.normal_(tower.bias_2)
    assert tower.weight_1.shape == ((6 + 4) // 2, 6)
    weights = [parameter.detach().numpy() for parameter in (tower.weight_1, tower.bias_1, tower.weight_2, tower.bias_2)]
    found = tower(torch.from_numpy(texts)).detach().numpy()
    np.testing.assert_allclose(found, [reference.text_tower(row, *weights) for row in texts], atol=1e-9)


@given(matrices(3, 4), matrices(5, 4), st.sampled_from([0.05, 0.2, 1.0]))
def test_assignments_are_equation_5_and_sum_to_one(
    rows: np.ndarray, prototypes: np.ndarray, temperature: float
) -> None:
    found = assignment(torch.from_numpy(rows), torch.from_numpy(prototypes), temperature).numpy()
    np.testing.assert_allclose(found, [reference.assignment(row, prototypes, temperature) for row in rows], atol=1e-9)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)


@given(matrices(3, 4), matrices(3, 4), matrices(5, 4))
def test_interaction_motivation_is_equation_6_averaged_over_layers(
    first: np.ndarray, second: np.ndarray, prototypes: np.ndarray
) -> None:
    layers = torch.from_numpy(np.stack([first, second]))
    found = interaction_motivation(layers, torch.from_numpy(prototypes), 0.5).numpy()
    expected = [reference.interaction_motivation([first[m], second[m]], prototypes, 0.5) for m in range(3)]
    np.testing.assert_allclose(found, expected, atol=1e-9)


@settings(deadline=None, max_examples=20)
@given(matrices(3, 4), matrices(3, 4), matrices(5, 4), st.sampled_from([0.5, 2.0]))
def test_the_gradient_of_interaction_motivations_is_the_numerical_one(
    first: np.ndarray, second: np.ndarray, prototypes: np.ndarray, temperature: float
) -> None:
    layers = torch.from_numpy(np.stack([first, second])).requires_grad_()
    z = torch.from_numpy(prototypes).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, y: interaction_motivation(x, y, temperature), (layers, z), atol=1e-4)


@given(matrices(3, 2), matrices(6, 2))
def test_motivations_lie_in_the_hull_of_the_prototypes(rows: np.ndarray, prototypes: np.ndarray) -> None:
    found = interaction_motivation(torch.from_numpy(rows)[None], torch.from_numpy(prototypes), 1.0).numpy()
    for direction in np.random.default_rng(0).standard_normal((20, 2)):
        assert (found @ direction).max() <= (prototypes @ direction).max() + 1e-9


def test_the_auxiliary_loss_is_equations_7_to_9_on_the_distinct_ids_of_each_role() -> None:
    model = trainer(CONFIG)
    enhancer, batch = lmmrec(model), some_batch(model)
    for _ in range(4):  # so that the teacher lags and differs
        model.run_step(batch, 9.0)
    terms = enhancer.auxiliary_loss(step_of(model, batch))
    assert enhancer.teacher is not None
    views = {"student": views_by_hand(model, enhancer.tower, enhancer.prototypes, model.base.table)}
    views["teacher"] = views_by_hand(model, enhancer.teacher.tower, enhancer.teacher.prototypes, enhancer.teacher.table)
    users, active, passive = (sorted(set(rows.tolist())) for rows in batch)
    items = sorted(set(active) | set(passive))
    p, h = views["student"]
    coordination = sum(reference.motivation_contrast(p[role], h[role], 0.2) for role in (users, active, passive))
    other_p, other_h = views["teacher"]
    icm = sum(reference.correspondence(h[r], p[r], other_h[r], other_p[r], 0.2) for r in (users, items))
    assert terms["mcs"].weight == 0.1
    assert terms["icm"].weight == pytest.approx(0.1 * 0.5)
    assert terms["mcs"].value.item() == pytest.approx(coordination, rel=1e-4)
    assert terms["icm"].value.item() == pytest.approx(icm, rel=1e-3)


def views_by_hand(model: Trainer, tower: Any, prototypes: Any, table: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """p and h of all nodes by the slow twins."""
    adjacency = model.graph.full.matrix.whole.to_dense().double().numpy()
    layers = [table.detach().double().numpy()]
    for _ in range(2):
        layers.append(adjacency @ layers[-1])
    weights = [w.detach().double().numpy() for w in (tower.weight_1, tower.bias_1, tower.weight_2, tower.bias_2)]
    p = [
        reference.interaction_motivation(
            [layer[node] for layer in layers],
            (prototypes.users if node < USERS else prototypes.items).detach().double().numpy(),
            1.0,
        )
        for node in range(USERS + ITEMS)
    ]
    return np.array(p), np.array([reference.text_tower(text, *weights) for text in TEXTS.astype(np.float64)])


# --- the laws of §6.3 ------------------------------------------------------------------------------------------------


def test_with_lambda_zero_the_base_trains_bit_for_bit_as_alone() -> None:
    alone = trained(None)
    beside = trained(CONFIG.model_copy(update={"weight": 0.0, "l2": None}))
    assert torch.equal(base_weights(beside), base_weights(alone))
    assert all(torch.equal(beside.final[name], alone.final[name]) for name in ("users", "items"))


def test_with_lambda_above_zero_it_does_not() -> None:
    assert not torch.equal(base_weights(trained(CONFIG.model_copy(update={"l2": None}))), base_weights(trained(None)))


def test_with_gamma_zero_there_is_no_teacher_and_no_icm() -> None:
    model = trainer(CONFIG.model_copy(update={"icm_weight": 0.0}))
    assert lmmrec(model).teacher is None
    assert model.run_epoch(0).keys() == {"bpr", "mcs", "l2"}


def test_training_with_gamma_zero_is_training_in_a_warm_up_that_never_ends() -> None:
    without = trained(CONFIG.model_copy(update={"icm_weight": 0.0}))
    never = trained(CONFIG.model_copy(update={"warmup_epochs": 100.0}))
    assert torch.equal(base_weights(without), base_weights(never))


def test_mcs_at_the_start_is_about_the_log_of_each_roles_size() -> None:
    model = trainer(CONFIG)
    batch = some_batch(model)
    value = lmmrec(model).auxiliary_loss(step_of(model, batch))["mcs"].value.item()
    assert value == pytest.approx(sum(math.log(len(set(rows.tolist()))) for rows in batch), rel=0.3)


@settings(deadline=None, max_examples=20)
@given(st.permutations(range(8)), st.lists(st.integers(0, 7), max_size=5))
def test_order_and_repetition_in_the_batch_change_nothing(order: list[int], repeated: list[int]) -> None:
    model = trainer(CONFIG)
    batch = some_batch(model)
    for _ in range(3):
        model.run_step(batch, 9.0)
    rows = [*order, *repeated]
    again = Batch(*(column[rows] for column in batch))
    first, second = (lmmrec(model).auxiliary_loss(step_of(model, drawn)) for drawn in (batch, again))
    assert all(torch.equal(first[name].value, second[name].value) for name in ("mcs", "icm"))


def test_the_teacher_starts_as_the_student_and_icm_at_zero() -> None:
    model = trainer(CONFIG)
    teacher = lmmrec(model).teacher
    assert teacher is not None
    assert torch.equal(teacher.table, model.base.table)
    pairs = zip(teacher.tower.parameters(), lmmrec(model).tower.parameters(), strict=True)
    assert all(torch.equal(own, student) and own is not student for own, student in pairs)
    assert lmmrec(model).auxiliary_loss(step_of(model, some_batch(model)))["icm"].value.item() == pytest.approx(
        0.0, abs=1e-6
    )


@pytest.mark.parametrize("ramp", [True, False])
def test_the_teacher_follows_the_moving_average_and_gets_no_gradient(ramp: bool) -> None:
    model = trainer(CONFIG.model_copy(update={"momentum": 0.9, "momentum_ramp": ramp}))
    teacher, expected = lmmrec(model).teacher, model.base.table.detach().clone()
    prototypes = lmmrec(model).prototypes.users.detach().clone()
    assert teacher is not None
    for update in range(20):
        model.run_step(some_batch(model), 9.0)
        m = min(0.9, (1 + update) / (10 + update)) if ramp else 0.9
        expected = m * expected + (1 - m) * model.base.table.detach()
        prototypes = m * prototypes + (1 - m) * lmmrec(model).prototypes.users.detach()
    torch.testing.assert_close(teacher.table.detach(), expected)
    torch.testing.assert_close(teacher.prototypes.users.detach(), prototypes)
    assert all(weight.grad is None and not weight.requires_grad for weight in teacher.parameters())
    assert not any("teacher" in name for name, _ in model.named_parameters())


def test_the_ramp_ends_at_the_momentum() -> None:
    assert [momentum_at(t, 0.999, True) for t in (0, 8, 10**6)] == [1 / 10, 9 / 18, 0.999]


def test_icm_is_off_then_rises_then_stays() -> None:
    weights = [icm_weight_at(epochs, LMMRecConfig(icm_weight=0.4, warmup_epochs=2)) for epochs in (0, 2, 3, 4, 100)]
    assert weights == pytest.approx([0.0, 0.0, 0.2, 0.4, 0.4])
    assert icm_weight_at(0.0, LMMRecConfig(icm_weight=0.4, warmup_epochs=0)) == 0.4


def test_text_vectors_stay_frozen_and_their_order_matters() -> None:
    model = trainer(CONFIG)
    before = lmmrec(model).texts.clone()
    model.run_epoch(0)
    assert torch.equal(lmmrec(model).texts, before)
    assert not torch.equal(base_weights(trained(CONFIG)), base_weights(trained(CONFIG, DATA.with_shuffled_texts(1))))
    assert torch.equal(base_weights(trained(None)), base_weights(trained(None, DATA.with_shuffled_texts(1))))


def test_every_trained_part_gets_a_gradient() -> None:
    model = trainer(CONFIG.model_copy(update={"score_fusion": "p+h"}))
    for _ in range(2):  # beta starts at 0, so that what it multiplies learns from the second step on
        model.run_step(some_batch(model), 9.0)
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for _, weight in model.named_parameters())


@pytest.mark.parametrize("update", [{}, {"mcs_weight": 0.0}, {"icm_weight": 0.0}, {"symmetric": True}], ids=str)
def test_the_auxiliary_loss_reaches_base_tower_and_prototypes_whatever_is_on(update: dict[str, Any]) -> None:
    model = trainer(changed(**update))
    batch = some_batch(model)
    for _ in range(2):  # so that the teacher differs
        model.run_step(batch, 9.0)
    values = [term.value for term in model.enhancer.auxiliary_loss(step_of(model, batch)).values()]
    wanted = [model.base.table, *lmmrec(model).prototypes.parameters(), *lmmrec(model).tower.parameters()]
    assert all(bool(of_one.abs().sum() > 0) for of_one in torch.autograd.grad(torch.stack(values).sum(), wanted))


def test_one_matrix_for_both_losses_gives_what_two_give() -> None:
    model, batch, together = terms_of(CONFIG)
    lmmrec(model).config = changed(teacher_share=1.0 - 1e-9)  # the same formulas, by the other way
    apart = model.enhancer.auxiliary_loss(step_of(model, batch))
    assert {name: term.value.item() for name, term in apart.items()} == pytest.approx(together, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("fusion", ["none", "p", "p+h"])
def test_fusion_starts_at_the_bases_own_loss_and_scores(fusion: str) -> None:
    model, bare = trainer(CONFIG.model_copy(update={"score_fusion": fusion})), trainer(None)
    batch = some_batch(model)
    step, bare_step = step_of(model, batch), step_of(bare, batch)
    loss = model.base.loss(step, *model.enhancer.change_final(step))["bpr"].value
    expected = bare.base.loss(bare_step, *bare.enhancer.change_final(bare_step))["bpr"].value
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(model.final_tensors()["users"], bare.final_tensors()["users"])


def test_fused_scores_add_beta_times_each_view() -> None:
    model = trainer(CONFIG.model_copy(update={"score_fusion": "p+h"}))
    enhancer = lmmrec(model)
    bare = torch.cat([model.final_tensors()[side] for side in ("users", "items")]).numpy()
    with torch.no_grad():
        assert enhancer.beta_p is not None
        assert enhancer.beta_h is not None
        enhancer.beta_p.fill_(0.5)
        enhancer.beta_h.fill_(2.0)
    p, h = views_by_hand(model, enhancer.tower, enhancer.prototypes, model.base.table)
    fused = torch.cat([model.final_tensors()[side] for side in ("users", "items")]).numpy()
    np.testing.assert_allclose(fused, bare + 0.5 * p + 2.0 * h, atol=1e-5)


def test_symmetric_adds_the_other_direction() -> None:
    model, both = trainer(CONFIG), trainer(CONFIG.model_copy(update={"symmetric": True}))
    batch = some_batch(model)
    one_way, two_ways = (m.enhancer.auxiliary_loss(step_of(m, batch))["mcs"].value for m in (model, both))
    assert one_way.item() != two_ways.item()


def changed(**settings: Any) -> LMMRecConfig:
    return LMMRecConfig.model_validate(CONFIG.model_dump() | settings)


def terms_of(config: LMMRecConfig, steps: int = 4) -> tuple[Trainer, Batch, dict[str, float]]:
    """A trainer after a few steps, a batch, and the auxiliary terms on it."""
    model = trainer(config)
    batch = some_batch(model)
    for _ in range(steps):  # so that the teacher lags and differs
        model.run_step(batch, 9.0)
    terms = model.enhancer.auxiliary_loss(step_of(model, batch))
    return model, batch, {name: term.value.item() for name, term in terms.items()}


def roles(batch: Batch) -> list[list[int]]:
    """Distinct users, active and passive items, as node rows."""
    return [sorted(set(rows.tolist())) for rows in batch]


def test_the_variants_are_those_of_the_ablation_table() -> None:
    assert {f"without-{part}" for part in ("mcs", "icm", "gcn", "tm")} | {"perturbed"} == set(LMMREC_VARIANTS)
    assert all(changed(**update) != CONFIG for update in LMMREC_VARIANTS.values())


def test_without_mcs_only_icm_is_left_and_without_icm_only_mcs() -> None:
    assert terms_of(changed(**LMMREC_VARIANTS["without-mcs"]))[2].keys() == {"icm"}
    assert terms_of(changed(**LMMREC_VARIANTS["without-icm"]))[2].keys() == {"mcs"}


def test_without_gcn_prototypes_read_the_ids_and_the_base_keeps_its_graph() -> None:
    model, batch, terms = terms_of(changed(interaction_from="ids"))
    enhancer, table = lmmrec(model), model.base.table.detach().double().numpy()
    sides = [enhancer.prototypes.users, enhancer.prototypes.items]
    prototypes = [side.detach().double().numpy() for side in sides]
    p = np.array([reference.interaction_motivation([row], prototypes[n >= USERS], 1.0) for n, row in enumerate(table)])
    _, h = views_by_hand(model, enhancer.tower, enhancer.prototypes, model.base.table)
    expected = sum(reference.motivation_contrast(p[role], h[role], 0.2) for role in roles(batch))
    assert terms["mcs"] == pytest.approx(expected, rel=1e-4)
    assert step_of(model, batch).propagated.layers is not None


def test_without_tm_the_tower_maps_detached_ids_and_texts_do_not_matter() -> None:
    config = changed(text_from="ids", l2=None)
    assert lmmrec(trainer(config)).tower.weight_1.shape == ((TEXT_DIM + 8) // 2, 8)
    assert torch.equal(base_weights(trained(config)), base_weights(trained(config, DATA.with_shuffled_texts(1))))
    model = trainer(config)
    step = step_of(model, some_batch(model))
    enhancer = lmmrec(model)
    assert step.rows is not None
    h = enhancer._text(enhancer.tower, model.base.table, step.rows.nodes)
    assert torch.autograd.grad(h.sum(), model.base.table, allow_unused=True) == (None,)


def test_all_entities_of_a_side_can_be_the_negatives() -> None:
    model, batch, terms = terms_of(changed(negatives="all"))
    enhancer = lmmrec(model)
    p, h = views_by_hand(model, enhancer.tower, enhancer.prototypes, model.base.table)
    users, *items = roles(batch)
    expected = reference.contrast_against_all(p[users], h[:USERS], users, 0.2)
    for role in items:
        expected += reference.contrast_against_all(p[role], h[USERS:], [node - USERS for node in role], 0.2)
    assert terms["mcs"] == pytest.approx(expected, rel=1e-4)


def test_the_dot_product_compares_rows_as_they_are() -> None:
    model, batch, terms = terms_of(changed(similarity="dot"))
    enhancer = lmmrec(model)
    p, h = views_by_hand(model, enhancer.tower, enhancer.prototypes, model.base.table)
    expected = 0.0
    for role in roles(batch):
        for m in role:
            products = [p[m] @ h[other] / 0.2 for other in role]
            expected -= (products[role.index(m)] - math.log(sum(math.exp(x) for x in products))) / len(role)
    assert terms["mcs"] == pytest.approx(expected, rel=1e-4)


def test_a_perturbation_of_zero_length_is_none_and_a_larger_one_changes_mcs_alone() -> None:
    clean, tiny, large = (terms_of(changed(perturbation=sigma), steps=0)[2] for sigma in (0.0, 1e-6, 1.0))
    assert tiny["mcs"] == pytest.approx(clean["mcs"], rel=1e-4)
    assert large["mcs"] != pytest.approx(clean["mcs"], rel=1e-3)
    assert large["icm"] == clean["icm"]


def test_the_teacher_can_match_texts_with_its_propagated_rows() -> None:
    model, batch, terms = terms_of(changed(teacher_graph_output="x"))
    enhancer = lmmrec(model)
    assert enhancer.teacher is not None
    p, h = views_by_hand(model, enhancer.tower, enhancer.prototypes, model.base.table)
    _, taught = views_by_hand(model, enhancer.teacher.tower, enhancer.teacher.prototypes, enhancer.teacher.table)
    adjacency = model.graph.full.matrix.whole.to_dense().double().numpy()
    table = enhancer.teacher.table.double().numpy()
    x = table + adjacency @ table + adjacency @ adjacency @ table
    users, active, passive = roles(batch)
    sides = (users, sorted(set(active) | set(passive)))
    expected = sum(reference.correspondence(h[r], p[r], taught[r], x[r], 0.2) for r in sides)
    assert terms["icm"] == pytest.approx(expected, rel=1e-3)


def test_with_a_teacher_share_of_zero_every_row_is_pulled_to_itself() -> None:
    model, batch, terms = terms_of(changed(teacher_share=0.0))
    p, h = views_by_hand(model, lmmrec(model).tower, lmmrec(model).prototypes, model.base.table)
    users, active, passive = roles(batch)
    sides = (users, sorted(set(active) | set(passive)))
    both = [
        reference.motivation_contrast(h[r], p[r], 0.2) + reference.motivation_contrast(p[r], h[r], 0.2) for r in sides
    ]
    assert terms["icm"] == pytest.approx(sum(both) / 2, rel=1e-4)


def test_without_a_gradient_to_the_base_only_tower_and_prototypes_learn_from_the_losses() -> None:
    model = trainer(changed(gradient_to_base=False))
    batch = some_batch(model)
    model.run_step(batch, 9.0)
    step = step_of(model, batch)
    total = sum(term.value for term in model.enhancer.auxiliary_loss(step).values())
    assert isinstance(total, torch.Tensor)
    wanted = [model.base.table, lmmrec(model).prototypes.users, lmmrec(model).tower.weight_1]
    of_base, of_prototypes, of_tower = torch.autograd.grad(total, wanted, allow_unused=True)
    assert of_base is None
    assert of_prototypes.abs().sum() > 0
    assert of_tower.abs().sum() > 0


@pytest.mark.parametrize(
    "update",
    [
        *LMMREC_VARIANTS.values(),
        {"similarity": "dot"},
        {"negatives": "all"},
        {"teacher_share": 0.4},
        {"symmetric": True},
    ],
    ids=str,
)
def test_every_option_trains_to_the_same_bytes_twice(update: dict[str, Any]) -> None:
    first, second = (trained(changed(**update)) for _ in range(2))
    assert torch.equal(base_weights(first), base_weights(second))
    assert not torch.equal(base_weights(first), base_weights(trained(CONFIG)))


def test_the_l2_weight_of_the_enhancer_covers_the_base_too() -> None:
    groups = trainer(CONFIG.model_copy(update={"l2": 0.25})).optimizer.param_groups
    assert [group["weight_decay"] for group in groups] == [0.5]
    assert len(groups[0]["params"]) == 1 + 6  # the base's table; tower and prototypes
    assert trainer(CONFIG.model_copy(update={"l2": None})).l2 == BASE.l2


def test_the_registry_builds_what_it_names() -> None:
    assert {name: spec.config().name for name, spec in ENHANCERS.items()} == {name: name for name in ENHANCERS}
    with pytest.raises(LmmrecError, match=r"no enhancer 'lmrec'; choose one of .*lmmrec"):
        enhancer_spec("lmrec")
