"""The graph filter of PolyCF's signal form: a user's history is a signal on the items, and the filter answers with scores.

    H = sum_gamma sum_{k=1..K} theta_{gamma,k} P_gamma^k + D_I^-1/2 V diag(omega) V^T D_I^1/2
    P_gamma = R_gamma^T R_gamma / sigma_max(R_gamma)^2,  R_gamma = D_U^-gamma R D_I^-(1-gamma)

Qin et al., arXiv 2401.12590, as we reconstruct it (docs/polycf.md). No (items, items) matrix is ever made: one power is two
sparse products. Nested ideal low passes of ranks r with weights omega_r collapse to one weight per singular vector, omega_j =
sum over r > j of omega_r. How theta and omega are found belongs to `signal_fit`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from models.graph import sparse_csr
from models.spectrum import largest_singular_value, leading_singular_vectors, normalised

CHUNK = 256
"""Signals that go through the filter together; the sparse products are fastest at about this width."""


@dataclass(frozen=True)
class SignalFilter:
    """H and the histories it answers to, as the tensors that a checkpoint holds."""

    user_starts: Tensor
    """(users + 1,) int32: where each user's history begins in `history`."""
    history: Tensor
    """(pairs,) int32 items."""
    item_starts: Tensor
    """(items + 1,) int32: where each item's audience begins in `audience`."""
    audience: Tensor
    """(pairs,) int32 users: the same pairs by item."""
    gammas: Tensor
    """(G,) float32."""
    sigmas: Tensor
    """(G,) float32, sigma_max(R_gamma)."""
    theta: Tensor
    """(G, K) float32; column k - 1 weighs P^k."""
    omega: Tensor
    """(r,) float32, weight of each singular vector; all the same where there is one ideal low pass."""
    vectors: Tensor
    """V, (items, r) float32: the first right singular vectors of R_1/2, that of the largest value first."""

    @classmethod
    def of(cls, train: sp.csr_matrix, gammas: Sequence[float], rank: int) -> SignalFilter:
        """The filter of a binary matrix in canonical form, on the CPU; theta (G, 0) and omega are still to be set."""
        by_item = train.T.tocsr()
        by_item.sort_indices()
        vectors = leading_singular_vectors(normalised(train, 0.5), rank)[1].astype(np.float32)
        return cls(
            user_starts=_int32(train.indptr),
            history=_int32(train.indices),
            item_starts=_int32(by_item.indptr),
            audience=_int32(by_item.indices),
            gammas=torch.tensor(gammas, dtype=torch.float32),
            sigmas=torch.tensor([largest_singular_value(train, gamma) for gamma in gammas], dtype=torch.float32),
            theta=torch.zeros(len(gammas), 0),
            omega=torch.zeros(vectors.shape[1]),
            vectors=torch.from_numpy(vectors),
        )

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> SignalFilter:
        return cls(**{field.name: tensors[field.name] for field in fields(cls)})

    @staticmethod
    def shapes(num_users: int, num_items: int, num_gammas: int, degree: int) -> dict[str, tuple[int | None, ...]]:
        """The shape of each tensor; None is any length."""
        return {
            "user_starts": (num_users + 1,),
            "history": (None,),
            "item_starts": (num_items + 1,),
            "audience": (None,),
            "gammas": (num_gammas,),
            "sigmas": (num_gammas,),
            "theta": (num_gammas, degree),
            "omega": (None,),
            "vectors": (num_items, None),
        }

    def tensors(self) -> dict[str, Tensor]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def to(self, device: torch.device | str) -> SignalFilter:
        return SignalFilter(**{name: tensor.to(device) for name, tensor in self.tensors().items()})

    def weighted(self, theta: Tensor, ranks: Sequence[int], omega: Tensor) -> SignalFilter:
        """The same filter with these coefficients; `omega` (ranks,) weighs the nested ideal low passes."""
        vectors = torch.arange(self.vectors.shape[1], device=self.vectors.device).unsqueeze(1)
        inside = vectors < torch.tensor(ranks, device=vectors.device)
        return replace(self, theta=theta.to(self.theta), omega=(inside * omega.to(self.omega)).sum(dim=1))

    def divided(self, by: Tensor) -> SignalFilter:
        """The filter H / by."""
        return replace(self, theta=self.theta / by, omega=self.omega / by)

    @property
    def num_users(self) -> int:
        return len(self.user_starts) - 1

    @property
    def num_items(self) -> int:
        return len(self.item_starts) - 1

    def signals(self, user_idx: Tensor) -> Tensor:
        """(items, batch) float32: column b is r_u of the b-th user, 1 at the items of her history."""
        starts = self.user_starts.index_select(0, user_idx).long()
        counts = self.user_starts.index_select(0, user_idx + 1).long() - starts
        columns = torch.repeat_interleave(torch.arange(len(user_idx), device=user_idx.device), counts)
        first = torch.repeat_interleave(starts - counts.cumsum(0) + counts, counts)
        items = self.history.index_select(0, first + torch.arange(len(columns), device=user_idx.device)).long()
        signals = torch.zeros(self.num_items, len(user_idx), device=user_idx.device)
        signals[items, columns] = 1.0
        return signals

    def operators(self) -> list[tuple[Tensor, Tensor]]:
        """Per gamma the sparse (users, items) matrix R_gamma / sigma_max and its transpose, float32 CSR."""
        user_degree, item_degree = (starts.diff().clamp(min=1) for starts in (self.user_starts, self.item_starts))
        by_user, by_item = (
            torch.repeat_interleave(torch.arange(len(starts) - 1, device=starts.device), starts.diff())
            for starts in (self.user_starts, self.item_starts)
        )
        found = []
        for gamma, sigma in zip(self.gammas, self.sigmas, strict=True):
            of_user, of_item = user_degree.float() ** -gamma / sigma, item_degree.float() ** (gamma - 1.0)
            forward = of_user[by_user] * of_item[self.history]
            backward = of_item[by_item] * of_user[self.audience]
            found.append(
                (
                    sparse_csr(self.user_starts, self.history, forward, (self.num_users, self.num_items)),
                    sparse_csr(self.item_starts, self.audience, backward, (self.num_items, self.num_users)),
                )
            )
        return found

    def respond(self, signals: Tensor) -> Tensor:
        """(items, batch) signals r^T -> (items, batch) scores (r H)^T, by Horner's rule in 2 K products per gamma."""
        root = self.item_degrees().sqrt().unsqueeze(1)
        answer = (root * self.vectors * self.omega) @ ((self.vectors / root).T @ signals)
        depth = self.theta.shape[1]
        for (forward, backward), weights in zip(self.operators(), self.theta, strict=True):
            partial = weights[depth - 1] * signals
            for k in range(depth - 1, -1, -1):
                powered = backward @ (forward @ partial)
                partial = powered.add_(weights[k - 1] * signals) if k else powered
            answer += partial
        return answer

    def item_degrees(self) -> Tensor:
        """(items,) float32, at least 1."""
        return self.item_starts.diff().clamp(min=1).float()

    def basis(self, signals: Tensor, degree: int, ranks: Sequence[int]) -> Iterator[Tensor]:
        """What H is a weighted sum of, each (items, batch): P_gamma^k by gamma, then k = 1 … degree; then by rank the low
        passes D_I^1/2 V_r V_r^T D_I^-1/2."""
        for forward, backward in self.operators():
            powered = signals
            for _ in range(degree):
                powered = backward @ (forward @ powered)
                yield powered
        root = self.item_degrees().sqrt().unsqueeze(1)
        smooth, first = torch.zeros_like(signals), 0
        for rank in ranks:
            band = self.vectors[:, first:rank]
            smooth, first = smooth + (root * band) @ ((band / root).T @ signals), rank
            yield smooth

    def diagonal(self) -> Tensor:
        """diag(H), (items,) float32: what an item of a user's own history adds to its own score.

        P is symmetric, so that (P^k)_ii is the squared length of the k-th of R e_i, R^T R e_i, R R^T R e_i, …: K products.
        """
        answer = self.vectors.square() @ self.omega
        operators = self.operators()
        for rows in torch.split(torch.arange(self.num_items, device=self.history.device), CHUNK):
            unit = torch.zeros(self.num_items, len(rows), device=rows.device)
            unit[rows, torch.arange(len(rows), device=rows.device)] = 1.0
            for both, weights in zip(operators, self.theta, strict=True):
                image = unit
                for k, weight in enumerate(weights):
                    image = both[k % 2] @ image
                    answer[rows] += weight * image.square().sum(dim=0)
        return answer

    def score(self, user_idx: Tensor) -> Tensor:
        """(batch,) int64 users -> (batch, items) float32 scores r_u H."""
        if len(user_idx) == 0:
            return torch.zeros(0, self.num_items, device=self.history.device)
        return torch.cat([self.respond(self.signals(part)).T for part in torch.split(user_idx, CHUNK)])

    def scores_of(self, user_idx: np.ndarray, item_idx: np.ndarray) -> Tensor:
        """(pairs,) float32 scores of single pairs, users ascending."""
        distinct, first = np.unique(user_idx, return_index=True)
        ends = np.append(first, len(user_idx))
        found = []
        for start in range(0, len(distinct), CHUNK):
            chosen = distinct[start : start + CHUNK]
            rows = slice(ends[start], ends[start + len(chosen)])
            answer = self.respond(self.signals(torch.from_numpy(chosen).long().to(self.history.device)))
            columns = torch.from_numpy(np.searchsorted(chosen, user_idx[rows])).to(answer.device)
            found.append(answer[torch.from_numpy(item_idx[rows]).long().to(answer.device), columns])
        return torch.cat([torch.zeros(0, device=self.history.device), *found])


def _int32(array: np.ndarray) -> Tensor:
    return torch.from_numpy(array.astype(np.int32))
