"""Great Expectations, reduced to what the pipeline needs: a frame and some expectations in, plain findings out.

Every data check of the house goes through `validate`, so that quiet settings (no progress bars, no analytics, no values of
the data in the result) hold everywhere. A rule that could not be evaluated, say because a column is missing, is an `error`
and never counts as "bad data". How Dagster shows findings is `assets/checking.py`; which rules there are is each stage's.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """The verdict on one rule."""

    rule: str
    """What was asked, in words: the expectation's `meta["rule"]`, or its type."""
    column: str
    """Column or columns concerned; empty for a rule about the whole table."""
    passed: bool
    observed: str
    """What was seen: counts and figures, never values of the data."""
    severity: Severity = "error"
    """`error` holds back what comes after, `warning` is only shown."""
    error: str | None = None
    """Why the rule could not be evaluated; None where it was."""

    def row(self) -> dict[str, Any]:
        """The finding as a flat row of a table."""
        return asdict(self) | {"error": self.error or ""}


def validate(frame: pd.DataFrame, expectations: Sequence[Any]) -> list[Finding]:
    """One finding for each expectation, in their order.

    Args:
        frame: the table, one row a record.
        expectations: instances of `great_expectations.expectations.Expect…`; `severity="warning"` makes a warning of a
            rule, `meta={"rule": "…"}` names it.
    """
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    definition = context.data_sources.add_pandas("frame").add_dataframe_asset("rows")
    batch = definition.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    numbered = []
    for position, expectation in enumerate(expectations):
        copy = expectation.model_copy() if hasattr(expectation, "model_copy") else expectation.copy()
        copy.meta = {**(expectation.meta or {}), "position": position}
        numbered.append(copy)
    suite = gx.ExpectationSuite(name="rules", expectations=numbered)
    results: list[Any] = list(batch.validate(suite, result_format="BASIC").results)
    return [_finding(result) for result in sorted(results, key=lambda r: int(r.expectation_config.meta["position"]))]


def vocabulary() -> Any:
    """The module `great_expectations.expectations`, imported at the moment of need (three seconds)."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations.expectations

    return great_expectations.expectations


def failed(findings: Sequence[Finding], severity: Severity = "error") -> list[Finding]:
    """The findings of that severity that did not pass."""
    return [finding for finding in findings if not finding.passed and finding.severity == severity]


def describe(findings: Sequence[Finding]) -> str:
    """The findings in one line: rule, column and what was seen."""
    return "; ".join(f"{f.rule}{f' ({f.column})' if f.column else ''}: {f.error or f.observed}" for f in findings)


def _finding(result: Any) -> Finding:
    config = result.expectation_config
    columns = config.kwargs.get("column") or config.kwargs.get("column_list") or ""
    error = _exception(result.exception_info)
    warns = getattr(config.severity, "value", config.severity) in ("warning", "info")
    return Finding(
        rule=config.meta.get("rule", config.type),
        column=columns if isinstance(columns, str) else ", ".join(columns),
        passed=bool(result.success),
        observed=_observed(result.result),
        severity="warning" if warns and error is None else "error",
        error=error,
    )


def _observed(result: dict[str, Any]) -> str:
    if "unexpected_count" in result:
        total = result.get("element_count", 0)
        return f"{result['unexpected_count']:,} of {total:,} rows against it"
    value: Any = result.get("observed_value")
    value = value.item() if hasattr(value, "item") else value  # GX hands out NumPy scalars
    if isinstance(value, (int, float, str)):
        return f"observed {value}"
    return f"observed {len(value)} values" if value is not None else "nothing observed"


def _exception(info: dict[str, Any] | None) -> str | None:
    """The message of an expectation that could not be evaluated; GX nests it by metric or gives it flat."""
    if not info:
        return None
    for entry in (info, *[value for value in info.values() if isinstance(value, dict)]):
        if entry.get("exception_message"):
            return str(entry["exception_message"]).splitlines()[0]
    return None
