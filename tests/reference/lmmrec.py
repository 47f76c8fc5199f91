"""Slow twins of LMMRec's equations (3) and (5)-(9): one row, one prototype, one pair at a time."""

from __future__ import annotations

import math

import numpy as np


def text_tower(text: np.ndarray, w1: np.ndarray, b1: np.ndarray, w2: np.ndarray, b2: np.ndarray) -> np.ndarray:
    """Eq. (3) for one text vector."""
    hidden = w1 @ text + b1
    hidden = np.array([value if value > 0 else 0.01 * value for value in hidden])
    return np.asarray(w2 @ hidden + b2)


def softmax(values: np.ndarray) -> np.ndarray:
    exponentials = np.array([math.exp(value - max(values)) for value in values])
    return exponentials / exponentials.sum()


def assignment(row: np.ndarray, prototypes: np.ndarray, temperature: float) -> np.ndarray:
    """Eq. (5) for one row."""
    return softmax(np.array([row @ z / temperature for z in prototypes]))


def interaction_motivation(rows_by_layer: list[np.ndarray], prototypes: np.ndarray, temperature: float) -> np.ndarray:
    """Eq. (6) for one entity, then the mean over layers."""
    by_layer = []
    for row in rows_by_layer:
        weights = assignment(row, prototypes, temperature)
        by_layer.append(sum(weight * z for weight, z in zip(weights, prototypes, strict=True)))
    return np.asarray(sum(by_layer) / len(by_layer))


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / (math.sqrt(a @ a) * math.sqrt(b @ b)))


def motivation_contrast(interaction: np.ndarray, text: np.ndarray, temperature: float) -> float:
    """Eq. (7) of one role."""
    total = 0.0
    for m in range(len(interaction)):
        all_of_them = [math.exp(cosine(interaction[m], text[other]) / temperature) for other in range(len(text))]
        total -= math.log(all_of_them[m] / sum(all_of_them))
    return total / len(interaction)


def contrast_against_all(interaction: np.ndarray, texts: np.ndarray, positions: list[int], temperature: float) -> float:
    """Eq. (7) with every text of the side in the denominator; row m belongs to text `positions[m]`."""
    total = 0.0
    for m, own in enumerate(positions):
        all_of_them = [math.exp(cosine(interaction[m], text) / temperature) for text in texts]
        total -= math.log(all_of_them[own] / sum(all_of_them))
    return total / len(positions)


def divergence(p: np.ndarray, q: np.ndarray) -> float:
    """KL(p ‖ q) of two distributions."""
    return float(sum(a * math.log(a / b) for a, b in zip(p, q, strict=True) if a > 0.0))


def correspondence(
    text: np.ndarray,
    interaction: np.ndarray,
    teacher_text: np.ndarray,
    teacher_interaction: np.ndarray,
    temperature: float,
    teacher_share: float = 1.0,
) -> float:
    """Eq. (9) of one role; the target is teacher_share·teacher + (1 - teacher_share)·identity."""
    n = len(text)
    student = np.array([[cosine(text[a], interaction[b]) / temperature for b in range(n)] for a in range(n)])
    teacher = np.array(
        [[cosine(teacher_text[a], teacher_interaction[b]) / temperature for b in range(n)] for a in range(n)]
    )
    total = 0.0
    for row in range(n):
        own = np.eye(n)[row]
        for target, found in ((teacher[:, row], student[:, row]), (teacher[row], student[row])):
            total += 0.5 * divergence(teacher_share * softmax(target) + (1 - teacher_share) * own, softmax(found))
    return total / n
