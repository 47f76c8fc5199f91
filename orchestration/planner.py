"""From what a user asks for to the plans that a run carries out.

Two steps, because only the reviews tell whether a dataset has texts: first the raw data, then everything behind it. Which
partitions are stale is `plan.py`; running them is `runner.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from assets.datasets.catalog import find_dataset
from assets.lake import Lake
from assets.recipes import STAGES, Request, recipes
from assets.settings import load_settings
from models.errors import LmmrecError
from orchestration.plan import Plan, check_request, make_plan, methods_need_text
from orchestration.texts import has_texts

_TEXT_STAGES = ("motivations", "embeddings")


class Planner:
    """Plans of one request; the counts are those of the latest plans made.

    Args:
        chosen: the methods were asked for by name, so a dataset without texts is an error and not a reason to do less.

    Raises:
        LmmrecError: the dataset, a base model or a method is unknown, or a setting is not usable.
    """

    def __init__(self, home: Path, request: Request, until: str = STAGES[-1], chosen: bool = False) -> None:
        from assets.partitions import BASE_MODELS

        self._lake, self._recipes, self._request = Lake(home), recipes(), request
        self._entry, self._settings = find_dataset(home, request.dataset), load_settings()
        self._until, self._chosen = until, chosen
        check_request(request, self._recipes, BASE_MODELS)
        self.made = 0
        """Partitions (and cells of them) that the plans so far make."""
        self.up_to_date = 0
        """Those that are there already."""
        self.note = ""
        """What the user should know about what was left out."""

    def idle(self) -> bool:
        """True where there is nothing to do."""
        if has_texts(self._lake, self._request.dataset) is None:
            return False
        plan = self._whole()
        self.up_to_date = len(plan.up_to_date)
        return not plan.tasks

    def plans(self) -> Iterator[Plan]:
        """The raw data, then the rest; each is to be carried out before the next is asked for."""
        first = self._plan(self._request, "datasets", with_text=True)
        self.made, self.up_to_date = len(first.tasks), len(first.up_to_date)
        if first.tasks:
            yield first
        if self._until == "datasets":
            return
        rest = self._whole()
        self.up_to_date = len(rest.up_to_date) - self.made
        self.made += len(rest.tasks)
        if rest.tasks:
            yield rest

    def _whole(self) -> Plan:
        texts = has_texts(self._lake, self._request.dataset)
        wanted = methods_need_text(self._recipes, self._request.methods) or self._until in _TEXT_STAGES
        if texts is False and wanted:
            return self._plan(self._without_text(), self._until, with_text=False)
        return self._plan(self._request, self._until, with_text=wanted)

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
