"""Initial weights from an earlier checkpoint: rows of users and items that it knows are copied, new ones start fresh.

Only where training starts is decided here; optimizer, teacher and early stopping start anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.bases import BaseConfig
from models.enhancers import EnhancerConfig
from models.errors import LmmrecError
from models.training import checkpoint
from models.training.fitted import FittedModel


@dataclass(frozen=True)
class WarmStart:
    """An earlier model, and where each user and item of the present split stands in it."""

    model: FittedModel
    user_rows: np.ndarray
    """(users,) int64 rows of the earlier model, -1 where it does not know the user."""
    item_rows: np.ndarray
    """(items,) int64, the same for items."""
    digest: str
    """Decides the initial weights together with the seed: sha256 over earlier weights and both row maps."""

    @property
    def new_users(self) -> int:
        return int((self.user_rows < 0).sum())

    @property
    def new_items(self) -> int:
        return int((self.item_rows < 0).sum())

    def initial(
        self, fresh: Mapping[str, Tensor], base: BaseConfig, enhancer: EnhancerConfig | None
    ) -> dict[str, Tensor]:
        """`fresh` weights with everything put in that the earlier model knows.

        A tensor with one row per node, user or item is matched row by row; any other is copied where the shape is the same,
        and stays fresh where it is not. Raises `LmmrecError` for another base model, width or enhancer.
        """
        self.refuse_other_kind(base, enhancer)
        return {name: self._carried(self.model.parameters.get(name), tensor) for name, tensor in fresh.items()}

    def _carried(self, earlier: Tensor | None, fresh: Tensor) -> Tensor:
        if earlier is None or earlier.shape[1:] != fresh.shape[1:] or earlier.dim() != fresh.dim():
            return fresh
        rows = self._rows(len(earlier), len(fresh)) if fresh.dim() else None
        if rows is None:
            return earlier.to(fresh) if earlier.shape == fresh.shape else fresh
        known = torch.from_numpy(rows >= 0)
        carried = fresh.clone()
        carried[known.to(fresh.device)] = earlier[torch.from_numpy(rows)[known].to(earlier.device)].to(fresh)
        return carried

    def _rows(self, earlier: int, present: int) -> np.ndarray | None:
        """The row map of a tensor with so many rows then and now; None where its rows are neither users nor items."""
        users, items = self.user_rows, self.item_rows
        nodes = np.concatenate([users, np.where(items < 0, -1, items + self.model.num_users)])
        if (earlier, present) == (self.model.num_users + self.model.num_items, len(nodes)):
            return nodes
        sides = [
            rows
            for count, rows in ((self.model.num_users, users), (self.model.num_items, items))
            if (earlier, present) == (count, len(rows))
        ]
        if len(sides) == 2:  # as many users as items, then and now: nothing tells which side it is
            return np.full(present, -1)
        return sides[0] if sides else None

    def refuse_other_kind(self, base: BaseConfig, enhancer: EnhancerConfig | None) -> None:
        """Raises `LmmrecError` where the earlier model is of another base model, width or enhancer."""
        earlier = self.model
        kinds = {
            "base model": (earlier.base.name, base.name),
            "width": (earlier.base.dim, base.dim),
            "enhancer": (earlier.enhancer and earlier.enhancer.name, enhancer and enhancer.name),
        }
        for what, (then, now) in kinds.items():
            if then != now:
                raise LmmrecError(
                    f"a model with {what} {now or 'none'} cannot start from a checkpoint with {what} {then or 'none'}; "
                    "train it fresh, or name a checkpoint of its own kind"
                )


def warm_start_from(folder: Path, user_ids: Sequence[str], item_ids: Sequence[str]) -> WarmStart:
    """The checkpoint in `folder` seen from the split with these original ids, in row order.

    Raises `LmmrecError` where the checkpoint cannot be read, its ids do not fit its rows, or it knows none of the ids.
    """
    model = checkpoint.load(folder)
    earlier_users, earlier_items = checkpoint.load_ids(folder)
    if (len(earlier_users), len(earlier_items)) != (model.num_users, model.num_items):
        raise LmmrecError(
            f"{folder / 'ids.json'} names {len(earlier_users)} users and {len(earlier_items)} items, but the model has "
            f"{model.num_users} and {model.num_items}; train it again"
        )
    user_rows, item_rows = _matched(earlier_users, user_ids), _matched(earlier_items, item_ids)
    if (user_rows < 0).all() and (item_rows < 0).all():
        raise LmmrecError(f"the checkpoint in {folder} knows none of the users and items of this split; train it fresh")
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes())
    digest.update(user_rows.tobytes() + item_rows.tobytes())
    return WarmStart(model, user_rows, item_rows, digest.hexdigest())


def _matched(earlier: Sequence[str], present: Sequence[str]) -> np.ndarray:
    """(present,) int64: the row of each id among the earlier ones, -1 where it is new."""
    row_of = {name: row for row, name in enumerate(earlier)}
    return np.array([row_of.get(name, -1) for name in present], dtype=np.int64)
