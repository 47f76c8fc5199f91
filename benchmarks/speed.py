"""LightGCN and ranking, ours beside the peers, in paired rounds on one split.

    python -m benchmarks.speed DATA_FOLDER [--rounds 5] [--threads 2] [--peers recbole pyg-sparse ...] [--python PATH]

DATA_FOLDER holds `trn_mat.npz` and `val_mat.npz`. Each implementation has a process of its own; in every round they take
turns, each time another one first, so that a ratio compares neighbours in time. Measured: seconds of an epoch at each
batch size (peers at the smaller one extrapolated from a few steps), of ranking all users with validation items, of a
whole ALS fit, and peak resident memory. benchmarks/README.md says how the work differs.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.machine import machine
from benchmarks.peers.protocol import Worker
from benchmarks.tables import figure, summary, text_table, write_result

IMPLEMENTATIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "ours": ("benchmarks.peers.ours", ()),
    "recbole": ("benchmarks.peers.recbole_lightgcn", ()),
    "recbole-as-shipped": ("benchmarks.peers.recbole_lightgcn", ("--as-shipped",)),
    "pyg": ("benchmarks.peers.pyg_lightgcn", ("--adjacency", "edge-index")),
    "pyg-sparse": ("benchmarks.peers.pyg_lightgcn", ("--adjacency", "sparse")),
    "implicit-als": ("benchmarks.peers.implicit_models", ("--model", "als")),
    "implicit-bpr": ("benchmarks.peers.implicit_models", ("--model", "bpr")),
}
WARM_UP_STEPS = 3


class Measurement(NamedTuple):
    """One thing that is measured of everybody who can do it."""

    name: str
    task: str
    batch_size: int | None = None
    peer_steps: int | None = None
    """Steps from which a peer's epoch is extrapolated; None runs it whole. Ours always runs whole."""


def measurements(batches: list[int], extrapolate_below: int, peer_steps: int) -> list[Measurement]:
    """Epochs by falling batch size, then ranking, then whole fits."""
    epochs = [
        Measurement(f"epoch {size}", "epoch", size, peer_steps if size < extrapolate_below else None)
        for size in sorted(batches, reverse=True)
    ]
    return [*epochs, Measurement("ranking", "evaluate"), Measurement("fit", "fit")]


def order_of_round(names: list[str], number: int) -> list[str]:
    """Everybody once, each round another one first.

    >>> order_of_round(["a", "b", "c"], 1)
    ['b', 'c', 'a']
    """
    start = number % len(names)
    return names[start:] + names[:start]


def measure(worker: Worker, name: str, one: Measurement, warm_up: bool = False) -> dict[str, Any]:
    """One answer; `seconds` is what is compared."""
    if one.task == "epoch":
        steps = WARM_UP_STEPS if warm_up else None if name == "ours" else one.peer_steps
        answer = worker.ask("epoch", batch_size=one.batch_size, steps=steps)
    else:
        answer = worker.ask(one.task)
    seconds = answer[{"epoch": "epoch_s", "evaluate": "evaluate_s", "fit": "fit_s"}[one.task]]
    return {**answer, "seconds": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batches", type=int, nargs="+", default=[4096, 512])
    parser.add_argument("--peer-steps", type=int, default=40, help="steps of a peer's epoch below batch 4,096")
    peers = [name for name in IMPLEMENTATIONS if name != "ours"]
    parser.add_argument("--peers", nargs="*", choices=peers, default=peers)
    parser.add_argument("--python", default=sys.executable, help="interpreter of the peers")
    parser.add_argument("--name", default="speed", help="name of the result")
    given = parser.parse_args()
    data = str(given.data.resolve())
    names, before = ["ours", *given.peers], machine(given.threads)
    workers = {}
    for name in names:
        module, extra = IMPLEMENTATIONS[name]
        python = sys.executable if name == "ours" else given.python
        workers[name] = Worker(module, [data, *extra], given.threads, python)
    told = {name: worker.ask("describe") for name, worker in workers.items()}
    answers: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for one in measurements(given.batches, 4096, given.peer_steps):
        able = [name for name in names if one.task in told[name]["tasks"]]
        if not able:
            continue
        for name in able:
            measure(workers[name], name, one, warm_up=True)
        answers[one.name] = {name: [] for name in able}
        for number in range(given.rounds):
            for name in order_of_round(able, number):
                answers[one.name][name].append(measure(workers[name], name, one))
            print(f"{one.name}: round {number + 1} of {given.rounds}", file=sys.stderr)
    peaks = {name: worker.ask("peak")["peak_rss_mb"] for name, worker in workers.items()}
    for worker in workers.values():
        worker.close()
    found = {
        what: summary(
            {name: [answer["seconds"] for answer in rounds] for name, rounds in by_name.items()},
            "ours" if "ours" in by_name else next(iter(by_name)),
        )
        for what, by_name in answers.items()
        if by_name
    }
    result = {
        "what": "LightGCN, d = 32, K = 3, and full ranking; wall seconds, ratio = peer / ours of the same round",
        "data": given.data.name,
        "machine": before,
        "rounds": given.rounds,
        "peer_steps_below_4096": given.peer_steps,
        "implementations": told,
        "found": found,
        "peak_rss_mb": peaks,
        "answers": answers,
    }
    print(render(result))
    print(f"\n{write_result(given.name, result)}")


def render(result: dict[str, Any]) -> str:
    """The table of a result, and what has to be known to read it."""
    found, peaks = result["found"], result["peak_rss_mb"]
    columns = ["", *[text for what in found for text in (f"{what} s", "ratio")], "peak MB", "ratio"]
    rows = []
    for name in result["implementations"]:
        cells = [name]
        for what in found.values():
            one = what.get(name)
            cells += [figure(one["median_s"]), figure(one["ratio"])] if one else ["", ""]
        ratio = peaks[name] / peaks["ours"] if "ours" in peaks else None
        rows.append([*cells, f"{peaks[name]:.0f}", figure(ratio)])
    notes = [f"{name}: {one['note']}" for name, one in result["implementations"].items()]
    about = result["machine"]
    return "\n".join(
        [
            text_table(columns, rows),
            "",
            f"medians of {result['rounds']} paired rounds; {about['cpu']}, {about['threads']} threads",
            f"peers' epochs below batch 4,096 are extrapolated from {result['peer_steps_below_4096']} steps",
            *notes,
        ]
    )


if __name__ == "__main__":
    main()
