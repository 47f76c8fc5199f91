"""Ratios are paired by round, turns are fair, and tables say what was given."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.machine import machine
from benchmarks.peers.protocol import environment, peak_rss_mb
from benchmarks.speed import measurements, order_of_round
from benchmarks.tables import figure, paired_ratios, summary, text_table


@pytest.mark.unit
def test_a_ratio_belongs_to_its_round() -> None:
    found = summary({"ours": [1.0, 2.0, 4.0], "peer": [10.0, 10.0, 80.0]}, "ours")
    assert found["peer"]["ratios"] == [10.0, 5.0, 20.0]
    assert found["peer"]["ratio"] == 10.0  # the ratio of the medians would be 5
    assert found["peer"]["ratio_range"] == [5.0, 20.0]
    assert found["peer"]["median_s"] == 10.0
    assert found["ours"]["ratios"] == [1.0, 1.0, 1.0]


@pytest.mark.unit
def test_rounds_that_do_not_pair_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        paired_ratios([1.0, 2.0], [3.0])


@pytest.mark.unit
def test_everybody_takes_part_in_every_round_and_goes_first_equally_often() -> None:
    names = ["a", "b", "c"]
    rounds = [order_of_round(names, number) for number in range(6)]
    assert all(sorted(order) == names for order in rounds)
    assert Counter(order[0] for order in rounds) == {"a": 2, "b": 2, "c": 2}


@pytest.mark.unit
def test_only_peers_below_the_large_batch_are_extrapolated() -> None:
    found = {one.name: one.peer_steps for one in measurements([512, 4096], 4096, 40)}
    assert found == {"epoch 4096": None, "epoch 512": 40, "ranking": None, "fit": None}


@pytest.mark.unit
def test_a_table_is_aligned_and_figures_have_three_digits() -> None:
    table = text_table(["", "s"], [["ours", figure(0.12345)], ["peer", figure(1234.5)]]).splitlines()
    assert table == ["          s", "ours  0.123", "peer   1234"]
    assert figure(None) == "–"


@pytest.mark.unit
def test_a_result_names_its_machine() -> None:
    told = machine(2)
    assert told["cpu"]
    assert told["threads"] == 2
    assert environment(2)["OMP_NUM_THREADS"] == "2"


@pytest.mark.integration
def test_a_worker_answers_line_by_line_whatever_its_libraries_print() -> None:
    code = """
from benchmarks.peers.protocol import serve
class Loud:
    def epoch(self, batch_size, steps):
        print("chatter")
        return {"epoch_s": float(batch_size)}
serve(Loud())
"""
    asked = [{"do": "epoch", "batch_size": 7, "steps": None}, {"do": "peak"}]
    done = subprocess.run(
        [sys.executable, "-c", code],
        input="".join(json.dumps(request) + "\n" for request in asked),
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).resolve().parents[2],
        timeout=60,
    )
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert first == {"epoch_s": 7.0}
    assert 1.0 < second["peak_rss_mb"] < 10 * peak_rss_mb() + 1000
