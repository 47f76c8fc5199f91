"""Exact top-k over all items, in chunks of users, with ties broken by the lower item index.

The score matrix of all users never exists: one chunk of rows at a time is scored, masked and cut. What is done with the
lists (metrics, recommendations) belongs to the callers.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from models.errors import LmmrecError
from models.ranking.protocol import Scorer

CHUNK_SCORES = 7 * 2**20
"""Scores held at once unless the caller sets the number of users: 28 MB, and blocks of up to 32 MB are used again."""
FOLD = 8
"""Columns of a group in `largest`."""


def top_k(
    scorer: Scorer, user_idx: np.ndarray, k: int, exclude: sp.csr_matrix, batch_size: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The best `k` items of each user among those not in the user's row of `exclude`.

    Returns items (users, k) int64 and scores (users, k) float32, best first; where fewer than `k` items are left, the
    rest is item -1 with score -inf. Raises where a score is not a number.
    """
    user_idx = np.asarray(user_idx, dtype=np.int64)
    items = np.full((len(user_idx), k), -1, dtype=np.int64)
    scores = np.full((len(user_idx), k), -np.inf, dtype=np.float32)
    hidden = sp.csr_matrix(exclude)[user_idx]
    for rows, chunk in score_chunks(scorer, user_idx, exclude.shape[1], batch_size):
        hide(chunk, hidden, rows)
        best_items, best_scores = select(chunk, k)
        items[rows, : best_items.shape[1]] = best_items.cpu().numpy()
        scores[rows, : best_scores.shape[1]] = best_scores.cpu().numpy()
        del chunk
    items[np.isneginf(scores)] = -1
    return items, scores


def score_chunks(
    scorer: Scorer, user_idx: np.ndarray, num_items: int, batch_size: int | None = None
) -> Iterator[tuple[slice, Tensor]]:
    """Positions in `user_idx` and their own (chunk, items) float32 score tensor, which the caller may overwrite."""
    size = batch_size or max(1, CHUNK_SCORES // max(1, num_items))
    for start in range(0, len(user_idx), size):
        rows = slice(start, min(start + size, len(user_idx)))
        chunk = torch.as_tensor(scorer.score(user_idx[rows])).to(torch.float32).contiguous()
        if chunk.shape != (rows.stop - start, num_items):
            raise LmmrecError(
                f"the model scores {tuple(chunk.shape)} but {(rows.stop - start, num_items)} was expected; "
                "it was trained on another split"
            )
        yield rows, chunk
        del chunk  # before the next one is scored, so that it gets the same memory; the caller does likewise


def hide(chunk: Tensor, hidden: sp.csr_matrix, rows: slice) -> None:
    """Sets, in place, the scores of what `hidden` holds in these rows to -inf; `chunk` is contiguous."""
    starts = hidden.indptr[rows.start : rows.stop + 1]
    row_starts = np.repeat(np.arange(len(chunk), dtype=np.int64) * chunk.shape[1], np.diff(starts))
    places = row_starts + hidden.indices[starts[0] : starts[-1]]
    chunk.view(-1).index_fill_(0, torch.from_numpy(places).to(chunk.device), -torch.inf)


def select(chunk: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Items (rows, min(k, items)) int64 and their scores, ordered by score, equal scores by lower item index.

    `torch.topk` leaves ties to chance. One item more than wanted shows whether a tie crosses the edge of the list; only
    such rows are selected again, by a key that is unique for every item. Rows with equal scores are put in order.
    """
    num_items = chunk.shape[1]
    k = min(k, num_items)
    values, items = largest(chunk, min(k + 1, num_items), in_order=True)
    if bool(values[:, 0].isnan().any()):
        raise LmmrecError("the model gives scores that are not numbers; train it again with a smaller learning rate")
    equal = values[:, 1:] == values[:, :-1]
    tied = torch.nonzero(equal.any(dim=1)).squeeze(1)
    if len(tied):
        found, scores = items[tied, :k], values[tied, :k]
        if values.shape[1] > k:
            over = torch.nonzero(equal[tied, k - 1]).squeeze(1)
            rows = chunk.index_select(0, tied[over])
            found[over] = _select_tied(rows, scores[over, k - 1 :], k)
            scores[over] = rows.gather(1, found[over])
        found, place = found.sort(dim=1)  # lower index first, so that the stable sort below keeps it first
        scores, order = scores.gather(1, place).sort(dim=1, descending=True, stable=True)
        items[tied, :k], values[tied, :k] = found.gather(1, order), scores
    return items[:, :k], values[:, :k]


def largest(chunk: Tensor, k: int, in_order: bool) -> tuple[Tensor, Tensor]:
    """`chunk.topk(k)` of (rows, columns): the same values, descending if `in_order`, and one choice of columns with them.

    Columns are folded into groups of `FOLD`. The k largest values lie in the k groups with the largest maxima (were one
    elsewhere, each of those groups would hold one at least as large), so that only these are looked into, and the groups
    are found in the same way. Reading the maxima is fast where selecting is not: about half the time of `topk` alone.
    """
    columns = chunk.shape[1]
    groups = columns // FOLD
    if groups < 2 * k:
        values, columns_of = chunk.topk(k, dim=1, sorted=in_order)
        return values, columns_of
    folded = chunk[:, : groups * FOLD].view(len(chunk), FOLD, groups)  # group g: columns g, g + groups, …
    _, chosen = largest(folded.amax(dim=1), k, in_order=False)  # (rows, k)
    firsts = torch.arange(0, groups * FOLD, groups, device=chunk.device)  # (FOLD,): the columns of group 0
    candidates = (chosen.unsqueeze(1) + firsts.unsqueeze(1)).flatten(1)  # (rows, FOLD·k) columns
    rest = torch.arange(groups * FOLD, columns, device=chunk.device)  # fewer than FOLD, in no group
    candidates = torch.cat([candidates, rest.expand(len(chunk), -1)], dim=1)
    values, place = chunk.gather(1, candidates).topk(k, dim=1, sorted=in_order)
    return values, candidates.gather(1, place)


def _select_tied(chunk: Tensor, edge: Tensor, k: int) -> Tensor:
    """All items above the edge score (rows, 1), filled up to `k` with the lowest indices at the edge score itself."""
    num_items = chunk.shape[1]
    falling = torch.arange(num_items, 0, -1, device=chunk.device, dtype=torch.int32)  # lower index, larger key
    key = torch.where(chunk > edge, falling + num_items, torch.where(chunk == edge, falling, 0))
    return key.topk(k, dim=1).indices
