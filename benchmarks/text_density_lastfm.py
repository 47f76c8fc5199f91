"""What item texts are worth on Last.fm as train is thinned to 5, 10, 25 and 50 %: EASE and GF-CF, real and shuffled texts.

    python -m benchmarks.text_density_lastfm DATA_FOLDER [--threads 2]

DATA_FOLDER as for `text_prior_lastfm`. At each density base and texts (view `both`) are tuned anew on a carve-out of an eighth
of train, by `models.training.density`; test, protocol `rlmrec`. Result: benchmarks/results/text_density_lastfm.json.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import pandas as pd
from threadpoolctl import threadpool_limits

from assets.evaluation.recipe import DENSITY_SHARES
from assets.evaluation.text_worth.density import markdown, rows_of, sentence
from benchmarks.lastfm import Matrices, vectors
from benchmarks.machine import machine
from benchmarks.tables import write_result
from models.bases import base_spec
from models.training.density import measure_densities


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    about = machine(chosen.threads)
    whole = Matrices.read(chosen.data)
    (train, validation), test = whole.carved(0), whole.test
    views = vectors(chosen.data, train.shape[1], chosen.threads)
    texts = {"real": views["both"], "shuffled": views["shuffled"]}
    started_s, started_cpu_s = time.perf_counter(), time.process_time()
    found: dict[str, object] = {}
    with threadpool_limits(chosen.threads):
        for name in ("ease", "gfcf"):
            base = base_spec(name).config(name=name)
            curve = measure_densities(train, validation, test, texts, base, DENSITY_SHARES, 2023)
            rows = [row for one in curve for row in rows_of(one)]
            frame = pd.DataFrame(rows)
            found[name] = {"said": sentence(frame), "rows": rows}
            print(f"{name}\n{markdown(frame)}\n{sentence(frame)}\n", flush=True)
    result = {
        "what": "Last.fm, gain of item texts over the text-free base by density of train; protocol rlmrec, test, one seed",
        "machine": about,
        "wall_seconds": round(time.perf_counter() - started_s, 1),
        "cpu_seconds": round(time.process_time() - started_cpu_s, 1),
        "found": found,
    }
    print(write_result("text_density_lastfm", result))


if __name__ == "__main__":
    main()
