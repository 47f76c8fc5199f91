"""What LMMRec costs on top of its base: seconds of a step and peak memory, both in paired rounds on one split.

    python -m benchmarks.lmmrec_cost DATA_FOLDER [--rounds 25] [--steps 60] [--batch 512] [--text-dim 384] [--threads 2]

DATA_FOLDER holds `trn_mat.npz` and `val_mat.npz`. Texts are random numbers of the given width: the cost does not depend
on what they say. All losses are on from the first step. Base and LMMRec have a process each and take turns.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.peers.protocol import Worker
from benchmarks.speed import order_of_round
from benchmarks.tables import figure, summary, text_table, write_result

MODULE = "benchmarks.peers.ours"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--text-dim", type=int, default=384)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--name", default="lmmrec_cost")
    given = parser.parse_args()
    data, before = str(given.data.resolve()), machine(given.threads)
    workers = {
        "base": Worker(MODULE, [data], given.threads),
        "lmmrec": Worker(MODULE, [data, "--text-dim", str(given.text_dim)], given.threads),
    }
    versions = workers["base"].ask("describe")["versions"]
    steps: dict[str, list[float]] = {name: [] for name in workers}
    for worker in workers.values():
        worker.ask("epoch", batch_size=given.batch, steps=5)
    for number in range(given.rounds):
        for name in order_of_round(list(workers), number):
            answer = workers[name].ask("epoch", batch_size=given.batch, steps=given.steps)
            steps[name].append(answer["step_s"])
    peaks = {name: worker.ask("peak")["peak_rss_mb"] for name, worker in workers.items()}
    for worker in workers.values():
        worker.close()
    found = summary(steps, "base")
    rows = [
        [name, figure(1000 * one["median_s"]), figure(one["ratio"]), f"{peaks[name]:.0f}"]
        for name, one in found.items()
    ]
    print(text_table(["", "ms a step", "ratio", "peak MB"], rows))
    result = {
        "what": f"one step of LightGCN and of LMMRec on it, batch {given.batch}, random texts of width {given.text_dim}",
        "data": given.data.name,
        "machine": before,
        "versions": versions,
        "rounds": given.rounds,
        "steps": given.steps,
        "found": found,
        "peak_rss_mb": peaks,
    }
    print(f"\n{write_result(given.name, result)}")


if __name__ == "__main__":
    main()
