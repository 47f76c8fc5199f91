"""The lists that are published for a dataset: those of the model that `selection` chose, whatever it is.

A checkpoint serves as it is; an anchor is fitted again on train with the settings that were chosen for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.evaluation.anchors import METHOD as ANCHOR
from assets.evaluation.anchors import TRIALS
from assets.evaluation.recommendations import write_lists
from assets.evaluation.selection import CHOICE
from assets.tables import read_frame, read_matrix
from assets.training.methods import checkpoint_of

if TYPE_CHECKING:
    from models.ranking.protocol import Scorer


def write_published(inputs: Mapping[str, Path], target: Path, per_user: int) -> dict[str, Any]:
    """Write `recommendations.parquet` as `recommendations.write_lists` does, and return its figures with the choice.

    Args:
        inputs: folders of `selection`, `interactions`, `split`, `anchor_metrics` and, where no anchor was chosen, of the
            checkpoint.
        target: folder to write to.
        per_user: length of the lists.
    """
    choice = json.loads((inputs["selection"] / CHOICE).read_bytes())
    figures = write_lists(chosen_model(choice, inputs), inputs["interactions"], target, per_user)
    return {"method": choice["method"], "base_model": choice["base_model"], "why": choice["why"], **figures}


def chosen_model(choice: Mapping[str, Any], inputs: Mapping[str, Path]) -> Scorer:
    """What was chosen, ready to score every user."""
    if choice["method"] != ANCHOR:
        from models.training.checkpoint import load

        return load(inputs[checkpoint_of(choice["method"])])
    from models.anchors import ANCHORS

    trials = read_frame(inputs["anchor_metrics"] / TRIALS)
    (settings,) = trials.loc[(trials["base_model"] == choice["base_model"]) & trials["chosen"], "settings"]
    return ANCHORS[choice["base_model"]].with_settings(json.loads(settings)).fit(read_matrix(inputs["split"], "train"))
