"""What item texts written from raw reviews add to EASE and GF-CF, on the split and the vectors of a pipeline's own home.

    LMMREC_ENCODER=both lmmrec run DATASET --until embeddings
    python -m benchmarks.text_prior_reviews DATASET [--threads 2]        # reads LMMREC_HOME

Base and texts are tuned on the validation part by `models.training.density` at full train; real, shuffled and random texts on
the same base. Test, protocol `rlmrec`. Result: benchmarks/results/text_prior_DATASET.json, without ids or texts.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict

from threadpoolctl import threadpool_limits

from assets.lake import Address, Lake
from assets.settings import home_directory
from assets.tables import read_matrix
from assets.training.data import load_data, with_random_texts, with_shuffled_texts
from benchmarks.machine import machine
from benchmarks.tables import text_table, write_result
from models.anchors import ANCHORS
from models.bases import base_spec
from models.closed_form.text_part import centred
from models.ranking.evaluate import evaluate
from models.training.density import SIGNIFICANCE, measure_densities

SEED = 2023
RULES = {"": SIGNIFICANCE, ", unproven": 1.0}
"""By the rule, and the best setting on validation whatever its p: what the rule keeps away."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    about, lake = machine(chosen.threads), Lake(home_directory())
    split, vectors = (lake.read(Address(asset, chosen.dataset)) for asset in ("split", "text_embeddings"))
    data, test = load_data(split, vectors), read_matrix(split, "test")
    dealt = {"real": data, "shuffled": with_shuffled_texts(data, SEED), "random": with_random_texts(data, SEED)}
    texts = {kind: centred(one.item_texts) for kind, one in dealt.items() if one.item_texts is not None}
    started_s, rows = time.perf_counter(), []
    popular = evaluate(ANCHORS["popularity"]().fit(data.train), data.train, data.train * 0, test, ("rlmrec",), (20,))
    with threadpool_limits(chosen.threads):
        for name in ("ease", "gfcf"):
            base = base_spec(name).config(name=name)
            for rule, significance in RULES.items():
                (found,) = measure_densities(
                    data.train, data.validation, test, texts, base, (1.0,), SEED, significance=significance
                )
                if rule == "":
                    rows.append({"model": name, "form": "", **found.base})
                for kind, gains in found.gains.items():
                    means = {metric: gain.mean for metric, gain in gains.items()}
                    gain = {metric: asdict(each) for metric, each in gains.items()}
                    label = f"{name} + {kind} texts{rule}"
                    rows.append({"model": label, "form": found.forms[kind], **means, "gain": gain})
    table = [
        [str(one["model"]), str(one["form"]), f"{one['recall_20']:.4f}", f"{one['ndcg_20']:.4f}", *gained(one)]
        for one in rows
    ]
    print(text_table(["model", "form", "R20", "N20", "gain R20", "p", "gain N20", "p"], table))
    result = {
        "what": f"{chosen.dataset}: item texts of the pipeline on EASE and GF-CF, protocol rlmrec, test; tuned on validation",
        "machine": about,
        "users": data.num_users,
        "items": data.num_items,
        "pairs": {"train": int(data.train.nnz), "validation": int(data.validation.nnz), "test": int(test.nnz)},
        "popularity": {metric: popular.means("rlmrec")[metric] for metric in ("recall_20", "ndcg_20")},
        "wall_seconds": round(time.perf_counter() - started_s, 1),
        "rows": rows,
    }
    print(write_result(f"text_prior_{chosen.dataset}", result))


def gained(one: dict[str, object]) -> list[str]:
    """Relative gain and p of either metric; empty for the base itself."""
    gain = one.get("gain")
    if not isinstance(gain, dict):
        return ["", "", "", ""]
    return [text for each in gain.values() for text in (f"{100 * each['relative']:+.1f} %", f"{each['t_p']:.1g}")]


if __name__ == "__main__":
    main()
