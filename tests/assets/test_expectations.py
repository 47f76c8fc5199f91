"""Findings: in order, quiet, without data in them, and broken rules told apart from bad data."""

import dagster as dg
import pandas as pd
import pytest

from assets.checking import check_result
from assets.expectations import Finding, describe, failed, validate

pytestmark = pytest.mark.unit

FRAME = pd.DataFrame({"rating": [1.0, 2.0, None], "text": ["SECRET words", "", "fine"]})


@pytest.fixture(scope="module")
def findings() -> list[Finding]:
    import great_expectations.expectations as gxe

    return validate(
        FRAME,
        [
            gxe.ExpectColumnValuesToNotBeNull(column="rating", meta={"rule": "every row is rated"}),
            gxe.ExpectColumnValuesToNotBeNull(column="missing"),
            gxe.ExpectColumnValueLengthsToBeBetween(column="text", min_value=5, severity="warning"),
            gxe.ExpectTableRowCountToEqual(value=3),
        ],
    )


def test_findings_keep_the_order_of_their_rules(findings: list[Finding]) -> None:
    assert [finding.column for finding in findings] == ["rating", "missing", "text", ""]
    assert findings[0].rule == "every row is rated"
    assert [finding.passed for finding in findings] == [False, False, False, True]


def test_a_broken_rule_is_an_error_and_says_why(findings: list[Finding]) -> None:
    assert findings[0].error is None
    assert "missing" in (findings[1].error or "")


def test_severity_follows_the_expectation(findings: list[Finding]) -> None:
    assert [finding.severity for finding in findings] == ["error", "error", "warning", "error"]
    assert len(failed(findings)) == 2
    assert len(failed(findings, "warning")) == 1


def test_findings_hold_counts_and_no_values_of_the_data(findings: list[Finding]) -> None:
    assert findings[0].observed == "1 of 3 rows against it"
    assert "SECRET" not in repr(findings)


def test_validation_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    import great_expectations.expectations as gxe

    validate(FRAME, [gxe.ExpectTableRowCountToEqual(value=3)])
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err == ""


def test_errors_fail_the_check_and_warnings_colour_it() -> None:
    good = Finding("a", "", True, "")
    warned = Finding("b", "", False, "2 rows", "warning")
    bad = Finding("c", "x", False, "3 rows")
    assert check_result([good]).passed
    assert check_result([good, warned]).severity is dg.AssetCheckSeverity.WARN
    result = check_result([good, warned, bad])
    assert not result.passed
    assert result.severity is dg.AssetCheckSeverity.ERROR
    assert result.metadata["not_evaluated"].value == 0
    assert describe([bad]) == "c (x): 3 rows"
