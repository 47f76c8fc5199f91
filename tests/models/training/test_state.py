"""Resuming without a kill: every registered model goes on as if nothing had happened, and what is refused or said."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from models.bases import BASES, BaseConfig
from models.enhancers import ENHANCERS, EnhancerConfig
from models.errors import LmmrecError
from models.progress import Step, reporting_to
from models.training.config import RunConfig, TrainingConfig
from models.training.course import Course
from models.training.data import TrainingData
from models.training.divergence import DivergedError, refuse_explosion
from models.training.fit import fit
from models.training.fitted import FittedModel
from models.training.snapshot import Snapshot, put_back, take
from models.training.state import STATE, OtherRunError, discard, opened
from models.training.trainer import Trainer
from tests.models.training.small import BASE, LMMREC, TRAINING, small_data, small_fit, stored_bytes

pytestmark = pytest.mark.unit

DATA = small_data()


class StoppedError(Exception):
    """Stands for a kill right after an epoch was told as done."""


class StopAfter:
    """A reporter that ends training after so many epochs, or after its last one."""

    def __init__(self, epochs: int) -> None:
        self._epochs = epochs

    def started(self, step: Step) -> None: ...

    def changed(self, step: Step) -> None:
        if step.name.startswith("train") and step.done == min(self._epochs, step.total or self._epochs):
            raise StoppedError

    def finished(self, step: Step) -> None: ...
    def said(self, line: str) -> None: ...


def stopped_after(epochs: int, train: Callable[[], FittedModel]) -> None:
    with pytest.raises(StoppedError), reporting_to(StopAfter(epochs)):
        train()


def every_model() -> list[Any]:
    """Each base alone, and each enhancer on the first base, small and with their own defaults; formulas keep no state."""
    iterative = {name: spec for name, spec in BASES.items() if not spec.closed_form}
    defaults = {name: spec.config.model_validate({"name": name}) for name, spec in iterative.items()}
    bases = {name: config.model_copy(update={"dim": min(config.dim, 8)}) for name, config in defaults.items()}
    enhancers = {name: spec.config.model_validate({"name": name}) for name, spec in ENHANCERS.items() if spec.module}
    alone = [pytest.param(base, None, id=name) for name, base in bases.items()]
    first = next(iter(bases.values()))
    return alone + [pytest.param(first, enhancer, id=name) for name, enhancer in enhancers.items()]


@pytest.mark.parametrize("after", [1, 4])
@pytest.mark.parametrize(("base", "enhancer"), every_model())
def test_every_model_stopped_and_resumed_ends_in_the_bytes_of_the_undisturbed_run(
    base: BaseConfig, enhancer: EnhancerConfig | None, after: int, tmp_path: Path
) -> None:
    """A model that holds state outside parameters, buffers, generators and `get_extra_state` fails here."""
    short = TRAINING.model_copy(update={"max_epochs": 7})

    def train(folder: Path | None = tmp_path / "state") -> FittedModel:
        return fit(DATA, base, enhancer, short, RunConfig(threads=1), state_folder=folder)

    stopped_after(after, train)
    resumed = train()
    assert resumed.resumed_at_epoch == (after if base.dim else 1)  # without embeddings, one epoch is all
    assert stored_bytes(resumed, tmp_path / "resumed") == stored_bytes(train(None), tmp_path / "undisturbed")


def test_without_validation_the_last_epoch_is_reached_in_the_same_bytes(tmp_path: Path) -> None:
    blind = TRAINING.model_copy(update={"evaluate_every": 0, "max_epochs": 4})
    stopped_after(2, lambda: small_fit(None, blind, tmp_path / "state"))
    resumed, whole = small_fit(None, blind, tmp_path / "state"), small_fit(None, blind)
    assert resumed.best_epoch == whole.best_epoch == 3
    assert stored_bytes(resumed, tmp_path / "resumed") == stored_bytes(whole, tmp_path / "undisturbed")


@pytest.mark.parametrize("enhancer", [None, LMMREC])
def test_keeping_state_changes_no_byte(enhancer: EnhancerConfig | None, tmp_path: Path) -> None:
    kept, plain = small_fit(enhancer, folder=tmp_path / "state"), small_fit(enhancer)
    assert stored_bytes(kept, tmp_path / "kept") == stored_bytes(plain, tmp_path / "plain")


def test_a_finished_run_comes_back_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = small_fit(LMMREC, folder=tmp_path / "state")
    monkeypatch.setattr(Trainer, "run_epoch", lambda *_: pytest.fail("it trained again"))
    again = small_fit(LMMREC, folder=tmp_path / "state")
    assert stored_bytes(again, tmp_path / "again") == stored_bytes(first, tmp_path / "first")
    assert again.resumed_at_epoch >= again.best_epoch


def test_seconds_count_all_processes_that_took_part(tmp_path: Path) -> None:
    stopped_after(5, lambda: small_fit(folder=tmp_path))
    with safe_open(str(tmp_path / STATE), framework="pt") as file:
        before_s = json.loads(file.metadata()["header"])["course"]["seconds"]
    assert small_fit(folder=tmp_path).seconds > before_s > 0.0


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_a_generator_anywhere_in_the_model_is_part_of_the_state(kind: str) -> None:
    def build() -> tuple[Trainer, Callable[[], list[float]]]:
        trainer = Trainer(DATA, BASE, LMMREC, TRAINING, RunConfig(threads=1))
        if kind == "numpy":
            rng = np.random.Generator(np.random.MT19937(3))
            trainer.enhancer.tower.rng = rng  # type: ignore[assignment]
            return trainer, lambda: rng.random(4).tolist()
        generator = torch.Generator().manual_seed(3)
        trainer.base.rng = generator  # type: ignore[assignment]
        return trainer, lambda: torch.rand(4, generator=generator).tolist()

    (one, draw), (other, draw_again) = build(), build()
    draw()
    put_back(other, take(one))
    assert draw_again() == draw()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"training": TRAINING.model_copy(update={"batch_size": 32})}, ["training.batch_size: 64 -> 32"]),
        ({"base": BASE.model_copy(update={"num_layers": 1})}, ["base.num_layers: 3 -> 1"]),
        ({"enhancer": LMMREC}, ["enhancer: none -> lmmrec", "data.texts: none -> 70 vectors of width 12, sha256 "]),
        ({"run": RunConfig(seed=7, threads=1)}, ["seed: 2023 -> 7"]),
    ],
)
def test_other_settings_are_refused_with_the_list_of_differences(
    change: dict[str, Any], told: list[str], tmp_path: Path
) -> None:
    whole: dict[str, Any] = {"base": BASE, "enhancer": None, "training": TRAINING, "run": RunConfig(threads=1)}
    stopped_after(1, lambda: fit(DATA, **whole, state_folder=tmp_path))
    with pytest.raises(OtherRunError) as refused:
        fit(DATA, **(whole | change), state_folder=tmp_path)
    assert [line[: len(start)] for line, start in zip(refused.value.differences, told, strict=True)] == told
    assert told[0] in str(refused.value)
    assert fit(DATA, **whole, state_folder=tmp_path).resumed_at_epoch == 1


def test_other_data_is_refused_by_counts_and_digests(tmp_path: Path) -> None:
    stopped_after(1, lambda: small_fit(LMMREC, folder=tmp_path))
    fewer = DATA.train.copy()
    fewer.data[:3] = 0
    moved = DATA.with_shuffled_texts(1)
    other = TrainingData(fewer, DATA.validation, moved.user_texts, moved.item_texts)
    with pytest.raises(OtherRunError) as refused:
        fit(other, BASE, LMMREC, TRAINING, RunConfig(threads=1), state_folder=tmp_path)
    train, texts = refused.value.differences
    count = DATA.train.nnz
    assert train.startswith(f"data.train: 40 users x 30 items, {count} pairs, sha256 ")
    assert f"-> 40 users x 30 items, {count - 3} pairs, sha256 " in train
    assert texts.startswith("data.texts: 70 vectors of width 12, sha256 ")


def test_texts_that_a_base_does_not_read_may_change(tmp_path: Path) -> None:
    stopped_after(1, lambda: small_fit(folder=tmp_path))
    without = TrainingData(DATA.train, DATA.validation)
    assert fit(without, BASE, None, TRAINING, RunConfig(threads=1), state_folder=tmp_path).resumed_at_epoch == 1


def test_a_state_of_another_make_of_the_model_is_refused_by_tensor(tmp_path: Path) -> None:
    stopped_after(1, lambda: small_fit(folder=tmp_path))
    with safe_open(str(tmp_path / STATE), framework="pt") as file:
        header = json.loads(file.metadata()["header"])
    with opened(tmp_path, header["identity"]) as folder:
        found = folder.load()
        assert found is not None
        found.snapshot.tensors["module.base.gate"] = torch.zeros(2)
        folder.save(found.course, found.snapshot, None, found.circumstances)
    with pytest.raises(OtherRunError, match=r"module\.base\.gate: torch.float32 \(2,\) -> none"):
        small_fit(folder=tmp_path)


def test_other_threads_are_said_and_not_refused(tmp_path: Path) -> None:
    stopped_after(1, lambda: small_fit(folder=tmp_path))
    with pytest.warns(UserWarning, match="resumed at epoch 1 under other circumstances .*threads: 1 -> 2.*last digits"):
        model = fit(DATA, BASE, None, TRAINING, RunConfig(threads=2), state_folder=tmp_path)
    assert len(model.notes) == 1


@pytest.mark.parametrize("which", [STATE, "best-*.safetensors"])
@pytest.mark.parametrize("damage", ["cut", "zeroed", "emptied", "gone"])
def test_a_torn_file_is_said_and_training_starts_over(which: str, damage: str, tmp_path: Path) -> None:
    stopped_after(3, lambda: small_fit(folder=tmp_path / "state"))
    (path,) = (tmp_path / "state").glob(which)
    content = path.read_bytes()
    half = len(content) // 2
    damaged = {"cut": content[:half], "zeroed": content[:half] + bytes(len(content) - half), "emptied": b""}
    path.unlink() if damage == "gone" else path.write_bytes(damaged[damage])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = small_fit(folder=tmp_path / "state")
    gone = which == STATE and damage == "gone"
    assert [str(warning.message) for warning in caught if "starts over" in str(warning.message)] == list(model.notes)
    assert len(model.notes) == (0 if gone else 1)
    assert model.resumed_at_epoch == 0
    assert stored_bytes(model, tmp_path / "again") == stored_bytes(small_fit(), tmp_path / "undisturbed")


def test_what_a_killed_process_left_half_written_is_cleared_away(tmp_path: Path) -> None:
    stopped_after(1, lambda: small_fit(folder=tmp_path))
    for name in (f".{STATE}.unfinished", f".{STATE}.retired", "best-77.safetensors"):
        (tmp_path / name).write_bytes(b"half")
    model = small_fit(folder=tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {STATE, f"best-{model.best_epoch}.safetensors"}


def test_discarding_leaves_nothing_of_ours_and_all_of_others(tmp_path: Path) -> None:
    discard(tmp_path / "nowhere")
    for name in ("mine", "shared"):
        stopped_after(1, lambda name=name: small_fit(folder=tmp_path / name))  # type: ignore[misc]
    (tmp_path / "shared" / "notes.txt").write_text("keep")
    discard(tmp_path / "mine")
    discard(tmp_path / "shared")
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["shared", "shared/notes.txt"]


def test_two_processes_do_not_train_into_one_folder(tmp_path: Path) -> None:
    with opened(tmp_path, {}), pytest.raises(LmmrecError, match="another process is training into"):
        small_fit(folder=tmp_path)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LmmrecError, match=r"cannot keep training state in .*give another folder"):
        small_fit(folder=tmp_path / "file" / "state")


def poison(monkeypatch: pytest.MonkeyPatch, epoch: int, broken: Callable[[Trainer], None]) -> None:
    """Breaks the trainer in the last step of `epoch`."""
    run_step = Trainer.run_step

    def step(self: Trainer, batch: Any, epochs_done: float) -> Any:
        terms = run_step(self, batch, epochs_done)
        if epochs_done >= epoch + 1 - 1 / self.sampler.num_batches:
            with torch.no_grad():
                broken(self)
        return terms

    monkeypatch.setattr(Trainer, "run_step", step)


def set_entry(name: str, value: float) -> Callable[[Trainer], None]:
    def broken(trainer: Trainer) -> None:
        take(trainer).tensors[name].view(-1)[0] = value

    return broken


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("module.base.table", "base.table"),
        ("module.enhancer.tower.weight_1", "enhancer.tower.weight_1"),
        ("module.enhancer.teacher.table", "module.enhancer.teacher.table"),
        ("optimizer.base.table.exp_avg_sq", "optimizer.base.table.exp_avg_sq"),
    ],
)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_broken_tensor_is_named_and_the_last_good_state_stays(
    name: str, told: str, value: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        poison(patched, 3, set_entry(name, value))
        with pytest.raises(DivergedError) as stopped:
            small_fit(LMMREC, folder=tmp_path / "state")
    assert f"training stopped in epoch 3: '{told}' is not finite any more" in str(stopped.value)
    assert f"the good state after epoch 2 is kept in {tmp_path / 'state'}" in str(stopped.value)
    resumed = small_fit(LMMREC, folder=tmp_path / "state")
    assert resumed.resumed_at_epoch == 3
    assert stored_bytes(resumed, tmp_path / "resumed") == stored_bytes(small_fit(LMMREC), tmp_path / "undisturbed")


def test_an_exploding_loss_stops_with_the_tensor_that_holds_the_largest_entry(tmp_path: Path) -> None:
    wild = TrainingConfig(batch_size=64, learning_rate=1000.0, max_epochs=500, evaluate_every=2, patience=500)
    with pytest.raises(DivergedError) as stopped:
        small_fit(None, wild, tmp_path)
    assert "loss 'bpr' exploded from" in str(stopped.value)
    assert "in 'base.table'; lower learning_rate" in str(stopped.value)


def test_a_loss_explodes_above_a_thousand_times_its_first_value_or_one() -> None:
    weights = [("a", torch.tensor([1.0, -7.0])), ("b", torch.tensor([2.0]))]
    refuse_explosion(5, {"bpr": 690.0, "l2": 999.0, "icm": 12.0}, {"bpr": 0.7, "l2": 1e-6}, weights)
    refuse_explosion(5, {"mcs": 9000.0}, {"mcs": 10.0}, weights)
    with pytest.raises(DivergedError, match=r"epoch 5: loss 'mcs' exploded from 10 to 1.001e\+04.* up to 7 in 'a'"):
        refuse_explosion(5, {"mcs": 10010.0}, {"mcs": 10.0}, weights)


def test_a_state_that_cannot_be_written_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped_after(2, lambda: small_fit(folder=tmp_path))

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("models.training.state._write_safetensors", full)
    with pytest.raises(LmmrecError, match=r"cannot be written .*No space left.*still there"):
        small_fit(folder=tmp_path)
    monkeypatch.undo()
    assert small_fit(folder=tmp_path).resumed_at_epoch == 2


def test_a_file_of_another_form_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path, {}) as folder:
        folder.path.joinpath("x").write_text("")
        save_file({"a": torch.zeros(1)}, tmp_path / STATE, metadata={"header": "{}", "checksum": "0"})
        assert folder.load() is None
        assert "damaged" in folder.notes[0]


def test_progress_goes_on_where_it_was(tmp_path: Path) -> None:
    stopped_after(3, lambda: small_fit(folder=tmp_path))
    seen: list[float] = []

    class Watch(StopAfter):
        def changed(self, step: Step) -> None:
            seen.append(step.done)

    with reporting_to(Watch(0)):
        small_fit(folder=tmp_path)
    assert seen[:2] == [3.0, 4.0]


def test_every_type_and_shape_comes_back_through_the_file(tmp_path: Path) -> None:
    tensors = {
        "scalar": torch.tensor(3.5),
        "empty": torch.zeros(0, 4),
        "double": torch.rand(3, dtype=torch.float64),
        "half": torch.rand(2, 3).to(torch.bfloat16),
        "bytes": torch.arange(7, dtype=torch.uint8),
        "long": torch.tensor([[2**40, -1]]),
        "flags": torch.tensor([True, False]),
        "turned": torch.rand(4, 2).T,
    }
    with opened(tmp_path, {"seed": 1}) as folder:
        for epochs in (9, 1000, 3):  # the header grows and shrinks over the same spare file
            folder.save(Course(epochs_done=epochs), Snapshot(tensors, {"extra": {}, "generators": {}}), None, {})
            found = folder.load()
            assert found is not None
            assert found.course.epochs_done == epochs
            assert found.snapshot.tensors.keys() == tensors.keys()
            for name, tensor in tensors.items():
                assert found.snapshot.tensors[name].dtype == tensor.dtype
                assert torch.equal(found.snapshot.tensors[name], tensor)
    assert [path.name for path in tmp_path.iterdir()] == [STATE]


def test_a_disk_without_hard_links_keeps_state_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: Path, target: Path) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refused)
    stopped_after(3, lambda: small_fit(folder=tmp_path))
    assert small_fit(folder=tmp_path).resumed_at_epoch == 3
