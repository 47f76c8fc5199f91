"""Cells train from folders to a self-contained checkpoint; controls and refusals."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assets.datasets.catalog import find_dataset
from assets.lake import Address, Lake
from assets.recipes import Situation
from assets.settings import Settings
from assets.training.cells import (
    forget_states,
    refuse_without_text,
    resolve_device,
    state_folder,
    train_cell,
    warm_start_of,
)
from assets.training.curve import loss_terms, training_curve
from assets.training.data import CONTROLS, load_data
from assets.training.methods import METHODS, checkpoint_of
from assets.training.plan import CellPlan, plan_cell
from assets.training.recipe import RECIPES
from models.enhancers import ENHANCERS
from models.errors import LmmrecError
from models.progress import Step, reporting_to
from tests.assets.synthetic import DATASET, ITEMS, USERS, write_lake

pytestmark = pytest.mark.integration


@pytest.fixture
def lake(home: Path) -> Lake:
    return write_lake(home)


def short(plan: CellPlan) -> CellPlan:
    return replace(plan, training=plan.training.model_copy(update={"max_epochs": 4, "evaluate_every": 1}))


def cell(method: str, variant: str = "full", seed: int = 2023) -> Address:
    return Address(checkpoint_of(method), DATASET, "lightgcn", variant=variant, seed=seed)


def folders(lake: Lake, method: str) -> dict[str, Path]:
    recipe = next(recipe for recipe in RECIPES if recipe.method == method)
    return {source.asset: lake.read(source) for source in recipe.inputs(lake, cell(method))}


def test_methods_are_the_base_and_every_enhancer() -> None:
    assert set(METHODS) == {"base", *ENHANCERS}
    assert {name for name, method in METHODS.items() if method.needs_text} == {
        name for name, spec in ENHANCERS.items() if spec.needs_text
    }


@pytest.mark.parametrize(
    ("method", "variant"),
    [("base", "full"), ("lmmrec", "full"), ("lmmrec", "shuffled-text"), ("uist", "full"), ("once", "random-text")],
)
def test_a_cell_leaves_a_checkpoint_that_scores_every_item(
    lake: Lake, tmp_path: Path, method: str, variant: str
) -> None:
    from models.training.checkpoint import load

    plan = short(plan_cell(cell(method, variant), method, "lmmrec"))
    figures = train_cell(plan, folders(lake, method), tmp_path / "cell", Settings(device="cpu", threads=1))
    model = load(tmp_path / "cell")
    assert model.score(np.arange(USERS)).shape == (USERS, ITEMS)
    assert figures["epochs"] == 4
    assert figures["device"] == "cpu"
    assert 0 <= figures["validation_recall_20"] <= 1


def test_the_same_cell_gives_the_same_bytes(lake: Lake, tmp_path: Path) -> None:
    plan = short(plan_cell(cell("lmmrec"), "lmmrec", "lmmrec"))
    for name in ("one", "two"):
        train_cell(plan, folders(lake, "lmmrec"), tmp_path / name, Settings(device="cpu", threads=1))
    for file in sorted((tmp_path / "one").iterdir()):
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes(), file.name


class StoppedError(Exception):
    """Stands for a kill."""


class StopAfterTwo:
    """A reporter that ends training after its second epoch."""

    def started(self, step: Step) -> None: ...

    def changed(self, step: Step) -> None:
        if step.name.startswith("train") and step.done == 2:
            raise StoppedError

    def finished(self, step: Step) -> None: ...
    def said(self, line: str) -> None: ...


def stopped(plan: CellPlan, inputs: dict[str, Path], target: Path, state: Path) -> None:
    with pytest.raises(StoppedError), reporting_to(StopAfterTwo()):
        train_cell(plan, inputs, target, Settings(device="cpu", threads=1), state)


def test_a_cell_stopped_in_training_goes_on_to_the_same_bytes(lake: Lake, tmp_path: Path) -> None:
    plan, settings = short(plan_cell(cell("lmmrec"), "lmmrec", "lmmrec")), Settings(device="cpu", threads=1)
    inputs, state = folders(lake, "lmmrec"), state_folder(lake.home, cell("lmmrec"), "1")
    stopped(plan, inputs, tmp_path / "stopped", state)
    resumed = train_cell(plan, inputs, tmp_path / "resumed", settings, state)
    whole = train_cell(plan, inputs, tmp_path / "whole", settings)
    assert resumed["resumed_at_epoch"] == 2
    assert "resumed_at_epoch" not in whole
    for file in sorted((tmp_path / "whole").iterdir()):
        assert file.read_bytes() == (tmp_path / "resumed" / file.name).read_bytes(), file.name


def test_a_cell_with_another_plan_than_the_stored_state_says_so_and_starts_over(lake: Lake, tmp_path: Path) -> None:
    plan, settings = short(plan_cell(cell("base"), "base", "lmmrec")), Settings(device="cpu", threads=1)
    inputs, state = folders(lake, "base"), state_folder(lake.home, cell("base"), "1")
    stopped(plan, inputs, tmp_path / "stopped", state)
    other = replace(plan, training=plan.training.model_copy(update={"batch_size": 99}))
    with pytest.warns(UserWarning, match=r"started over \(training\.batch_size: 512 -> 99\)"):
        found = train_cell(other, inputs, tmp_path / "other", settings, state)
    assert "training.batch_size: 512 -> 99" in found["training_notes"]
    train_cell(other, inputs, tmp_path / "fresh", settings)
    weights = "model.safetensors"
    assert (tmp_path / "other" / weights).read_bytes() == (tmp_path / "fresh" / weights).read_bytes()


def test_states_lie_outside_the_lake_apart_by_cell_and_code_version_and_leave_nothing(home: Path) -> None:
    addresses = [cell("base"), cell("lmmrec"), cell("base", seed=7)]
    places = {state_folder(home, address, version) for address in addresses for version in ("1", "2")}
    assert len(places) == 6
    for place in places:
        place.mkdir(parents=True)
        assert not place.is_relative_to(Lake(home).root)
    for address in addresses:
        forget_states(home, address)
    assert not (home / "training").exists()
    forget_states(home, cell("base"))


def published(lake: Lake, plan: CellPlan) -> str:
    """Trains and publishes the cell of the base; its digest."""
    recipe = next(recipe for recipe in RECIPES if recipe.method == "base")
    with lake.write(cell("base"), code_version=recipe.code_version, config={}, inputs={}) as draft:
        train_cell(plan, folders(lake, "base"), draft.path, Settings(device="cpu", threads=1))
    digest = lake.digest(cell("base"))
    assert digest is not None
    return digest


def test_a_warm_start_needs_an_earlier_checkpoint_of_its_kind_and_new_entities(home: Path, tmp_path: Path) -> None:
    lake, plan = write_lake(home, users=50), short(plan_cell(cell("base"), "base", "lmmrec"))
    assert warm_start_of(lake, cell("base"), plan, folders(lake, "base")) == (None, {})
    digest = published(lake, plan)
    assert warm_start_of(lake, cell("base"), plan, folders(lake, "base")) == (None, {})
    write_lake(home, users=USERS)
    inputs = folders(lake, "base")
    wider = replace(plan, base=plan.base.model_copy(update={"dim": 16}))
    start, found = warm_start_of(lake, cell("base"), wider, inputs)
    assert start is None
    assert "width 16 cannot start" in found["warm_start_refused"]
    start, found = warm_start_of(lake, cell("base"), plan, inputs)
    assert found == {"warm_started_from": digest, "new_users": USERS - 50, "new_items": 0}
    settings, weights = Settings(device="cpu", threads=1), "model.safetensors"
    train_cell(plan, inputs, tmp_path / "warm", settings, start=start)
    train_cell(plan, inputs, tmp_path / "fresh", settings)
    assert (tmp_path / "warm" / weights).read_bytes() != (tmp_path / "fresh" / weights).read_bytes()


def test_switching_warm_starts_on_is_recorded_and_off_leaves_records_as_they_were(lake: Lake) -> None:
    recipe = next(recipe for recipe in RECIPES if recipe.method == "base")
    entry = find_dataset(lake.home, DATASET)
    off, on = (
        recipe.config(cell("base"), Situation(Settings(), entry.model_copy(update={"warm_start": value})))
        for value in (False, True)
    )
    assert off == plan_cell(cell("base"), "base", entry.preset).as_config()
    assert on == {**off, "warm_start": True}


def test_ids_stand_in_the_checkpoint_in_row_order(lake: Lake, tmp_path: Path) -> None:
    plan = short(plan_cell(cell("base"), "base", "lmmrec"))
    train_cell(plan, folders(lake, "base"), tmp_path / "cell", Settings(device="cpu", threads=1))
    ids = json.loads((tmp_path / "cell" / "ids.json").read_bytes())
    assert ids["users"][:2] == ["u000", "u001"]
    assert ids["items"][-1] == f"sku-{ITEMS - 1:02d}"


def test_base_reads_no_text_and_lmmrec_does(lake: Lake) -> None:
    assert "text_embeddings" not in folders(lake, "base")
    assert "text_embeddings" in folders(lake, "lmmrec")


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("method", [name for name, method in METHODS.items() if method.needs_text])
def test_a_control_is_the_same_model_on_other_texts(method: str, control: str) -> None:
    base_model = "ease" if ENHANCERS[method].works_on == "formulas" else "lightgcn"
    full, other = (
        plan_cell(replace(cell(method, variant), base_model=base_model), method, "lmmrec")
        for variant in ("full", control)
    )
    assert other == replace(full, text_control=control)


def test_an_ablation_is_a_change_of_settings_and_reads_the_real_texts() -> None:
    full, ablated = (plan_cell(cell("lmmrec", variant), "lmmrec", "lmmrec") for variant in ("full", "without-mcs"))
    assert full.enhancer is not None
    assert ablated.enhancer == full.enhancer.model_copy(update={"mcs_weight": 0.0})
    assert ablated.text_control is None
    assert full.base == ablated.base


def test_the_record_tells_variants_and_presets_apart_but_not_devices(lake: Lake) -> None:
    recipe = next(recipe for recipe in RECIPES if recipe.method == "lmmrec")
    entry = find_dataset(lake.home, DATASET)

    def config(variant: str, preset: str = "lmmrec", device: str = "cpu") -> object:
        settings = Settings(device=device)  # type: ignore[arg-type]
        return recipe.config(cell("lmmrec", variant), Situation(settings, entry.model_copy(update={"preset": preset})))

    assert config("full") != config("shuffled-text")
    assert config("full") != config("full", preset="rlmrec")
    assert config("full", device="cpu") == config("full", device="auto")


@pytest.mark.parametrize("control", sorted(CONTROLS))
def test_a_control_is_seeded_and_differs_by_seed(lake: Lake, control: str) -> None:
    split, vectors = lake.read(Address("split", DATASET)), lake.read(Address("text_embeddings", DATASET))
    one, again, other = (load_data(split, vectors, control, seed) for seed in (1, 1, 2))
    real = load_data(split, vectors)
    assert np.array_equal(one.user_texts, again.user_texts)
    assert not np.array_equal(one.user_texts, other.user_texts)
    assert not np.array_equal(one.item_texts, real.item_texts)


def test_shuffled_text_moves_rows_within_each_side_and_keeps_every_row(lake: Lake) -> None:
    split, vectors = lake.read(Address("split", DATASET)), lake.read(Address("text_embeddings", DATASET))
    real, shuffled = load_data(split, vectors), load_data(split, vectors, "shuffled-text", 5)
    for side in ("user_texts", "item_texts"):
        before, after = getattr(real, side), getattr(shuffled, side)
        assert sorted(map(bytes, before)) == sorted(map(bytes, after))
        assert not np.array_equal(before, after)
    assert (real.train != shuffled.train).nnz == 0


def test_random_text_keeps_the_lengths_of_the_real_rows(lake: Lake) -> None:
    split, vectors = lake.read(Address("split", DATASET)), lake.read(Address("text_embeddings", DATASET))
    real, drawn = load_data(split, vectors), load_data(split, vectors, "random-text", 5)
    assert drawn.user_texts is not None
    np.testing.assert_allclose(
        np.linalg.norm(drawn.user_texts, axis=1), np.linalg.norm(real.user_texts, axis=1), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("vectors", "dim", "message"),
    [
        (np.zeros((USERS - 1, 8), np.float32), 8, "for 60 users"),
        (np.zeros((USERS, 8), np.float32), 384, "encoder gives 384"),
        (np.zeros(USERS, np.float32), 8, "of shape"),
        (np.full((USERS, 8), np.nan, np.float32), 8, "not finite"),
    ],
)
def test_vectors_that_do_not_fit_the_split_are_refused(
    lake: Lake, tmp_path: Path, vectors: np.ndarray, dim: int, message: str
) -> None:
    real = lake.read(Address("text_embeddings", DATASET))
    np.save(tmp_path / "users.npy", vectors)
    (tmp_path / "items.npy").write_bytes((real / "items.npy").read_bytes())
    (tmp_path / "encoder.json").write_text(json.dumps({"dim": dim}))
    with pytest.raises(LmmrecError, match=message):
        load_data(lake.read(Address("split", DATASET)), tmp_path)


def test_ids_of_another_split_are_refused(lake: Lake, tmp_path: Path) -> None:
    other = write_lake(lake.home, "wordless", with_text=False, users=20)
    inputs = folders(lake, "base") | {"interactions": other.read(Address("interactions", "wordless"))}
    with pytest.raises(LmmrecError, match="20 users"):
        train_cell(plan_cell(cell("base"), "base", "lmmrec"), inputs, tmp_path / "cell", Settings(device="cpu"))


@pytest.mark.parametrize(
    ("address", "method", "message"),
    [
        (cell("base", "shuffled-text"), "base", "no variant 'shuffled-text': known are full"),
        (cell("lmmrec", "without-msc"), "lmmrec", "no variant 'without-msc'"),
        (replace(cell("base"), base_model="lightgnc"), "base", "lightgnc"),
    ],
)
def test_unknown_variants_and_base_models_are_refused(address: Address, method: str, message: str) -> None:
    with pytest.raises(LmmrecError, match=message):
        plan_cell(address, method, "lmmrec")


def test_a_method_that_needs_text_says_so_where_there_is_none(home: Path) -> None:
    lake = write_lake(home, "wordless", with_text=False)
    with pytest.raises(LmmrecError, match=r"'lmmrec' needs text and wordless has no text vectors.*--method base"):
        refuse_without_text(lake, "wordless", "lmmrec")


def test_cuda_is_refused_where_there_is_none_and_auto_falls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto") == "cpu"
    with pytest.raises(LmmrecError, match="LMMREC_DEVICE=cuda"):
        resolve_device("cuda")


def test_the_training_curve_is_a_small_png_in_markdown() -> None:
    history = [{"epoch": n, "bpr": 1 / (n + 1), "mcs": 10.0, "recall_20": n / 10, "ndcg_20": 0.1} for n in range(4)]
    assert loss_terms(history) == ["bpr", "mcs"]
    picture = training_curve(history, 2, "lmmrec on lightgcn")
    assert picture.startswith("![training curve](data:image/png;base64,")
    assert len(picture) < 80_000
