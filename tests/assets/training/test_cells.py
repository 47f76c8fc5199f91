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
from assets.training.cells import refuse_without_text, resolve_device, train_cell
from assets.training.curve import loss_terms, training_curve
from assets.training.data import CONTROLS, load_data
from assets.training.methods import METHODS, checkpoint_of
from assets.training.plan import CellPlan, plan_cell
from assets.training.recipe import RECIPES
from models.enhancers import ENHANCERS
from models.errors import LmmrecError
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


@pytest.mark.parametrize(("method", "variant"), [("base", "full"), ("lmmrec", "full"), ("lmmrec", "shuffled-text")])
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


def test_ids_stand_in_the_checkpoint_in_row_order(lake: Lake, tmp_path: Path) -> None:
    plan = short(plan_cell(cell("base"), "base", "lmmrec"))
    train_cell(plan, folders(lake, "base"), tmp_path / "cell", Settings(device="cpu", threads=1))
    ids = json.loads((tmp_path / "cell" / "ids.json").read_bytes())
    assert ids["users"][:2] == ["u000", "u001"]
    assert ids["items"][-1] == f"sku-{ITEMS - 1:02d}"


def test_base_reads_no_text_and_lmmrec_does(lake: Lake) -> None:
    assert "text_embeddings" not in folders(lake, "base")
    assert "text_embeddings" in folders(lake, "lmmrec")


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
        (cell("lmmrec", "without-mcs"), "lmmrec", "no variant 'without-mcs'"),
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
