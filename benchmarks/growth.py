"""How training grows: seconds per edge and peak memory of LightGCN on 0.1, 1 and 10 million synthetic edges.

    python -m benchmarks.growth [--edges 100000 1000000 10000000] [--steps 30] [--threads 2]
                                 [--shapes wider denser] [--name growth]

Each size has a process of its own. Up to `--whole` edges whole epochs are timed; above, `--steps` steps and the sampling of
one whole epoch, and the epoch is computed from them. Two shapes are measured: users and items in proportion to edges
(`wider`, the hardest for a cache), and as their square root (`denser`). Peak memory stands beside the formula of
docs/models.md, which `predicted_bytes` states in code.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import scipy.sparse as sp

from benchmarks.machine import machine
from benchmarks.peers.data import DIM
from benchmarks.peers.protocol import ROOT, environment, peak_rss_mb
from benchmarks.synthetic import SHAPES, zipf_interactions
from benchmarks.tables import figure, text_table, write_result

BITMAP_LIMIT_BYTES = 256 * 2**20
"""As in `models.training.sampler`; a test holds the two together."""
BYTES_PER_EDGE, TABLES = 120, 7
"""What docs/models.md derives."""


def predicted_bytes(num_users: int, num_items: int, edges: int, dim: int = DIM) -> int:
    """Bytes that training a LightGCN holds at its peak, beyond the interpreter and its libraries (docs/models.md)."""
    bitmap = num_users * num_items // 8 + 1
    keys = 8 * edges
    members = bitmap if bitmap <= BITMAP_LIMIT_BYTES else keys
    return BYTES_PER_EDGE * edges + members + TABLES * (num_users + num_items) * dim * 4


def measure(path: Path, batch_size: int, steps: int | None, threads: int) -> dict[str, Any]:
    """What one size costs; runs in a fresh process. The baseline has everything loaded that a step loads."""
    from benchmarks.peers.data import Split
    from benchmarks.peers.ours import Ours

    def ours(train: sp.csr_matrix) -> Ours:
        return Ours(Split(train, sp.csr_matrix(train.shape, dtype=train.dtype)), threads)

    ours(zipf_interactions(5000)).epoch(64, None)
    baseline_mb = peak_rss_mb()
    train = sp.load_npz(path).tocsr()
    trained = ours(train)
    trained.epoch(batch_size, 2)
    answer = trained.epoch(batch_size, steps)
    predicted = predicted_bytes(*train.shape, train.nnz) / 1e6
    peak_mb = peak_rss_mb()
    return {
        "edges": int(train.nnz),
        "users": train.shape[0],
        "items": train.shape[1],
        "whole_epoch": steps is None,
        **answer,
        "epoch_ns_per_edge": 1e9 * answer["epoch_s"] / train.nnz,
        "step_ns_per_edge": 1e9 * answer["step_s"] / train.nnz,
        "baseline_mb": baseline_mb,
        "peak_rss_mb": peak_mb,
        "predicted_mb": baseline_mb + predicted,
        "ratio": peak_mb / (baseline_mb + predicted),
        "ratio_beyond_baseline": (peak_mb - baseline_mb) / predicted,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edges", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000])
    parser.add_argument("--whole", type=int, default=2_000_000, help="most edges of which a whole epoch is timed")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--batch", type=int, default=4096)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=SHAPES)
    parser.add_argument("--name", default="growth")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(measure(given.child, given.batch, given.steps or None, given.threads)))
        return
    before = machine(given.threads)
    found: dict[str, list[dict[str, Any]]] = {shape: [] for shape in given.shapes}
    with tempfile.TemporaryDirectory() as scratch:
        for shape, rows in found.items():
            for edges in given.edges:
                path = Path(scratch) / f"{edges}.npz"
                sp.save_npz(path, zipf_interactions(edges, shape=shape), compressed=False)
                rows.append(_in_child(path, given, 0 if edges <= given.whole else given.steps))
                path.unlink()
            print(f"{shape}:\n{render(rows)}\n")
    result = {
        "what": f"LightGCN, d = {DIM}, K = 3, batch {given.batch}, synthetic Zipf-like interactions",
        "machine": before,
        "found": found,
    }
    print(write_result(given.name, result))


def render(found: list[dict[str, Any]]) -> str:
    """One line a size; a star marks epochs that are computed from steps."""
    columns = [
        "edges",
        "users",
        "items",
        "epoch s",
        "us an edge",
        "step ms",
        "ns an edge",
        "peak MB",
        "formula MB",
        "peak / formula",
    ]
    rows = [
        [
            f"{one['edges']:,}",
            f"{one['users']:,}",
            f"{one['items']:,}",
            figure(one["epoch_s"]) + ("" if one["whole_epoch"] else "*"),
            figure(one["epoch_ns_per_edge"] / 1000),
            figure(1000 * one["step_s"]),
            figure(one["step_ns_per_edge"]),
            f"{one['peak_rss_mb']:.0f}",
            f"{one['predicted_mb']:.0f}",
            figure(one["ratio"]),
        ]
        for one in found
    ]
    growth = found[-1]["step_ns_per_edge"] / found[0]["step_ns_per_edge"]
    starred = [one for one in found if not one["whole_epoch"]]
    notes = [f"* computed from {one['steps']} steps and the sampling of one epoch" for one in starred[:1]]
    return "\n".join([text_table(columns, rows), f"a step's time per edge, last to first: {growth:.2f}", *notes])


def _in_child(path: Path, given: argparse.Namespace, steps: int) -> dict[str, Any]:
    options = {"--child": path, "--steps": steps, "--batch": given.batch, "--threads": given.threads}
    command = [sys.executable, "-m", "benchmarks.growth", *(str(part) for pair in options.items() for part in pair)]
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, **environment(given.threads)},
    )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


if __name__ == "__main__":
    main()
