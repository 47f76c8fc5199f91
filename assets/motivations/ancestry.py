"""Do prompts and motivations come from what the lake holds now? Their records tell: which inputs, which files.

The leak rule of `lineage.py` compares a prompt's pairs with the split; it means nothing where the prompts were made from an
older split, where item summaries that users' prompts show were written about one, or where a file was edited afterwards.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from assets.expectations import Finding
from assets.graph import recipes
from assets.lake import Address, Lake

CHAIN = ("item_prompts", "item_motivations", "user_prompts", "user_motivations")
"""Each is made from the one before it, and from the split or what follows from it."""


def ancestry_findings(lake: Lake, dataset: str, assets: Sequence[str] = CHAIN) -> dict[str, list[Finding]]:
    """Two findings for each asset: its files are those that were written, and were made from what is there now.

    Args:
        lake: holds them.
        dataset: whose.
        assets: which links of `CHAIN`; whoever asks about a link asks about those before it, too.
    """
    return {
        asset: [_untouched(lake, Address(asset, dataset)), _up_to_date(lake, Address(asset, dataset))]
        for asset in assets
    }


def up_to(asset: str) -> tuple[str, ...]:
    """The links of the chain up to and with `asset`."""
    return CHAIN[: CHAIN.index(asset) + 1]


def _untouched(lake: Lake, address: Address) -> Finding:
    """Hashes of the files against the record; a change that keeps the size is found as well."""
    record = lake.record(address)
    if record is None:
        return _finding("files are as they were written", address, ["record"])
    folder = lake.path(address)
    changed = []
    for name, entry in record.files.items():
        with (folder / name).open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != entry.sha256:
                changed.append(name)
    return _finding("files are as they were written", address, changed)


def _up_to_date(lake: Lake, address: Address) -> Finding:
    """Digests of the inputs when this was made against those of now."""
    record = lake.record(address)
    made_from = record.inputs if record else {}
    sources = recipes()[address.asset].inputs(lake, address)
    changed = [source.asset for source in sources if lake.digest(source) != made_from.get(str(source), "")]
    return _finding("made from the split and the texts of now", address, changed)


def _finding(rule: str, address: Address, changed: Sequence[str]) -> Finding:
    observed = f"changed since: {', '.join(changed)}" if changed else "nothing changed since"
    return Finding(f"{address.asset}: {rule}", "", not changed, observed)
