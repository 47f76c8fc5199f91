"""The lists that are published for a dataset: those of the model that `selection` chose, whatever it is, with new items.

A checkpoint serves as it is; an anchor is fitted again on train with the settings that were chosen for it. Items that nobody
has yet get the share of the places that the catalogue entry gives them (`new_items.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.evaluation.anchors import METHOD as ANCHOR
from assets.evaluation.anchors import TRIALS
from assets.evaluation.new_items import find_new_items, reading_matrix, reading_of, serve
from assets.evaluation.recommendations import read_owned, write_lists
from assets.evaluation.selection import CHOICE
from assets.lake import Address, Lake
from assets.tables import read_frame, read_matrix
from assets.training.methods import checkpoint_of

if TYPE_CHECKING:
    from models.language.encoders import TextEncoder
    from models.ranking.protocol import Scorer


def write_published(
    lake: Lake,
    dataset: str,
    inputs: Mapping[str, Path],
    target: Path,
    per_user: int,
    new_item_share: float,
    encoder: TextEncoder,
) -> dict[str, Any]:
    """Write `recommendations.parquet` as `recommendations.write_lists` does, and return its figures with the choice.

    Args:
        lake: for the texts of new items, read where `new_item_share` is above 0.
        inputs: folders of `selection`, `interactions`, `split`, `anchor_metrics` and, where no anchor was chosen, of the
            checkpoint.
        target: folder to write to.
        per_user: length of the lists.
        new_item_share: share of the places that new items get, 0 to 1; 0 leaves every byte as it is without them.
        encoder: the one that made the dataset's text vectors.
    """
    choice = json.loads((inputs["selection"] / CHOICE).read_bytes())
    said = {name: choice[name] for name in ("method", "base_model", "why")}
    model, lists = chosen_model(choice, inputs), inputs["interactions"]
    if not new_item_share:
        return said | write_lists(model, lists, target, per_user)
    said |= {"new_item_share": new_item_share}
    if lake.record(Address("text_embeddings", dataset)) is None:
        note = "none shown: the dataset has no texts to rank new items from"
        return said | {"new_items": note} | write_lists(model, lists, target, per_user)
    train = read_matrix(inputs["split"], "train")
    new = find_new_items(lake, dataset, train, encoder)
    if not len(new.item_idx):
        note = "none shown: every item of the catalogue has interactions, or no text"
        return said | {"new_items": note} | write_lists(model, lists, target, per_user)
    reading = reading_matrix(model, reading_of(lake, dataset, choice["base_model"]), train, new)
    served = serve(model, reading, train, read_owned(lists), new, new_item_share, per_user)
    figures = write_lists(served, lists, target, per_user, new)
    shown = float(read_frame(target / "recommendations.parquet", ["is_new"])["is_new"].mean())
    found = {"new_items": len(new.item_idx), "new_items_shown": round(shown, 4), "multiplier": served.multiplier}
    return said | found | figures


def chosen_model(choice: Mapping[str, Any], inputs: Mapping[str, Path]) -> Scorer:
    """What was chosen, ready to score every user."""
    if choice["method"] != ANCHOR:
        from models.training.checkpoint import load

        return load(inputs[checkpoint_of(choice["method"])])
    from models.anchors import ANCHORS

    trials = read_frame(inputs["anchor_metrics"] / TRIALS)
    (settings,) = trials.loc[(trials["base_model"] == choice["base_model"]) & trials["chosen"], "settings"]
    return ANCHORS[choice["base_model"]].with_settings(json.loads(settings)).fit(read_matrix(inputs["split"], "train"))
