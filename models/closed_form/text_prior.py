"""EASE with a text prior: B is drawn toward what the texts say, instead of toward zero.

    min ||X - X B||^2 + ||B - c T||_L^2 with diag B = 0 and T = F W F'

Q = P L T gives B = B_0 + c (Q - P diag(diag Q / diag P)): linear in c, one fit serves all. W comes from `text_map`, which
learns in the units of X, so that c = 1 believes the texts as far as they explain X.
"""

from __future__ import annotations

import numpy as np

from models.closed_form.ease import EaseFit
from models.closed_form.text_part import TextPart


def text_prior(fit: EaseFit, texts: np.ndarray, text_map: np.ndarray, weight: float) -> TextPart:
    """The change from B_0 to B at c = `weight`: off the diagonal B_ij = B_0,ij (1 + c Q_jj) + c (P L F W)_i·F_j.

    `texts` is F, (items, d); `text_map` W, (d, d). Where X is weighted by user, so is the norm of the first summand.
    """
    pulled = fit.precision_times(fit.penalty[:, None] * (texts @ text_map))  # P L F W, (items, d)
    diagonal = np.einsum("ir,ir->i", pulled, texts)  # diag Q
    scale = 1.0 + weight * diagonal
    whole = np.ones(len(texts), dtype=np.float32)
    left = (weight * pulled).astype(np.float32)
    return TextPart(left, texts.astype(np.float32), scale.astype(np.float32), own=whole)
