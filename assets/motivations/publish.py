"""The gate itself: publishes the motivations when every blocking rule holds on the files, refuses otherwise.

The checks of the graph hold back what comes after them within one run; this asset runs the same rules again, so that no
run, however it was launched, trains on texts that did not pass.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from assets.expectations import Finding, describe, failed
from assets.motivations.gate import gate_findings
from assets.motivations.quarantine import quarantine_figures
from assets.motivations.tables import MOTIVATIONS
from models.errors import LmmrecError


def publish(
    dataset: str,
    inputs: Mapping[str, Path],
    limits: Mapping[str, float],
    folder: Path,
    ancestry: Mapping[str, Sequence[Finding]] | None = None,
) -> dict[str, Any]:
    """Write `users.parquet`, `items.parquet` and `gate.json` and return counts.

    Args:
        dataset: its name, for messages.
        inputs: folders of `interactions`, `split`, `item_prompts`, `item_motivations`, `user_prompts`, `user_motivations`.
        limits: `min_valid` and `max_fallback` of the dataset's gate.
        folder: where the files go.
        ancestry: what the lake's records say about the inputs; None where they come from no lake.

    Raises:
        LmmrecError: a blocking rule fails; the text names assets, rules and counts.
    """
    findings = {
        asset: [*(ancestry or {}).get(asset, ()), *found] for asset, found in gate_findings(inputs, limits).items()
    }
    errors = {asset: failures for asset, found in findings.items() if (failures := failed(found))}
    if errors:
        said = "; ".join(f"{asset}: {describe(failures)}" for asset, failures in errors.items())
        raise LmmrecError(
            f"the motivations of {dataset} do not pass the gate ({said}): look at {' and '.join(errors)} in the Dagster UI, "
            "mend the texts, or set `gate:` in the dataset's catalogue entry."
        )
    for entity in ("user", "item"):
        shutil.copyfile(inputs[f"{entity}_motivations"] / MOTIVATIONS, folder / f"{entity}s.parquet")
    summary = {
        "passed": True,
        "limits": dict(limits),
        "findings": {asset: [finding.row() for finding in found] for asset, found in findings.items()},
    }
    (folder / "gate.json").write_text(json.dumps(summary, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    warnings = [finding for found in findings.values() for finding in failed(found, "warning")]
    withheld = {entity: quarantine_figures(inputs[f"{entity}_motivations"]) for entity in ("user", "item")}
    return {
        **{f"{entity}_fallbacks": figures["fallbacks"] for entity, figures in withheld.items()},
        "fallback_reasons": [
            {"entity": entity, **row} for entity, figures in withheld.items() for row in figures["fallback_reasons"]
        ],
        "rules": sum(map(len, findings.values())),
        "warnings": len(warnings),
        "warned_of": [{"rule": finding.rule, "observed": finding.observed} for finding in warnings],
    }
