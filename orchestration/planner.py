"""From what a user asks for to the runs that make it, one step after the other.

Each step looks at the lake anew: only the reviews tell whether a dataset has texts, and what came out the same as before
makes nothing stale behind it. Which partitions are stale is `plan.py`; running them is `runner.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from assets.datasets.catalog import find_dataset
from assets.graph import recipes
from assets.lake import Address, Lake
from assets.recipes import STAGES, Request
from assets.settings import load_settings
from assets.training.leak import ASSET as LEAK
from assets.training.leak import READERS, suspicion
from models.errors import LmmrecError
from orchestration.candidates import affordable
from orchestration.plan import Plan, check_request, made_for, make_plan, methods_need_text, pairs_left_out, refuse_pairs
from orchestration.retraining import Launch, launches, next_launches
from orchestration.texts import has_texts

_TEXT_STAGES = ("motivations", "embeddings")


class Planner:
    """What one request still takes.

    Args:
        chosen: the methods were asked for by name, so a dataset without texts is an error and not a reason to do less.
        open_choice: no base model and no method was named, so that of `request`'s only those are tried that data of this
            size can afford.
        toward: make these assets and what they are made of, and nothing beside them.
        lastly: and these, from what there is.

    Raises:
        LmmrecError: the dataset, a base model or a method is unknown, or a setting is not usable.
    """

    def __init__(
        self,
        home: Path,
        request: Request,
        until: str = STAGES[-1],
        chosen: bool = False,
        open_choice: bool = False,
        toward: Sequence[str] = (),
        lastly: Sequence[str] = (),
    ) -> None:
        from assets.partitions import BASE_MODELS

        self._lake, self._request = Lake(home), request
        kept = made_for(recipes(), *toward).keys() | set(lastly) if toward else recipes().keys()
        self._recipes = {name: recipe for name, recipe in recipes().items() if name in kept}
        self._entry, self._settings = find_dataset(home, request.dataset), load_settings()
        self._until, self._chosen, self._open_choice = until, chosen, open_choice
        self._started = datetime.now(UTC)
        check_request(request, self._recipes, BASE_MODELS)
        if chosen:
            refuse_pairs(request)
        mismatched = [] if open_choice else pairs_left_out(request)
        left_out = [f"{method} on {base_model}" for base_model, method in mismatched]
        self.note = (
            f"left out, because the base model lacks what the method works on: {', '.join(left_out)}."
            if left_out
            else ""
        )
        """What the user should know about what was left out."""

    def next_launches(self) -> list[Launch]:
        """The runs that can start now; none means that everything is there. To be asked again after they ended."""
        return next_launches(self.plan(), self._recipes)

    def every_launch(self) -> list[Launch]:
        """The runs that it takes as far as can be told now, in their order."""
        return launches(self.plan(), self._recipes)

    def counts(self) -> tuple[int, int]:
        """(partitions made since the start, partitions that were up to date), cells counted one by one."""
        there = [self._lake.record(address) for address in self.plan().up_to_date]
        made = sum(record is not None and record.created_at >= self._started for record in there)
        return made, len(there) - made

    def plan(self) -> Plan:
        """What is stale now, as far as can be told: where the reviews are not there yet, only up to them."""
        if self._open_choice:
            self._afford()
        texts = has_texts(self._lake, self._request.dataset)
        if texts is None or self._until == "datasets":
            return self._plan(self._request, "datasets", with_text=True)
        wanted = methods_need_text(self._recipes, self._request.methods) or self._until in _TEXT_STAGES
        if not texts and wanted:
            return self._plan(self._without_text(), self._until, with_text=False)
        return self._plan(self._without_suspect_texts(), self._until, with_text=wanted)

    def _without_suspect_texts(self) -> Request:
        """Unless methods were asked for by name: without those that would be refused because user texts know validation."""
        said = suspicion(self._lake, self._request.dataset)
        if self._chosen or self._entry.trust_user_texts or not said or self._looked_at_others():
            return self._request
        able = tuple(method for method in self._request.methods if method not in READERS)
        note = f"left out what reads user texts, because these seem to know validation pairs: {said}."
        if note not in self.note:
            self.note = f"{self.note} {note}".strip()
        return replace(self._request, methods=able)

    def _looked_at_others(self) -> bool:
        """True where the user texts are no longer those that were looked at."""
        address = Address(LEAK, self._request.dataset)
        record, sources = self._lake.record(address), self._recipes[LEAK].inputs(self._lake, address)
        return record is None or record.inputs != {str(source): self._lake.digest(source) for source in sources}

    def _afford(self) -> None:
        """Narrows the request as soon as the size of the data is known."""
        found = affordable(self._lake, self._request.dataset, self._settings)
        self._request = replace(self._request, base_models=found.base_models)
        if found.left_out:
            self.note = (
                f"not tried here: {'; '.join(found.left_out)}; name it with --base-model to train it all the same."
            )

    def _without_text(self) -> Request:
        name, methods = self._request.dataset, self._request.methods
        able = tuple(method for method in methods if not methods_need_text(self._recipes, (method,)))
        if self._chosen or self._until in _TEXT_STAGES:
            needy = ", ".join(method for method in methods if method not in able) or f"stage {self._until}"
            raise LmmrecError(
                f"{name} has no texts, and {needy} cannot do without: use `--method base`, or map the column `text` in its "
                "catalogue entry."
            )
        self.note = f"{name} has no texts, so only what needs none was done: {', '.join(able)}."
        return replace(self._request, methods=able)

    def _plan(self, request: Request, until: str, with_text: bool) -> Plan:
        return make_plan(self._lake, self._recipes, request, self._settings, self._entry, until, with_text)


class Together:
    """Several requests whose runs go on side by side: what is published comes once, after the cells of all of them."""

    def __init__(self, planners: Sequence[Planner]) -> None:
        self._planners = planners

    def next_launches(self) -> list[Launch]:
        """As `Planner.next_launches`: the earliest runs of the first request that has something of that kind to do."""
        every = [planner.every_launch() for planner in self._planners]
        for is_next in (_makes_cells, _makes_tables, lambda launch: True):
            for found in every:
                first = [launch for launch in found if is_next(launch)]
                if first:
                    return [launch for launch in first if launch.job == first[0].job]
        return []

    def cells(self) -> tuple[set[Address], set[Address]]:
        """(to make, up to date) as far as can be told now."""
        plans = [planner.plan() for planner in self._planners]
        wanted = {task.address for plan in plans for task in plan.tasks}
        return wanted, {address for plan in plans for address in plan.up_to_date} - wanted


def _makes_cells(launch: Launch) -> bool:
    return launch.job not in ("tables", "serving_stage", "publish")


def _makes_tables(launch: Launch) -> bool:
    return launch.job != "publish"
