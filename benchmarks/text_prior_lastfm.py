"""What item texts add to the strongest text-free models on Last.fm: tuned with as many trials, real, shuffled, random text.

    python -m benchmarks.text_prior_lastfm DATA_FOLDER [--carve-outs 3] [--threads 2]

DATA_FOLDER holds `train_mat.npz`, `test_mat.npz` and `item_profile.jsonl.gz`. Settings are chosen by Recall@20, averaged over
carve-outs of an eighth of train, the form of texts by the rule of `models.training.search`; each chosen model is fitted once
more on all of train and ranked on test, train items hidden (protocol `rlmrec`). The text-free models get further trials
around their grids, so that they have seen more settings than the texts. The controls choose for themselves, and are also
shown at what the real texts chose. Result: benchmarks/results/text_prior_lastfm.json.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from benchmarks.lmmrec_lastfm import texts
from benchmarks.machine import machine
from benchmarks.tables import text_table, write_result
from models.bases import EaseConfig, GFCFConfig
from models.bases.closed_form import ClosedFormBase, Trial
from models.bases.ease import EASE
from models.bases.gfcf import GFCF
from models.closed_form.text_part import TextSettings, centred, spreads
from models.enhancers import TextPriorConfig
from models.graph import binary_csr
from models.language.encoders import EncoderConfig, load_encoder
from models.ranking.evaluate import Evaluation, evaluate
from models.ranking.significance import compare
from models.training.search import shown_settings, stepwise

EASE_MORE = [
    EaseConfig(user_power=0.5, regularisation=lam, dropout=rho, popularity_power=delta)
    for lam, rho, delta in (
        *product((50.0, 150.0, 200.0), (2.0, 5.0), (0.1, 0.2, 0.3)),
        *product((100.0,), (3.0,), (0.1, 0.3)),
        *product((100.0,), (2.0, 5.0), (0.2,)),
        *product((100.0,), (2.0, 5.0), (0.3, 0.4)),
        *product((150.0, 200.0), (5.0, 7.0), (0.4,)),
        *product((150.0,), (7.0,), (0.2, 0.3)),
        (200.0, 7.0, 0.3),
    )
]
"""Further trials of EASE around what its grid preferred, as many as its texts get."""
GFCF_MORE = [
    GFCFConfig(rank=rank, alpha=alpha, popularity_power=delta)
    for rank, alpha, delta in product((96, 192), (0.2, 0.5), (-0.05, 0.0, 0.05, 0.1, 0.15, 0.2))
]
JOINT = [
    (
        EaseConfig(user_power=0.5, regularisation=lam, dropout=rho, popularity_power=delta),
        TextSettings(form="kernel", weight=weight),
    )
    for lam, rho, delta, weight in product((150.0, 300.0), (3.0, 5.0), (0.1, 0.2), (5.0, 10.0, 20.0, 40.0))
]
"""EASE and its texts tuned together: texts do part of what the base's own settings do alone."""
SUM_WEIGHTS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5)
VIEWS = ("mini", "lsa", "both", "shuffled", "random")

JOINTLY = "ease + both, tuned together"
SUFFIX = {"all": "", "same": ", as both"}


@dataclass(frozen=True)
class Data:
    """One train matrix and what it is looked at with."""

    train: sp.csr_matrix
    held_out: sp.csr_matrix

    def look(self, score: Callable[[np.ndarray], np.ndarray]) -> Evaluation:
        return evaluate(_Scorer(score), self.train, sp.csr_matrix(self.train.shape), self.held_out, ("rlmrec",))


@dataclass(frozen=True)
class _Scorer:
    score: Callable[[np.ndarray], np.ndarray]


def carve(train: sp.csr_matrix, share: float, seed: int) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """(train, validation): each pair is held out with probability `share`; users and items left without any get theirs back.

    Holding out a fixed pair of every item instead would keep rare items out of validation, though they are in test.
    """
    pairs = train.tocoo()
    held = np.random.default_rng(seed).random(pairs.nnz) < share
    for rows, count in ((pairs.row, train.shape[0]), (pairs.col, train.shape[1])):
        held &= np.bincount(rows[~held], minlength=count)[rows] > 0
    parts = [
        sp.csr_matrix((pairs.data[rows], (pairs.row[rows], pairs.col[rows])), train.shape) for rows in (~held, held)
    ]
    return parts[0], parts[1]


def of_users(found: Evaluation) -> np.ndarray:
    return found.per_user["rlmrec"]["recall_20"]


def recall(found: Evaluation) -> float:
    return float(found.per_user["rlmrec"]["recall_20"].mean())


def configs(model: type[ClosedFormBase], config: Any, more: list[Any], train: sp.csr_matrix) -> list[Any]:
    return [*model.grid(config, train), *more]


def base_trials(model: type[ClosedFormBase], config: Any, more: list[Any], train: sp.csr_matrix) -> Iterator[Trial]:
    yield from model.trials(config, train)
    for chosen in more:
        yield from model.trials(chosen, train)


def summed(one: ClosedFormBase, other: ClosedFormBase, weight: float) -> Callable[[np.ndarray], np.ndarray]:
    """The text-free sum of both."""
    return sum_with(lambda user_idx: one.history_scores(one.train[user_idx]), other, weight)


def with_texts(base: EaseConfig, text: TextSettings, texts: np.ndarray, train: sp.csr_matrix) -> Trial:
    """EASE of these settings with its texts."""
    model = EASE.fitted(base, train)
    return list(model.text_trials([text], texts))[1]


def sum_with(
    one: Callable[[np.ndarray], np.ndarray], other: ClosedFormBase, weight: float
) -> Callable[..., np.ndarray]:
    """z(one) + weight z(other)."""

    def score(user_idx: np.ndarray) -> np.ndarray:
        first, second = one(user_idx), other.history_scores(other.train[user_idx])
        return np.asarray(first + second * (weight * spreads(first) / spreads(second))[:, None])

    return score


def tuned(recalls: np.ndarray) -> int:
    """The setting with the best mean over carve-outs, (carve-outs, settings)."""
    return int(recalls.mean(axis=0).argmax())


def vectors(folder: Path, num_items: int, threads: int) -> dict[str, np.ndarray]:
    """The item texts by view, and the two controls of `both`."""
    lines = texts(folder / "item_profile.jsonl.gz", "iid", num_items)
    mini, lsa = (load_encoder(EncoderConfig(name=name, threads=threads)).encode(lines) for name in ("minilm", "lsa"))
    both = centred(mini, lsa)
    rng = np.random.default_rng(2023)
    return {
        "mini": centred(mini),
        "lsa": centred(lsa),
        "both": both,
        "shuffled": both[rng.permutation(num_items)],
        "random": centred(rng.standard_normal(both.shape)),
    }


def buckets(found: Evaluation, train: sp.csr_matrix) -> dict[str, list[float]]:
    """Recall@20 by quintile of train degree, and hit rate by fifth of the train mass, most popular items first."""
    of_user = found.per_user["rlmrec"]["recall_20"]
    cuts = np.quantile(found.num_train, [0.2, 0.4, 0.6, 0.8])
    users = np.searchsorted(cuts, found.num_train)
    counts = np.bincount(train.indices, minlength=train.shape[1])
    order = np.argsort(-counts, kind="stable")
    fifth = np.empty(len(counts), dtype=int)
    fifth[order] = np.minimum(5 * (np.cumsum(counts[order]) - counts[order]) // counts.sum(), 4)
    rank = found.pair_rank["rlmrec"]
    of_pair = fifth[found.pair_item_idx]
    return {
        "degree_cuts": [float(cut) for cut in cuts],
        "recall_20_by_degree": [float(of_user[users == part].mean()) for part in range(5)],
        "items_by_popularity": [int((fifth == part).sum()) for part in range(5)],
        "hit_rate_by_popularity": [float((rank[of_pair == part] > 0).mean()) for part in range(5)],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--carve-outs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    about = machine(arguments.threads)
    train = binary_csr(sp.load_npz(arguments.data / "train_mat.npz").tocsr())
    whole = Data(train, sp.load_npz(arguments.data / "test_mat.npz").tocsr())
    parts = [Data(*map(binary_csr, carve(train, 1 / 8, seed))) for seed in range(arguments.carve_outs)]
    views = vectors(arguments.data, train.shape[1], arguments.threads)
    started_s, started_cpu_s = time.perf_counter(), time.process_time()
    rows: list[dict[str, Any]] = []
    tests: dict[str, Evaluation] = {}

    def told(name: str, kind: str, val: float, trials: int, settings: Any, found: Evaluation) -> None:
        tests[name] = found
        means = {key: value for key, value in found.means("rlmrec").items() if key.startswith(("recall", "ndcg"))}
        rows.append({"model": name, "kind": kind, "trials": trials, "settings": settings, "validation_recall_20": val})
        rows[-1] |= means
        print(
            f"{name:<32} val {val:.4f} test R@20 {means['recall_20']:.4f} N@20 {means['ndcg_20']:.4f}",
            settings,
            flush=True,
        )

    fitted: dict[str, ClosedFormBase] = {}
    by_part: dict[str, list[ClosedFormBase]] = {}
    for name, model, config, more in (("ease", EASE, EaseConfig(), EASE_MORE), ("gfcf", GFCF, GFCFConfig(), GFCF_MORE)):
        tried = configs(model, config, more, parts[0].train)
        looks = [
            [recall(part.look(trial.score)) for trial in base_trials(model, config, more, part.train)] for part in parts
        ]
        recalls = np.array(looks)
        number = tuned(recalls)
        fitted[name] = model.fitted(tried[number], train)
        by_part[name] = [model.fitted(tried[number], part.train) for part in parts]
        settings = shown_settings(Trial(tried[number], None, fitted[name].history_scores))
        found = whole.look(lambda users, name=name: fitted[name].history_scores(train[users]))  # type: ignore[misc]
        told(name, "text-free", float(recalls.mean(axis=0)[number]), len(tried), settings, found)
    sums = np.array(
        [
            [recall(part.look(summed(*pair, weight))) for weight in SUM_WEIGHTS]
            for part, pair in zip(parts, zip(by_part["ease"], by_part["gfcf"], strict=True), strict=True)
        ]
    )
    number = tuned(sums)
    found = whole.look(summed(fitted["ease"], fitted["gfcf"], SUM_WEIGHTS[number]))
    told("ease & gfcf", "text-free", float(sums.mean(axis=0)[number]), sums.shape[1], {"c": SUM_WEIGHTS[number]}, found)
    of_view: dict[tuple[str, str], int] = {}
    for name, view in product(("ease", "gfcf"), VIEWS):
        grid: list[TextSettings | None] = [None, *fitted[name].text_grid()]
        per_user = [
            [of_users(part.look(trial.score)) for trial in model.text_trials(grid[1:], views[view])]  # type: ignore[arg-type]
            for part, model in zip(parts, by_part[name], strict=True)
        ]
        joined = [np.concatenate(looks) for looks in zip(*per_user, strict=True)]  # users of all carve-outs, by setting
        recalls = np.array([[values.mean() for values in looks] for looks in per_user])
        control = view in ("shuffled", "random")
        forms = ["all", "same"] if control else ["all", *dict.fromkeys(text.form for text in grid if text)]
        trials = dict(enumerate(fitted[name].text_trials(grid[1:], views[view])))  # type: ignore[arg-type]
        for form in forms:
            allowed = [at for at, text in enumerate(grid) if text is None or form in ("all", "same", text.form)]
            best = allowed[int(recalls.mean(axis=0)[allowed].argmax())]
            if form == "all":
                best = stepwise(dict(enumerate(grid)), joined, 0, TextPriorConfig().significance)
                of_view[name, view] = best
            elif form == "same":
                best = of_view[name, "both"]
            text = grid[best]
            label = f"{name} + {view}{SUFFIX.get(form, f', {form} alone')}"
            chosen: dict[str, Any] = {"form": "none"} if text is None else asdict(text)
            found = whole.look(trials[best].score)
            told(
                label,
                "control" if control else "text",
                float(recalls.mean(axis=0)[best]),
                len(allowed) - 1,
                chosen,
                found,
            )
    recalls = np.array(
        [[recall(part.look(with_texts(*each, views["both"], part.train).score)) for each in JOINT] for part in parts]
    )
    number = tuned(recalls)
    base, text = JOINT[number]
    trial = with_texts(base, text, views["both"], train)
    told(
        JOINTLY, "text", float(recalls.mean(axis=0)[number]), len(JOINT), shown_settings(trial), whole.look(trial.score)
    )
    by_trial = [with_texts(base, text, views["both"], part.train) for part in parts]
    sums = np.array(
        [
            [recall(part.look(sum_with(each.score, other, weight))) for weight in SUM_WEIGHTS]
            for part, each, other in zip(parts, by_trial, by_part["gfcf"], strict=True)
        ]
    )
    number = tuned(sums)
    found = whole.look(sum_with(trial.score, fitted["gfcf"], SUM_WEIGHTS[number]))
    settings = {"c": SUM_WEIGHTS[number]}
    told(f"{JOINTLY} & gfcf", "text", float(sums.mean(axis=0)[number]), len(SUM_WEIGHTS), settings, found)
    free = max((row for row in rows if row["kind"] == "text-free"), key=lambda row: row["validation_recall_20"])[
        "model"
    ]
    comparisons = {
        f"{row['model']} over {reference}: {metric}": asdict(
            compare(tests[row["model"]].per_user["rlmrec"][metric], tests[reference].per_user["rlmrec"][metric])
        )
        for row in rows
        for reference in dict.fromkeys((free, "ease", "gfcf" if row["model"].startswith("gfcf") else "ease"))
        if row["model"] != reference
        for metric in ("recall_20", "ndcg_20")
    }
    result = {
        "what": "Last.fm with LLM item texts, protocol rlmrec, test; settings chosen on validation Recall@20",
        "machine": about,
        "carve_outs": arguments.carve_outs,
        "best_text_free_on_validation": free,
        "wall_seconds": round(time.perf_counter() - started_s, 1),
        "cpu_seconds": round(time.process_time() - started_cpu_s, 1),
        "rows": rows,
        "comparisons": comparisons,
        "buckets": {
            name: buckets(tests[name], train)
            for name in dict.fromkeys(("ease", free, "ease + both", "ease + lsa", JOINTLY))
        },
    }
    print(write_result("text_prior_lastfm", result))
    columns = ["model", "trials", "val R20", "R10", "R20", "N10", "N20", "over ease R20", "N20", "p N20"]
    print(text_table(columns, [_line(row, comparisons) for row in rows]))


def _line(row: dict[str, Any], comparisons: dict[str, dict[str, Any]]) -> list[str]:
    names = ("validation_recall_20", "recall_10", "recall_20", "ndcg_10", "ndcg_20")
    cells = [row["model"], str(row["trials"]), *(f"{row[name]:.4f}" for name in names)]
    over = [comparisons.get(f"{row['model']} over ease: {metric}") for metric in ("recall_20", "ndcg_20")]
    if over[0] is None or over[1] is None:
        return [*cells, "", "", ""]
    return [*cells, *(f"{100 * one['relative']:+.1f} %" for one in over if one), f"{over[1]['t_p']:.0e}"]


if __name__ == "__main__":
    main()
