"""What each part of the loss does to the embeddings, measured on one batch that stays the same through training.

Recorded beside the losses at every look at validation. Nothing in here changes a weight or a generator of the training.
"""

from __future__ import annotations

import torch

from models.training.streams import numpy_stream
from models.training.trainer import Trainer

PREFIX = "diagnostic_"
"""Of every name in the history that is neither a loss term nor a metric."""


def diagnose(trainer: Trainer, epochs_done: float) -> dict[str, float]:
    """`diagnostic_gradient_<term>`, each term's share of the gradient on the ID table, and what the enhancer has to tell.

    The share of a term is the Frobenius norm of its weighted gradient over the sum of these norms, on the whole graph. A
    base without gradient steps has none.
    """
    if not trainer.base.learns_by_steps:
        return {}
    stream = numpy_stream(trainer.seed, "diagnostics")
    batch = trainer.sampler.probe(stream, trainer.device)
    step = trainer.step(batch, epochs_done, trainer.graph.full, stream)
    norms = {}
    for name, term in trainer.terms(step).items():
        (gradient,) = torch.autograd.grad(term.value, trainer.base.table, retain_graph=True, allow_unused=True)
        norms[name] = 0.0 if gradient is None else term.weight * float(gradient.norm())
    total = sum(norms.values()) or 1.0
    with torch.no_grad():
        told = trainer.enhancer.diagnostics(step)
    found = {f"gradient_{name}": norm / total for name, norm in norms.items()} | told
    return {f"{PREFIX}{name}": value for name, value in found.items()}
