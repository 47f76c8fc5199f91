"""What texts are worth at which density: gains over the text-free base as train is thinned, real texts beside shuffled ones.

Each pair of train has one number drawn for it and stays while that is below the share, so that a thinner train part lies
within the fuller ones; one pair of every user stays. Pairs that are hidden are neither candidates nor answers. At each density
the base model is tuned anew and then the texts on top of it, both on validation, by the rules of `search`; gains are on test,
paired over users.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from models.bases import BaseConfig, base_spec
from models.bases.closed_form import ClosedFormBase
from models.closed_form.text_part import TextPart
from models.closed_form.views import ItemTexts
from models.enhancers import TextPriorConfig
from models.graph import binary_csr
from models.progress import track
from models.ranking.offhand import ScoredBy, rank_quietly
from models.ranking.significance import Comparison, compare
from models.training.search import TrialLog, sampled_rows, texts_beside, tuned

K = 20
SIGNIFICANCE = 0.01
"""Paired p below which validation takes texts, and below which they pay on test."""
MONITOR = f"recall_{K}"


@dataclass(frozen=True)
class Density:
    """One share of train, measured on test."""

    share: float
    pairs_per_user: float
    base: dict[str, float]
    """Mean Recall@20 and NDCG@20 of the text-free base."""
    popularity: float
    """Recall@20 of what is popular in the thinned part: a base below it is no base to gain over."""
    gains: dict[str, dict[str, Comparison]]
    """By kind of texts and metric: against that base."""
    forms: dict[str, str]
    """By kind of texts: the form that validation chose, `none` where it chose none."""

    def pays(self, kind: str, control: str) -> bool:
        """Gain beyond chance and above that of the control, over a base that is no worse than what is popular."""
        if self.base[MONITOR] < self.popularity:
            return False
        gain, other = self.gains[kind][MONITOR], self.gains[control][MONITOR]
        return gain.t_p < SIGNIFICANCE and gain.mean_difference > max(0.0, other.mean_difference)


def thinned(train: sp.csr_matrix, share: float, seed: int) -> sp.csr_matrix:
    """(users, items): about `share` of the pairs, and at least one of each user who has any; all at share 1.

    With the same seed, what a smaller share keeps a larger one keeps, too.
    """
    train = binary_csr(train)
    drawn = np.random.default_rng([seed, 0x7417]).random(train.nnz)
    owner = np.repeat(np.arange(train.shape[0]), np.diff(train.indptr))
    least = np.full(train.shape[0], np.inf)
    np.minimum.at(least, owner, drawn)
    kept = (drawn < share) | (drawn == least[owner])
    return binary_csr(sp.csr_matrix((train.data[kept], (owner[kept], train.indices[kept])), train.shape))


def measure_densities(
    train: sp.csr_matrix,
    validation: sp.csr_matrix,
    test: sp.csr_matrix,
    texts: Mapping[str, np.ndarray],
    base: BaseConfig,
    shares: Sequence[float],
    seed: int,
    significance: float = SIGNIFICANCE,
) -> Iterator[Density]:
    """One after the other, in the order of `shares`.

    Args:
        train, validation, test: (users, items) binary and disjoint; validation and test stay whole.
        texts: F by kind, (items, d) float32, centred.
        base: a base model in closed form; what it leaves open is tried.
        seed: of the thinning, and of the users who decide where there are many.
        significance: p below which validation takes texts; at 1 it takes the best setting that is ahead, by chance or not.
    """
    for share in shares:
        thin = thinned(train, share, seed)
        yield _measured(binary_csr(train), thin, validation, test, texts, base, share, seed, significance)


def _measured(
    train: sp.csr_matrix,
    thin: sp.csr_matrix,
    validation: sp.csr_matrix,
    test: sp.csr_matrix,
    texts: Mapping[str, np.ndarray],
    base: BaseConfig,
    share: float,
    seed: int,
    significance: float,
) -> Density:
    model, enhancer = base_spec(base.name).formula(), TextPriorConfig(significance=significance)
    log = TrialLog(MONITOR, train=train, validation=sampled_rows(validation, seed))
    with track(f"{base.name} at {share:.0%} of train", total=len(model.grid(base, thin)), unit="trials") as step:
        fitted = tuned(model, base, thin, log, step)
        start, gains, forms = log.chosen, dict[str, dict[str, Comparison]](), dict[str, str]()
        plain = ScoredBy(lambda users: fitted.history_scores(thin[users]))
        alone = rank_quietly(plain, train, test, K)
        for kind, vectors in texts.items():
            log.chosen = start
            reading, part, chosen = texts_beside(fitted, base, enhancer, ItemTexts.centred(vectors), log, step)
            assert chosen is not None
            forms[kind] = chosen.form
            found = alone if part is None else rank_quietly(_with_texts(reading, part, thin), train, test, K)
            gains[kind] = {
                metric: compare(found.per_user["rlmrec"][metric], alone.per_user["rlmrec"][metric])
                for metric in (MONITOR, f"ndcg_{K}")
            }
    means = alone.means("rlmrec")
    counts = np.bincount(thin.indices, minlength=thin.shape[1]).astype(np.float32)
    popular = rank_quietly(ScoredBy(lambda users: np.repeat(counts[None, :], len(users), axis=0)), train, test, K)
    per_user = thin.nnz / max(1, int((np.diff(thin.indptr) > 0).sum()))
    return Density(
        share,
        per_user,
        {name: means[name] for name in (MONITOR, f"ndcg_{K}")},
        popular.means("rlmrec")[MONITOR],
        gains,
        forms,
    )


def _with_texts(model: ClosedFormBase, part: TextPart, thin: sp.csr_matrix) -> ScoredBy:
    return ScoredBy(lambda users: part.added_to(model.history_scores(thin[users]), thin[users]))
