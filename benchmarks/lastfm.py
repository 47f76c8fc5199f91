"""The public Last.fm split as the scripts read it: carve-outs of train, and views of the item texts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from benchmarks.lmmrec_lastfm import texts
from models.closed_form.text_part import centred
from models.graph import binary_csr
from models.language.encoders import EncoderConfig, load_encoder

VALIDATION_SHARE = 1 / 8
"""Of train, in a carve-out."""


@dataclass(frozen=True)
class Matrices:
    """(users, items) binary each."""

    train: sp.csr_matrix
    test: sp.csr_matrix

    @classmethod
    def read(cls, folder: Path) -> Matrices:
        return cls(*(binary_csr(sp.load_npz(folder / f"{name}_mat.npz").tocsr()) for name in ("train", "test")))

    def carved(self, seed: int) -> tuple[sp.csr_matrix, sp.csr_matrix]:
        """(train, validation) out of train."""
        inner, held_out = carve(self.train, VALIDATION_SHARE, seed)
        return binary_csr(inner), binary_csr(held_out)


def carve(train: sp.csr_matrix, share: float, seed: int) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """(train, validation): each pair is held out with probability `share`; users and items left without any get theirs back.

    Holding out a fixed pair of every item instead would keep rare items out of validation, though they are in test.
    """
    pairs = train.tocoo()
    held = np.random.default_rng(seed).random(pairs.nnz) < share
    for rows, count in ((pairs.row, train.shape[0]), (pairs.col, train.shape[1])):
        held &= np.bincount(rows[~held], minlength=count)[rows] > 0
    parts = [
        sp.csr_matrix((pairs.data[rows], (pairs.row[rows], pairs.col[rows])), train.shape) for rows in (~held, held)
    ]
    return parts[0], parts[1]


def vectors(folder: Path, num_items: int, threads: int) -> dict[str, np.ndarray]:
    """The item texts by view, centred, and the two controls of `both`."""
    lines = texts(folder / "item_profile.jsonl.gz", "iid", num_items)
    mini, lsa = (load_encoder(EncoderConfig(name=name, threads=threads)).encode(lines) for name in ("minilm", "lsa"))
    both = centred(mini, lsa)
    rng = np.random.default_rng(2023)
    return {
        "mini": centred(mini),
        "lsa": centred(lsa),
        "both": both,
        "shuffled": both[rng.permutation(num_items)],
        "random": centred(rng.standard_normal(both.shape)),
    }
