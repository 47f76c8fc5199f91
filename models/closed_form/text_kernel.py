"""Collective EASE: texts as further rows under the interactions, so that items that read alike count as bought together.

P' = (G + w s F F' + L)^-1 is EASE on X with the rows sqrt(w s) F' appended: d users who "bought" items by what is written of
them (collective linear models; Dong et al. 2017 for SLIM). P' comes from P by Woodbury's identity; one eigenproblem of d x d
serves all weights w.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.closed_form.ease import EaseFit
from models.closed_form.text_part import TextPart


@dataclass(frozen=True)
class TextKernel:
    """P F in the basis in which F'P F is diagonal."""

    fit: EaseFit
    rotated: np.ndarray
    """P F E, (items, d) float64, with F'P F = E diag(eigenvalues) E'."""
    eigenvalues: np.ndarray
    """(d,) float64, at least 0."""
    basis: np.ndarray
    """E, (d, d) float64."""

    @classmethod
    def of(cls, fit: EaseFit, texts: np.ndarray) -> TextKernel:
        """`texts`: F, (items, d). 2 items^2 d multiplications, whatever the number of weights."""
        product = fit.precision_times(texts)  # P F
        inner = texts.T.astype(np.float64) @ product
        eigenvalues, basis = np.linalg.eigh((inner + inner.T) / 2.0)
        return cls(fit, product @ basis, np.maximum(eigenvalues, 0.0), basis)

    def part(self, weight: float) -> TextPart:
        """The change from B to B' at w = `weight` > 0.

        P' = P - U U' with U = P F E (1 / (w s) + eigenvalues)^-1/2, hence off the diagonal
        B'_ij = -P'_ij / P'_jj = B_ij (P_jj / P'_jj) + U_i·U_j / P'_jj. Of U_j = sum_k P_jk F_k E (…)^-1/2 the item's own
        text is the summand with P_jj; the others come through items that are bought, or not bought, together with it.
        """
        spread = np.sqrt(1.0 / (weight * self.fit.unit) + self.eigenvalues)
        update = self.rotated / spread  # U
        variances = self.fit.variances - np.einsum("ir,ir->i", update, update)  # diag P'
        right = update / variances[:, None]
        scale = (self.fit.variances / variances).astype(np.float32)
        reader = (self.basis / spread).astype(np.float32)
        return TextPart(update.astype(np.float32), right.astype(np.float32), scale, own=scale, reader=reader)
