"""All rules of the quality gate on all files of the stage, by asset: `validated_motivations` obeys them.

What each room demands is its own: `lineage.py` of prompts, `rules.py` of motivations, `ancestry.py` of where both come from.
How findings look in the UI is `assets/checking.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from assets.expectations import Finding
from assets.motivations.lineage import prompt_findings
from assets.motivations.rules import motivation_findings


def gate_findings(inputs: Mapping[str, Path], limits: Mapping[str, float]) -> dict[str, list[Finding]]:
    """The rules that follow from the files alone.

    Args:
        inputs: folders of `interactions`, `split`, `item_prompts`, `item_motivations`, `user_prompts`, `user_motivations`.
        limits: `min_valid` and `max_fallback` of the dataset's gate.

    Raises:
        LmmrecError: a file is missing or damaged.
    """
    found: dict[str, list[Finding]] = {}
    for entity in ("item", "user"):
        prompts, motivations = inputs[f"{entity}_prompts"], inputs[f"{entity}_motivations"]
        found[f"{entity}_prompts"] = prompt_findings(entity, prompts, inputs["split"])
        found[f"{entity}_motivations"] = motivation_findings(entity, motivations, prompts, inputs, limits)
    return found
