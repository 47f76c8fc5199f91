"""The methods that can be trained, by name: a base model alone, or with one enhancer. Adding an enhancer is one line here."""

from __future__ import annotations

from dataclasses import dataclass

from models.enhancers import enhancer_spec


@dataclass(frozen=True)
class Method:
    """One way to train: the base model alone, or with one enhancer."""

    name: str
    variants: tuple[str, ...]
    """What a run makes unless told otherwise."""
    needs_text: bool
    code_version: str
    by_default: bool = True
    """Whether a run that names no methods makes it; a rival is made where it is asked for."""

    @property
    def reads_user_texts(self) -> bool:
        """True where user texts play a part; closed forms read those of items alone."""
        return self.needs_text and enhancer_spec(self.name).works_on == "embeddings"


def _rival(name: str) -> Method:
    """A published method that LMMRec is compared with, beside its own control."""
    return Method(name, ("full", "shuffled-text"), needs_text=True, code_version="1", by_default=False)


METHODS = {
    method.name: method
    for method in (
        Method("base", ("full",), needs_text=False, code_version="2"),
        _rival("uist"),
        _rival("once"),
        _rival("autograph"),
        _rival("rlmrec-con"),
        _rival("rlmrec-gen"),
        Method("lmmrec", ("full", "shuffled-text"), needs_text=True, code_version="1"),
        Method("text-prior", ("full", "shuffled-text"), needs_text=True, code_version="3"),
    )
}
"""Methods by name; the last of them that is there serves. A test holds the enhanced ones against `models.enhancers`."""


def checkpoint_of(method: str) -> str:
    """Name of the asset that holds a method's checkpoints (asset names know no dash)."""
    return f"{method.replace('-', '_')}_checkpoint"
