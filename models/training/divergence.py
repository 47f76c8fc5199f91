"""When training is broken: a tensor that is not finite any more, or a loss that explodes. Looked for once per epoch.

What is done about it belongs to `fit`: it stops, and the state on disk stays that of the last good epoch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from torch import Tensor

from models.errors import LmmrecError

EXPLOSION_FACTOR = 1000.0
"""A loss term may rise to this many times its first value; first values below 1 count as 1, since terms such as
lambda_Theta·‖Θ‖² and an alignment in its warm-up start near 0 and rise by large factors in good health."""
REMEDY = "lower learning_rate, or raise the temperatures"


class DivergedError(LmmrecError):
    """Training cannot go on from here."""


def refuse_non_finite(epoch: int, tensors: Iterable[tuple[str, Tensor]], losses: Mapping[str, float]) -> None:
    """Raises `DivergedError` with the name of the first broken tensor: it says where, a loss only says that."""
    broken = [name for name, tensor in tensors if not is_finite(tensor)]
    broken += [name for name, value in losses.items() if not math.isfinite(value)]
    if broken:
        raise DivergedError(f"training stopped in epoch {epoch}: {broken[0]!r} is not finite any more; {REMEDY}")


def refuse_explosion(
    epoch: int, losses: Mapping[str, float], first: Mapping[str, float], parameters: Iterable[tuple[str, Tensor]]
) -> None:
    """Raises `DivergedError` where a term left its bound; names the term and the tensor with the largest entry.

    `first` holds each term's value in the step in which it first appeared.
    """
    for name, value in losses.items():
        if value > EXPLOSION_FACTOR * max(1.0, first.get(name, value)):
            largest, tensor = max(
                ((float(tensor.detach().abs().max()), name) for name, tensor in parameters if tensor.numel()),
                default=(0.0, "none"),
            )
            raise DivergedError(
                f"training stopped in epoch {epoch}: loss {name!r} exploded from {first[name]:.4g} to {value:.4g}, "
                f"with entries up to {largest:.4g} in {tensor!r}; {REMEDY}"
            )


def is_finite(tensor: Tensor) -> bool:
    """Whether every entry is finite. One sum decides nearly always; entries are looked at where it overflows."""
    if not tensor.is_floating_point():
        return True
    tensor = tensor.detach()
    return bool(tensor.sum().isfinite()) or bool(tensor.isfinite().all())
