"""Who buys what in the demo shop: latent motives, choices and ratings, as written down in docs/demo.md.

Only numbers live here; the words are made in `demo_words.py` and the files in `demo.py`. The constants were fixed together
with docs/demo.md before any method was run on the data: change them only there and here together, never to favour a method.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assets.datasets.formats.demo_words import Vocabulary

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NUM_USERS = 1_000
NUM_ITEMS = 800

MOTIVES_PER_USER = {1: 0.25, 2: 0.50, 3: 0.25}
MOTIVES_PER_ITEM = {1: 0.20, 2: 0.35, 3: 0.30, 4: 0.15}
USER_CONCENTRATION = 2.0
"""Dirichlet concentration of a user's motive weights: a strong motive and weaker ones, rarely equal ones."""
NATURAL_SHARE = 0.75
"""Share of an item's motives that come from the natural motives of its kind; the rest from all others."""
SERVED_STRENGTH = (0.5, 1.0)
FLAW_PROB = 0.20
FLAW_STRENGTH = (-0.8, -0.4)

MATCH_WEIGHT = 5.0
POPULARITY_WEIGHT = 1.0
DEPARTMENT_WEIGHT = 1.2
STYLE_WEIGHT = 0.6
STYLE_DIM = 4
FAVOURITE_DEPARTMENTS = 2

FEWEST_CHOICES, MOST_CHOICES = 6, 120
CHOICES_LOG_MEAN, CHOICES_LOG_SD = 2.0, 1.1

RATING_BASE, RATING_MATCH, RATING_QUALITY, RATING_NOISE = 2.8, 2.5, 0.6, 0.7

FIRST_DAY_SPAN = 540.0
"""Days over which users make their first purchase."""
MEAN_GAP_DAYS = 5.0


@dataclass(frozen=True)
class Shop:
    """The planted truth and what came of it. N users, M items, K motives, E purchases."""

    motives: tuple[str, ...]
    """Names of the K motives."""
    user_motives: Floats
    """(N, K), rows sum to 1; theta in docs/demo.md."""
    item_motives: Floats
    """(M, K): above 0 where the item serves the motive, below 0 where it has a flaw; s in docs/demo.md."""
    item_kinds: tuple[str, ...]
    """Kind of product of each item."""
    utility: Floats
    """(N, M): the systematic part of the utility, without the choice noise."""
    popularity: Floats
    """(M,)"""
    user_of: Ints
    """(E,), users in order."""
    item_of: Ints
    """(E,), in order of purchase within a user."""
    ratings: Ints
    """(E,), 1 to 5."""
    days: Floats
    """(E,), days since the shop opened."""


def open_shop(vocabulary: Vocabulary, rng: np.random.Generator) -> Shop:
    """Draw people, products, choices and ratings."""
    motives = tuple(vocabulary.motives)
    user_motives = _user_motives(len(motives), rng)
    kinds = tuple(
        np.asarray(list(vocabulary.natural_motives))[rng.integers(len(vocabulary.natural_motives), size=NUM_ITEMS)]
    )
    item_motives = _item_motives(kinds, vocabulary, rng)
    popularity = rng.normal(size=NUM_ITEMS)
    match = user_motives @ item_motives.T
    utility = (
        MATCH_WEIGHT * match
        + POPULARITY_WEIGHT * popularity
        + DEPARTMENT_WEIGHT * _likes_department(kinds, vocabulary, rng)
        + STYLE_WEIGHT * _style(rng)
    )
    user_of, item_of = _choices(utility, rng)
    quality = rng.normal(size=NUM_ITEMS)
    satisfaction = (
        RATING_BASE
        + RATING_MATCH * match[user_of, item_of]
        + RATING_QUALITY * quality[item_of]
        + RATING_NOISE * rng.normal(size=len(user_of))
    )
    return Shop(
        motives=motives,
        user_motives=user_motives,
        item_motives=item_motives,
        item_kinds=tuple(str(kind) for kind in kinds),
        utility=utility,
        popularity=popularity,
        user_of=user_of,
        item_of=item_of,
        ratings=np.clip(np.rint(satisfaction), 1, 5).astype(np.int64),
        days=_days(user_of, rng),
    )


def _user_motives(num_motives: int, rng: np.random.Generator) -> Floats:
    """(N, K): one to three motives per user with Dirichlet weights; some motives are held by more people than others."""
    prevalence = rng.permutation((np.arange(num_motives) + 2.0) ** -0.5)
    prevalence /= prevalence.sum()
    weights = np.zeros((NUM_USERS, num_motives))
    for row in weights:
        held = rng.choice(num_motives, size=_draw(MOTIVES_PER_USER, rng), replace=False, p=prevalence)
        row[held] = rng.dirichlet(np.full(len(held), USER_CONCENTRATION))
    return weights


def _item_motives(kinds: tuple[str, ...], vocabulary: Vocabulary, rng: np.random.Generator) -> Floats:
    """(M, K): one to four served motives, mostly natural ones of the kind; one item in five fails one other motive."""
    motives = list(vocabulary.motives)
    serves = np.zeros((len(kinds), len(motives)))
    for row, kind in zip(serves, kinds, strict=True):
        natural = np.isin(motives, vocabulary.natural_motives[kind])
        chance = np.where(natural, NATURAL_SHARE / natural.sum(), (1 - NATURAL_SHARE) / (~natural).sum())
        served = rng.choice(len(motives), size=_draw(MOTIVES_PER_ITEM, rng), replace=False, p=chance)
        row[served] = rng.uniform(*SERVED_STRENGTH, size=len(served))
        if rng.random() < FLAW_PROB:
            row[rng.choice(np.flatnonzero(row == 0))] = rng.uniform(*FLAW_STRENGTH)
    return serves


def _likes_department(kinds: tuple[str, ...], vocabulary: Vocabulary, rng: np.random.Generator) -> Floats:
    """(N, M) of 0 and 1: the item stands in one of the user's favourite departments."""
    departments = list(vocabulary.departments)
    of_item = np.array([departments.index(vocabulary.department_of(kind)) for kind in kinds])
    favourites = np.argsort(rng.random((NUM_USERS, len(departments))), axis=1)[:, :FAVOURITE_DEPARTMENTS]
    likes: Floats = (favourites[:, :, None] == of_item).any(axis=1).astype(np.float64)
    return likes


def _style(rng: np.random.Generator) -> Floats:
    """(N, M), unit variance: taste that nobody puts into words."""
    users, items = rng.normal(size=(NUM_USERS, STYLE_DIM)), rng.normal(size=(NUM_ITEMS, STYLE_DIM))
    taste: Floats = users @ items.T / np.sqrt(STYLE_DIM)
    return taste


def _choices(utility: Floats, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Each user's purchases in order: repeated softmax choice without replacement, by the Gumbel top-k trick."""
    size = FEWEST_CHOICES + np.floor(rng.lognormal(CHOICES_LOG_MEAN, CHOICES_LOG_SD, size=NUM_USERS))
    num_choices = np.minimum(size, MOST_CHOICES).astype(np.int64)
    order = np.argsort(-(utility + rng.gumbel(size=utility.shape)), axis=1, kind="stable")
    user_of = np.repeat(np.arange(NUM_USERS), num_choices)
    item_of = np.concatenate([row[:count] for row, count in zip(order, num_choices, strict=True)])
    return user_of, item_of


def _days(user_of: Ints, rng: np.random.Generator) -> Floats:
    """Day of each purchase: a first day per user, then exponential gaps."""
    gaps = rng.exponential(MEAN_GAP_DAYS, size=len(user_of))
    first = np.flatnonzero(np.diff(user_of, prepend=-1))
    gaps[first] = rng.uniform(0, FIRST_DAY_SPAN, size=len(first))
    total = np.cumsum(gaps)
    before = np.repeat(total[first] - gaps[first], np.diff(np.append(first, len(user_of))))
    days: Floats = total - before
    return days


def _draw(shares: dict[int, float], rng: np.random.Generator) -> int:
    return int(rng.choice(list(shares), p=list(shares.values())))
