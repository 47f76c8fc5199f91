"""What item texts add to the strongest text-free models on Last.fm, beside popularity and graph models, in one table.

    python -m benchmarks.graph_models_lastfm DATA_FOLDER MODELS_FOLDER
    python -m benchmarks.text_prior_lastfm DATA_FOLDER --graph-models MODELS_FOLDER [--carve-outs 3] [--threads 2]

DATA_FOLDER holds `train_mat.npz`, `test_mat.npz` and `item_profile.jsonl.gz`. Settings are those that the product tries,
chosen by Recall@20 averaged over carve-outs of an eighth of train: a base alone, then base and texts together with no more
trials, the form of texts by the rule of `models.training.search`. Each chosen model is fitted once more on all of train and
ranked on test, train items hidden (protocol `rlmrec`). The controls choose for themselves, and are also shown at what the real
texts chose. The graph models come from the first script; those that read the user texts are tuned on pairs which these may
tell of.
Result: benchmarks/results/text_prior_lastfm.json.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from benchmarks.graph_models_lastfm import METHODS, READS_USER_TEXTS, TRIALS
from benchmarks.lastfm import Matrices, vectors
from benchmarks.machine import machine
from benchmarks.tables import text_table, write_result
from models.anchors import ANCHORS
from models.bases import BaseConfig, base_spec
from models.bases.closed_form import ClosedFormBase, Trial
from models.closed_form.text_part import spreads
from models.enhancers import TextPriorConfig
from models.ranking.evaluate import Evaluation, evaluate
from models.ranking.significance import compare
from models.training.checkpoint import load
from models.training.search import shown_settings, stepwise

PROTOCOL, METRICS = "rlmrec", ("recall_20", "ndcg_20")
BASES, VIEWS, CONTROLS = ("ease", "gfcf"), ("mini", "lsa", "both"), ("shuffled", "random")
SUM_WEIGHTS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5)
"""c of z(EASE) + c z(GF-CF)."""
SUM = "ease & gfcf"

Score = Callable[[np.ndarray], Any]


@dataclass(frozen=True)
class Data:
    """One train matrix and what it is looked at with."""

    train: sp.csr_matrix
    held_out: sp.csr_matrix

    def look(self, score: Score) -> Evaluation:
        return evaluate(_Scorer(score), self.train, sp.csr_matrix(self.train.shape), self.held_out, (PROTOCOL,))


@dataclass(frozen=True)
class _Scorer:
    score: Score


@dataclass(frozen=True)
class Parts:
    """The carve-outs that choose, and the whole that is reported."""

    carved: list[Data]
    whole: Data

    def of_users(self, scores: Sequence[Score]) -> np.ndarray:
        """Recall@20 of the users of all carve-outs, one scorer a carve-out."""
        return np.concatenate(
            [part.look(score).per_user[PROTOCOL]["recall_20"] for part, score in zip(self.carved, scores, strict=True)]
        )


@dataclass(frozen=True)
class Chosen:
    """What validation chose, ready to be ranked with."""

    score: Score
    on_carved: list[Score]
    of_users: np.ndarray
    trials: int
    settings: Mapping[str, Any]


@dataclass
class Table:
    """All models so far."""

    whole: Data
    rows: list[dict[str, Any]] = field(default_factory=list)
    tests: dict[str, Evaluation] = field(default_factory=dict)

    def add(self, name: str, kind: str, validation: float, trials: int, settings: Any, score: Score) -> None:
        self.tests[name] = found = self.whole.look(score)
        means = {key: value for key, value in found.means(PROTOCOL).items() if key.startswith(("recall", "ndcg"))}
        about = {
            "model": name,
            "kind": kind,
            "trials": trials,
            "settings": settings,
            "validation_recall_20": validation,
        }
        self.rows.append(about | means)
        shown = f"val {validation:.4f} test R@20 {means['recall_20']:.4f} N@20 {means['ndcg_20']:.4f}"
        print(f"{name:<32} {shown}", settings, flush=True)

    def add_chosen(self, name: str, kind: str, chosen: Chosen) -> None:
        self.add(name, kind, float(chosen.of_users.mean()), chosen.trials, chosen.settings, chosen.score)

    def best(self, kind: str) -> str:
        """By validation."""
        rows = [row for row in self.rows if row["kind"] == kind]
        return str(max(rows, key=lambda row: float(row["validation_recall_20"]))["model"])

    def over(self, reference: str) -> dict[str, dict[str, Any]]:
        """Every other model against this one, by `model: metric`, paired over users."""
        theirs = self.tests[reference].per_user[PROTOCOL]
        return {
            f"{name} over {reference}: {metric}": asdict(compare(found.per_user[PROTOCOL][metric], theirs[metric]))
            for name, found in self.tests.items()
            if name != reference
            for metric in METRICS
        }


def tuned_alone(formula: type[ClosedFormBase], config: BaseConfig, parts: Parts) -> tuple[BaseConfig, np.ndarray, int]:
    """The best setting without texts, its validation and how many were tried; as `search.tuned`, over all carve-outs."""

    def looks(tried: Sequence[BaseConfig]) -> list[np.ndarray]:
        trials = [formula.trials(tried, part.train) for part in parts.carved]
        return [parts.of_users([trial.score for trial in each]) for each in zip(*trials, strict=True)]

    tried = list(formula.grid(config, parts.whole.train))
    found = looks(tried)
    best = max(range(len(tried)), key=lambda at: float(found[at].mean()))
    around = list(formula.finer(config, tried[best], parts.whole.train))
    tried, found = tried + around, found + (looks(around) if around else [])
    best = max(range(len(tried)), key=lambda at: float(found[at].mean()))
    return tried[best], found[best], len(tried)


class BaseOfTexts:
    """One base, tuned alone, on which texts are tried."""

    def __init__(self, name: str, parts: Parts) -> None:
        self.formula, self.config, self.parts = base_spec(name).formula(), base_spec(name).config(name=name), parts
        chosen, of_users, trials = tuned_alone(self.formula, self.config, parts)
        self.model = self.formula.fitted(chosen, parts.whole.train)
        self.carved = [self.formula.fitted(chosen, part.train) for part in parts.carved]
        plain, on_carved = history_scorer(self.model), [history_scorer(model) for model in self.carved]
        self.alone = Chosen(plain, on_carved, of_users, trials, shown_settings(Trial(chosen, None, plain)))
        self.choices = self.formula.text_grid(self.config, chosen, parts.whole.train)

    def with_texts(self, texts: np.ndarray) -> tuple[Chosen, int | None]:
        """What the rule of the product chooses, and its number; the base alone and None where it takes no texts."""
        found = [self.alone.of_users]
        trials = [model.text_trials(self.choices, texts) for model in self.carved]
        found += [self.parts.of_users([trial.score for trial in each]) for each in zip(*trials, strict=True)]
        forms = {number: choice.text for number, choice in enumerate(self.choices, start=1)}
        number = stepwise(forms, found, 0, TextPriorConfig().significance)
        if number == 0:
            alone = self.alone
            nothing = {"form": "none"}
            return Chosen(alone.score, alone.on_carved, alone.of_users, len(self.choices), nothing), None
        return self.at(number - 1, texts), number - 1

    def at(self, number: int, texts: np.ndarray) -> Chosen:
        """These texts at one choice."""
        trials = [next(model.text_trials([self.choices[number]], texts)) for model in (self.model, *self.carved)]
        on_carved = [trial.score for trial in trials[1:]]
        settings = shown_settings(trials[0])
        return Chosen(trials[0].score, on_carved, self.parts.of_users(on_carved), len(self.choices), settings)


def history_scorer(model: ClosedFormBase) -> Score:
    return lambda users: model.history_scores(model.train[users])


def summed(one: Chosen, other: Chosen, parts: Parts) -> Chosen:
    """z(one) + c z(other), c by validation."""
    pairs = list(zip(one.on_carved, other.on_carved, strict=True))
    found = [parts.of_users([_sum(*pair, weight) for pair in pairs]) for weight in SUM_WEIGHTS]
    best = max(range(len(found)), key=lambda at: float(found[at].mean()))
    weight = SUM_WEIGHTS[best]
    on_carved = [_sum(*pair, weight) for pair in pairs]
    trials = one.trials + other.trials + len(SUM_WEIGHTS)
    return Chosen(_sum(one.score, other.score, weight), on_carved, found[best], trials, {"c": weight})


def _sum(one: Score, other: Score, weight: float) -> Score:
    def score(users: np.ndarray) -> np.ndarray:
        first, second = one(users), other(users)
        return np.asarray(first + second * (weight * spreads(first) / spreads(second))[:, None])

    return score


def add_closed_forms(table: Table, parts: Parts, views: Mapping[str, np.ndarray]) -> None:
    """EASE, GF-CF and their sum, with texts and without, and the controls."""
    bases = {name: BaseOfTexts(name, parts) for name in BASES}
    for name, base in bases.items():
        table.add_chosen(name, "text-free", base.alone)
    table.add_chosen(SUM, "text-free", summed(bases["ease"].alone, bases["gfcf"].alone, parts))
    for name, base in bases.items():
        chosen = {view: base.with_texts(views[view]) for view in VIEWS}
        for view, (found, _) in chosen.items():
            table.add_chosen(f"{name} + {view}", "text", found)
        for control in CONTROLS:
            table.add_chosen(f"{name} + {control}", "control", base.with_texts(views[control])[0])
            if (number := chosen["both"][1]) is not None:
                table.add_chosen(f"{name} + {control}, as both", "control", base.at(number, views[control]))
        if name == "ease":
            both = summed(chosen["both"][0], bases["gfcf"].alone, parts)
            table.add_chosen("ease + both & gfcf", "text", both)


def add_popularity(table: Table, parts: Parts) -> None:
    fitted = [ANCHORS["popularity"]().fit(part.train) for part in (parts.whole, *parts.carved)]
    validation = float(parts.of_users([model.score for model in fitted[1:]]).mean())
    table.add("popularity", "text-free", validation, 1, {}, fitted[0].score)


def add_graph_models(table: Table, folder: Path) -> None:
    log = json.loads((folder / TRIALS).read_bytes())
    for method in METHODS:
        found = log[method]
        kind = "graph, user texts leak into validation" if method in READS_USER_TEXTS else "graph"
        settings = found["settings"] | {"epochs": found["epochs"]}
        validation, trials = float(found["validation_recall_20"]), len(found["trials"])
        table.add(method, kind, validation, trials, settings, load(folder / method).score)


def buckets(found: Evaluation, train: sp.csr_matrix) -> dict[str, list[float]]:
    """Recall@20 by quintile of train degree, and hit rate by fifth of the train mass, most popular items first."""
    of_user = found.per_user[PROTOCOL]["recall_20"]
    cuts = np.quantile(found.num_train, [0.2, 0.4, 0.6, 0.8])
    users = np.searchsorted(cuts, found.num_train)
    counts = np.bincount(train.indices, minlength=train.shape[1])
    order = np.argsort(-counts, kind="stable")
    fifth = np.empty(len(counts), dtype=int)
    fifth[order] = np.minimum(5 * (np.cumsum(counts[order]) - counts[order]) // counts.sum(), 4)
    rank = found.pair_rank[PROTOCOL]
    of_pair = fifth[found.pair_item_idx]
    return {
        "degree_cuts": [float(cut) for cut in cuts],
        "recall_20_by_degree": [float(of_user[users == part].mean()) for part in range(5)],
        "items_by_popularity": [int((fifth == part).sum()) for part in range(5)],
        "hit_rate_by_popularity": [float((rank[of_pair == part] > 0).mean()) for part in range(5)],
    }


def show(table: Table, free: str, comparisons: Mapping[str, Mapping[str, Any]]) -> str:
    columns = ["model", "trials", "val R20", "R10", "R20", "N10", "N20", f"R20 over {free}", "p", "N20", "p"]
    lines = []
    for row in table.rows:
        names = ("validation_recall_20", "recall_10", "recall_20", "ndcg_10", "ndcg_20")
        cells = [row["model"], str(row["trials"]), *(f"{row[name]:.4f}" for name in names)]
        over = [comparisons.get(f"{row['model']} over {free}: {metric}") for metric in METRICS]
        gains = [text for one in over if one for text in (f"{100 * one['relative']:+.1f} %", f"{one['t_p']:.0e}")]
        lines.append([*cells, *(gains or [""] * 4)])
    return text_table(columns, lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--graph-models", type=Path, required=True)
    parser.add_argument("--carve-outs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    about, matrices = machine(arguments.threads), Matrices.read(arguments.data)
    carved = [Data(*matrices.carved(seed)) for seed in range(arguments.carve_outs)]
    parts = Parts(carved, Data(matrices.train, matrices.test))
    views = vectors(arguments.data, matrices.train.shape[1], arguments.threads)
    started_s, started_cpu_s = time.perf_counter(), time.process_time()
    table = Table(parts.whole)
    with threadpool_limits(arguments.threads):
        add_popularity(table, parts)
        add_closed_forms(table, parts, views)
        add_graph_models(table, arguments.graph_models)
    free = table.best("text-free")
    comparisons = {}
    for reference in dict.fromkeys((free, *BASES, "lightgcn", "lmmrec")):
        comparisons |= table.over(reference)
    result = {
        "what": "Last.fm with LLM item texts, protocol rlmrec, test; settings chosen on validation Recall@20",
        "machine": about,
        "carve_outs": arguments.carve_outs,
        "best_text_free_on_validation": free,
        "best_with_texts_on_validation": table.best("text"),
        "wall_seconds": round(time.perf_counter() - started_s, 1),
        "cpu_seconds": round(time.process_time() - started_cpu_s, 1),
        "rows": table.rows,
        "comparisons": comparisons,
        "buckets": {name: buckets(found, matrices.train) for name, found in table.tests.items()},
    }
    print(write_result("text_prior_lastfm", result))
    print(show(table, free, comparisons))


if __name__ == "__main__":
    main()
