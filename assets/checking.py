"""Findings as Dagster shows them: the last step of every asset check.

Failed rules of severity `error` fail the check, and hold back what comes after where the check is blocking; failed warnings
only colour it. Finding things out is `assets/expectations.py` and the pure rules of each stage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dagster as dg

from assets.expectations import Finding, describe, failed
from assets.lake import Address, Lake
from assets.resources import to_metadata


def check_result(
    findings: Sequence[Finding], figures: Mapping[str, Any] | None = None, *, guards: tuple[Lake, Address] | None = None
) -> dg.AssetCheckResult:
    """The result of one asset check.

    Args:
        findings: one for each rule; none at all means that there was nothing to check, which passes.
        figures: further metadata, after the conventions of `assets.resources.to_metadata`.
        guards: what a blocking check stands guard over: where it fails, that partition is withdrawn from the lake, so that
            no other run builds on it either.
    """
    errors, warnings = failed(findings), failed(findings, "warning")
    if errors and guards is not None:
        lake, address = guards
        lake.withdraw(address, describe(errors))
    broken = [finding for finding in findings if finding.error]
    counts = {"rules": len(findings), "failed": len(errors), "warnings": len(warnings), "not_evaluated": len(broken)}
    return dg.AssetCheckResult(
        passed=not errors and not warnings,
        severity=dg.AssetCheckSeverity.ERROR if errors else dg.AssetCheckSeverity.WARN,
        description=describe(errors + warnings) or None,
        metadata=to_metadata({"findings": [finding.row() for finding in findings], **counts, **(figures or {})}),
    )


def check_cells(
    lake: Lake, cells: Sequence[Address], look: Callable[[Address], Sequence[Finding]]
) -> dg.AssetCheckResult:
    """The result of a blocking check over several cells of one partition; a cell that fails is withdrawn from the lake."""
    found: list[Finding] = []
    for cell in cells:
        findings = look(cell)
        if errors := failed(findings):
            lake.withdraw(cell, describe(errors))
        found += findings
    return check_result(found, {"cells": len(cells)})
