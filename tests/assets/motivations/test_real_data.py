"""The stage on public data: ready texts of Last.fm, and raw gift-card reviews as their publisher ships them.

Dagster's partitions are read from the home when `assets.partitions` is imported, so each run is a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from assets.expectations import failed
from assets.lake import Address, Lake
from assets.motivations.gate import gate_findings
from assets.motivations.recipe import GATE_INPUTS
from assets.motivations.tables import read_motivations
from assets.tables import read_frame, read_sizes
from tests.assets.motivations.stage import LIMITS

pytestmark = pytest.mark.real_data

CATALOGUE = """
gift-cards:
  format: amazon-2018
  reviews: {{path: {data}/amazon_raw/Gift_Cards_5.json.gz}}
  items: {{path: {data}/amazon_raw/meta_Gift_Cards.json.gz}}
  core: 5
lastfm:
  format: published-split
  path: {data}/lastfm_llm
"""
PROGRAM = """
import sys
import dagster as dg
from assets.datasets.assets import ASSETS as DATASETS
from assets.motivations.assets import ASSETS as MOTIVATIONS
from assets.motivations.checks import CHECKS
from assets.resources import Installation
with dg.DagsterInstance.ephemeral() as instance:
    result = dg.materialize(
        [*DATASETS, *MOTIVATIONS, *CHECKS], partition_key=sys.argv[1], instance=instance,
        resources={"installation": Installation()},
    )
sys.exit(not result.success)
"""


def run(home: Path, data: Path, dataset: str) -> Lake:
    (home / "datasets.yaml").write_text(CATALOGUE.format(data=data))
    environment = {**os.environ, "LMMREC_HOME": str(home), "DAGSTER_HOME": str(home / "dagster")}
    done = subprocess.run([sys.executable, "-c", PROGRAM, dataset], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return Lake(home)


def inputs_of(lake: Lake, dataset: str) -> dict[str, Path]:
    return {asset: lake.read(Address(asset, dataset)) for asset in GATE_INPUTS}


def test_gift_cards_get_extracted_motivations_for_everybody_and_no_false_alarm(home: Path, shared_data: Path) -> None:
    lake = run(home, shared_data, "gift-cards")
    inputs = inputs_of(lake, "gift-cards")
    for entity, expected in zip(("user", "item"), read_sizes(inputs["split"]), strict=True):
        table = read_motivations(inputs[f"{entity}_motivations"] / "motivations.parquet")
        assert Counter(table["provenance"]) == {"extractive": expected}
        assert (table["summary"].str.split().str.len() > 3).mean() > 0.95
        shown = read_frame(inputs[f"{entity}_prompts"] / "shown.parquet")
        assert len(shown) > expected
    findings = [finding for found in gate_findings(inputs, LIMITS).values() for finding in found]
    assert failed(findings) == []


def test_lastfm_texts_are_imported_as_they_are_and_marked_as_of_unknown_lineage(home: Path, shared_data: Path) -> None:
    lake = run(home, shared_data, "lastfm")
    inputs = inputs_of(lake, "lastfm")
    published = lake.read(Address("validated_motivations", "lastfm"))
    for entity, expected in (("user", 1859), ("item", 2813)):
        table = read_motivations(published / f"{entity}s.parquet")
        assert Counter(table["provenance"]) == {"imported": expected}
        assert table["summary"].str.len().min() > 20
        assert len(read_frame(inputs[f"{entity}_prompts"] / "prompts.parquet")) == 0
    warned = [finding.rule for found in gate_findings(inputs, LIMITS).values() for finding in failed(found, "warning")]
    assert warned == ["what the writers of ready texts were shown is known"] * 2
