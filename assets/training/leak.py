"""The asset `user_text_leak`: were the user texts written from train alone, as far as the numbers can tell?

Texts written here are made of train pairs, as the prompts' lineage proves; they are suspect where validation still looks too
good beyond chance, and then something is broken: the check blocks. Ready texts come without lineage: they are suspect until no
reading of them is above the limit. Methods that are tuned or stopped by validation and read user texts are refused where they
are suspect, all others go on. How it is measured is `models.training.user_text_leak`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.expectations import Finding
from assets.lake import Address, Lake
from assets.motivations.tables import SHOWN
from assets.tables import connect, read_matrix
from assets.training.data import load_data
from assets.training.methods import METHODS
from models.errors import LmmrecError

if TYPE_CHECKING:
    from models.training.user_text_leak import Leak

ASSET = "user_text_leak"
VERDICT = "leak.json"
READERS = tuple(method.name for method in METHODS.values() if method.reads_user_texts)
"""Methods that are trained or stopped by a validation part with user texts beside it."""
RULE = "text alone ranks validation pairs no better than test pairs"
_DIGITS = 6


def write_leak(inputs: Mapping[str, Path], folder: Path) -> dict[str, Any]:
    """Write `leak.json` and return figures.

    Args:
        inputs: folders of `split`, `text_embeddings`, `user_prompts` (which pairs were shown) and `validated_motivations`
            (who wrote).
        folder: where the file goes.
    """
    from models.training.user_text_leak import measure_leak

    split = inputs["split"]
    data = load_data(split, inputs["text_embeddings"])
    assert data.user_texts is not None
    assert data.item_texts is not None
    found = measure_leak(data.train, data.validation, read_matrix(split, "test"), data.user_texts, data.item_texts)
    texts, ready = _texts(inputs["validated_motivations"])
    suspect, said = judged(found, ready)
    verdict = {
        "suspect": suspect,
        "said": said,
        "user_texts": texts,
        "ready_texts": ready,
        **_shown(inputs["user_prompts"]),
        "readings": [
            {name: round(value, _DIGITS) if isinstance(value, float) else value for name, value in asdict(one).items()}
            for one in found.readings
        ],
    }
    (folder / VERDICT).write_text(json.dumps(verdict, indent=1) + "\n", encoding="utf-8")
    return verdict


def judged(found: Leak, ready: int) -> tuple[bool, str]:
    """Whether the texts are suspect, and what was seen.

    Args:
        ready: how many of the texts came ready.
    """
    from models.training.user_text_leak import LIMIT

    worst = found.doubtful if ready else found.seen
    if worst is None:
        highest = max((one.ratio for one in found.readings[1:]), default=None)
        if highest is None:
            return False, "there is no validation part to be tuned on"
        return False, f"at most {highest:.2f} times as well, beside the item model"
    if worst.ratio != worst.ratio:  # NaN
        return (
            True,
            f"{ready:,} texts came ready, and too few hits on validation or test tell whether they know the pairs",
        )
    origin = f"{ready:,} of them came ready" if ready else "all were written here"
    return True, (
        f"text alone ({worst.reading}) has Recall@20 {worst.validation:.4f} on validation and {worst.test:.4f} on test, "
        f"{worst.ratio:.2f} times as well beside the item model, above {LIMIT}; {origin}"
    )


def leak_findings(folder: Path, trusted: bool) -> list[Finding]:
    """The verdict as a finding: an error where texts written here are suspect, unless the catalogue entry trusts them."""
    verdict = json.loads((folder / VERDICT).read_bytes())
    expected = trusted or verdict["ready_texts"] > 0
    return [Finding(RULE, "", not verdict["suspect"], str(verdict["said"]), "warning" if expected else "error")]


def suspicion(lake: Lake, dataset: str) -> str:
    """Why the user texts of a dataset are suspect; empty where they passed, or where nobody has looked yet."""
    address = Address(ASSET, dataset)
    if lake.record(address) is None:
        return lake.withdrawn(address) or ""
    verdict = json.loads((lake.path(address) / VERDICT).read_bytes())
    return str(verdict["said"]) if verdict["suspect"] else ""


def refuse_suspect_texts(lake: Lake, dataset: str, method: str, trusted: bool) -> None:
    """Say so where a method reads user texts that did not pass, or that nobody has looked at.

    Args:
        trusted: `trust_user_texts` of the catalogue entry.

    Raises:
        LmmrecError: with the remedies.
    """
    said = suspicion(lake, dataset)
    if said and not trusted:
        raise LmmrecError(
            f"method '{method}' is stopped by a validation part that the user texts of {dataset} seem to know ({said}): have "
            "them written anew from train (take the ready ones away), use text-prior, which reads item texts alone, or set "
            "`trust_user_texts: true` in the catalogue entry."
        )
    if not said and lake.record(Address(ASSET, dataset)) is None:
        raise LmmrecError(
            f"method '{method}' reads user texts, and nobody has looked whether those of {dataset} know its validation pairs: "
            f"make `{ASSET}` first, or run `lmmrec run {dataset} --method {method}`."
        )


def _texts(motivations: Path) -> tuple[int, int]:
    """(user texts, those of them that came ready)."""
    with connect(threads=1) as connection:
        row = connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE provenance = 'imported') FROM read_parquet(?)",
            [str(motivations / "users.parquet")],
        ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def _shown(prompts: Path) -> dict[str, Any]:
    """How many pairs the writers of user texts were shown, and the hash of them, one line `user item` each in their order."""
    with connect(threads=1) as connection:
        pairs = connection.execute(
            "SELECT DISTINCT user_idx, item_idx FROM read_parquet(?) ORDER BY ALL", [str(prompts / SHOWN)]
        ).fetchall()
    digest = hashlib.sha256("".join(f"{user} {item}\n" for user, item in pairs).encode()).hexdigest()
    return {"pairs_shown": len(pairs), "pairs_sha256": digest}
