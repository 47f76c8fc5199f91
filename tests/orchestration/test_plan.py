"""What a plan contains: exactly what is stale, and everything that is made of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from assets.datasets.catalog import DatasetEntry
from assets.lake import Address, Lake
from assets.recipes import Recipe, Request, input_digests, same_dataset
from assets.settings import Settings
from models.errors import LmmrecError
from orchestration.plan import Plan, check_request, make_plan, pairs_left_out, refuse_pairs
from orchestration.retraining import launches, next_launches

pytestmark = pytest.mark.unit

ENTRY = DatasetEntry(format="demo")


def _cell_input(lake: Lake, address: Address) -> list[Address]:
    return [replace(address, asset="checkpoint", method=None)]


def _all_metrics(lake: Lake, address: Address) -> list[Address]:
    return lake.cells("metrics")


def _serving(lake: Lake, address: Address) -> list[Address]:
    cells = lake.cells("checkpoint", dataset=address.dataset, base_model=address.base_model)
    return cells[:1] or [Address("checkpoint", address.dataset, address.base_model, variant="full", seed=2023)]


def _recipe(asset: str, group: str, scope: str, upstream: tuple[str, ...], inputs: object, **more: object) -> Recipe:
    return Recipe(
        asset=asset,
        group=group,
        scope=scope,  # type: ignore[arg-type]
        code_version="1",
        upstream=upstream,
        inputs=inputs,  # type: ignore[arg-type]
        config=lambda address, situation: (
            {"core": situation.entry.core} if asset == "split" and situation.entry else {}
        ),
        **more,  # type: ignore[arg-type]
    )


RECIPES = {
    recipe.asset: recipe
    for recipe in (
        _recipe("reviews", "datasets", "dataset", (), same_dataset()),
        _recipe("split", "datasets", "dataset", ("reviews",), same_dataset("reviews")),
        _recipe("prompts", "motivations", "dataset", ("split",), same_dataset("split"), needs_text=True),
        _recipe("checkpoint", "training", "cell", ("split",), same_dataset("split"), method="base"),
        _recipe("metrics", "evaluation", "cell", ("checkpoint",), _cell_input, method="base"),
        _recipe("lists", "evaluation", "method", ("checkpoint",), _serving),
        _recipe("leaderboard", "evaluation", "all", ("metrics",), _all_metrics),
    )
}
REQUEST = Request("demo", methods=("base",))


def plan(lake: Lake, request: Request = REQUEST, entry: DatasetEntry = ENTRY, **more: object) -> Plan:
    return make_plan(lake, RECIPES, request, Settings(), entry, **more)  # type: ignore[arg-type]


def make(lake: Lake, wanted: Plan, entry: DatasetEntry = ENTRY, content: str = "") -> None:
    """Carry a plan out: each partition holds its address."""
    from assets.recipes import Situation

    for task in wanted.tasks:
        recipe = RECIPES[task.address.asset]
        config = recipe.config(task.address, Situation(Settings(), entry if task.address.dataset else None))
        inputs = input_digests(lake, recipe, task.address)
        with lake.write(task.address, code_version=recipe.code_version, config=config, inputs=inputs) as draft:
            (draft.path / "part").write_text(f"{task.address}{content}")


def names(wanted: Plan) -> list[str]:
    return [task.address.asset for task in wanted.tasks]


@pytest.fixture
def lake(home: Path) -> Lake:
    return Lake(home)


def test_an_empty_lake_needs_everything_upstream_first(lake: Lake) -> None:
    assert names(plan(lake)) == list(RECIPES)


def test_a_finished_plan_leaves_nothing_to_do(lake: Lake) -> None:
    make(lake, plan(lake))
    again = plan(lake)
    assert again.tasks == ()
    assert len(again.up_to_date) == len(RECIPES)


@pytest.mark.parametrize(
    ("lost", "remade"),
    [
        ("reviews", list(RECIPES)),
        ("prompts", ["prompts"]),
        ("checkpoint", ["checkpoint", "metrics", "lists", "leaderboard"]),
        ("lists", ["lists"]),
        ("leaderboard", ["leaderboard"]),
    ],
)
def test_a_lost_file_makes_stale_just_what_is_made_of_it(lake: Lake, lost: str, remade: list[str]) -> None:
    make(lake, plan(lake))
    next(lake.root.glob(f"{lost}/**/part")).unlink()
    assert names(plan(lake)) == remade


def test_a_changed_catalogue_entry_spares_what_is_before_it(lake: Lake) -> None:
    make(lake, plan(lake))
    changed = plan(lake, entry=DatasetEntry(format="demo", core=7))
    assert names(changed) == [name for name in RECIPES if name != "reviews"]
    assert changed.tasks[0].reason == "config changed: core"


def test_another_seed_makes_its_own_cells_and_what_gathers_them(lake: Lake) -> None:
    make(lake, plan(lake))
    more = plan(lake, Request("demo", methods=("base",), seeds=(2023, 2024)))
    assert [str(task.address) for task in more.tasks if task.address.seed] == [
        "checkpoint/dataset=demo/base_model=lightgcn/variant=full/seed=2024",
        "metrics/dataset=demo/base_model=lightgcn/variant=full/seed=2024",
    ]
    assert names(more)[-1] == "leaderboard"


def test_until_stops_after_its_stage(lake: Lake) -> None:
    assert names(plan(lake, until="datasets")) == ["reviews", "split"]
    assert names(plan(lake, until="training")) == ["reviews", "split", "prompts", "checkpoint"]


def test_without_text_nothing_that_needs_it_is_planned(lake: Lake) -> None:
    assert "prompts" not in names(plan(lake, with_text=False))


def test_a_plan_is_split_into_one_launch_per_partition(lake: Lake) -> None:
    request = Request("demo", base_models=("lightgcn", "other"), methods=("base",), seeds=(1, 2))
    found = launches(plan(lake, request), RECIPES)
    assert [(launch.job, launch.base_model) for launch in found] == [
        ("dataset_stage", None),
        ("grid_stage", "lightgcn"),
        ("grid_stage", "other"),
        ("publish", None),
    ]
    assert found[1].config == {
        "ops": {
            "checkpoint": {"config": {"seeds": [1, 2], "variants": ["full"]}},
            "metrics": {"config": {"seeds": [1, 2], "variants": ["full"]}},
            "lists": {"config": {"methods": ["base"]}},
        }
    }


def test_the_next_launches_are_all_of_the_earliest_kind(lake: Lake) -> None:
    request = Request("demo", base_models=("lightgcn", "other"), methods=("base",))
    make(lake, plan(lake, request, until="datasets"))
    make(lake, plan(lake, request, until="motivations"))
    assert [launch.base_model for launch in next_launches(plan(lake, request), RECIPES)] == ["lightgcn", "other"]
    make(lake, plan(lake, request))
    assert next_launches(plan(lake, request), RECIPES) == []


def test_what_is_made_on_request_is_made_for_nobody_else_and_in_a_run_of_its_own_kind(lake: Lake) -> None:
    curve = _recipe("curve", "evaluation", "cell", ("split",), same_dataset("split"), method="base", on_request=True)
    recipes = RECIPES | {"curve": curve}
    make(lake, plan(lake))
    assert make_plan(lake, recipes, REQUEST, Settings(), ENTRY).tasks == ()
    asked = make_plan(lake, recipes, replace(REQUEST, also=("curve",)), Settings(), ENTRY)
    assert {task.address.asset for task in asked.tasks} == {"curve"}
    assert {launch.job for launch in launches(asked, recipes)} == {"comparison_stage"}


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (Request("demo", base_models=("lightgnc",)), "unknown base model 'lightgnc': known are lightgcn."),
        (Request("demo", methods=("best",)), "unknown method 'best': known are base."),
    ],
)
def test_unknown_names_are_refused_with_the_known_ones(request_: Request, sentence: str) -> None:
    with pytest.raises(LmmrecError, match=sentence):
        check_request(request_, RECIPES, ("lightgcn",))


def test_an_enhancer_on_a_base_without_embeddings_is_left_out_of_a_request_for_many() -> None:
    request = Request("demo", base_models=("lightgcn", "polycf-signal"), methods=("base", "lmmrec"))
    enhanced = replace(RECIPES["checkpoint"], method="lmmrec")
    assert [cell.base_model for cell in RECIPES["checkpoint"].cells(request)] == ["lightgcn", "polycf-signal"]
    assert [cell.base_model for cell in enhanced.cells(request)] == ["lightgcn"]
    assert ("polycf-signal", "lmmrec") not in [
        (cell.base_model, cell.method) for cell in RECIPES["lists"].cells(request)
    ]
    assert pairs_left_out(request) == [("polycf-signal", "lmmrec")]


def test_a_launch_is_told_only_the_methods_that_go_with_its_base_model(lake: Lake) -> None:
    request = Request("demo", base_models=("lightgcn", "ease"), methods=("base", "lmmrec", "text-prior"))
    told = [
        launch.config["ops"]["lists"]["config"]["methods"]
        for launch in launches(plan(lake, request), RECIPES)
        if launch.job == "grid_stage"
    ]
    assert told == [["base", "lmmrec"], ["base", "text-prior"]]


def test_asked_for_by_name_it_is_refused_with_the_bases_that_take_one() -> None:
    refuse_pairs(Request("demo", base_models=("polycf", "polycf-embedding"), methods=("base", "lmmrec")))
    with pytest.raises(
        LmmrecError, match=r"'polycf-signal' has no embeddings that 'lmmrec' could reach.*polycf-embedding"
    ):
        refuse_pairs(Request("demo", base_models=("polycf-signal",), methods=("lmmrec",)))
