"""Metrics of one cell as tables: a row a user, a row a test pair, a row a mean, each naming its protocol.

What a metric is belongs to `models.ranking`; here it gets its place in the lake. Files hold what follows from checkpoint
and split alone, so run and time are joined later, from the records (`warehouse.py`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.evaluation.recipe import KS, PROTOCOLS
from assets.lake import Address
from assets.tables import read_matrix, read_sizes, write_frame
from models.errors import LmmrecError

if TYPE_CHECKING:
    import pandas as pd

    from models.ranking.evaluate import Evaluation
    from models.ranking.protocol import Protocol, Scorer

PER_USER, HITS, MEANS = "per_user.parquet", "hits.parquet", "means.parquet"
VALIDATION = "validation.parquet"
"""Recall and NDCG at 20 of users on the validation part: what a model is selected by. No test pair plays a part in it."""
METRICS = ("recall", "ndcg")
CATALOGUE_METRICS = ("coverage", "gini", "popularity")
"""About the lists of all evaluated users together, at 10."""
_PER_USER_TYPES = {"user_idx": "BIGINT", "num_train": "BIGINT", "num_test": "BIGINT"} | {
    f"{metric}_{k}": "DOUBLE" for metric in METRICS for k in KS
}
_HITS_TYPES = {"user_idx": "BIGINT", "item_idx": "BIGINT", "rank": "INTEGER"}
_VALIDATION_TYPES = {"user_idx": "BIGINT", "recall_20": "DOUBLE", "ndcg_20": "DOUBLE"}
_VALIDATION_SEED = 2023
"""Of the sample of users where they are very many: the same for all models, so that they are compared on the same users."""
_MEANS_TYPES = {"seed": "BIGINT", "k": "INTEGER", "value": "DOUBLE", "num_users": "BIGINT", "epoch": "BIGINT"}


@dataclass(frozen=True)
class Label:
    """Whose numbers they are."""

    dataset: str
    base_model: str
    method: str
    variant: str
    seed: int
    epoch: int | None
    """The epoch whose weights were kept; None where nothing is trained."""


@dataclass(frozen=True)
class Tables:
    """The tables of one evaluation."""

    per_user: pd.DataFrame
    hits: pd.DataFrame
    means: pd.DataFrame
    validation: pd.DataFrame

    def write(self, target: Path) -> None:
        write_frame(self.per_user, target / PER_USER, _PER_USER_TYPES)
        write_frame(self.hits, target / HITS, _HITS_TYPES)
        write_frame(self.means, target / MEANS, _MEANS_TYPES)
        write_frame(self.validation, target / VALIDATION, _VALIDATION_TYPES)


def evaluate_cell(checkpoint: Path, split: Path, address: Address, method: str, target: Path) -> dict[str, Any]:
    """Evaluate a checkpoint on the test part under every protocol, write the tables and return figures.

    Raises:
        LmmrecError: the checkpoint was trained on other users or items than the split has.
    """
    from models.training.checkpoint import load

    model = load(checkpoint)
    _refuse_foreign(checkpoint, split)
    assert address.dataset is not None
    assert address.base_model is not None
    assert address.variant is not None
    assert address.seed is not None
    label = Label(address.dataset, address.base_model, method, address.variant, address.seed, model.best_epoch)
    evaluated = tables_of(evaluate_scorer(model, split), validation_of(model, split), label)
    evaluated.write(target)
    return figures(evaluated.means)


def evaluate_scorer(scorer: Scorer, split: Path) -> Evaluation:
    """Rank all items for every user with test items, under every protocol."""
    from models.ranking.evaluate import evaluate

    train, validation, test = (read_matrix(split, part) for part in ("train", "validation", "test"))
    return evaluate(scorer, train, validation, test, PROTOCOLS, KS)


def validation_of(scorer: Scorer, split: Path) -> pd.DataFrame:
    """One row a user with validation pairs, train items hidden: user_idx, recall_20, ndcg_20; empty without such pairs."""
    import pandas as pd

    from models.progress import Silence, reporting_to
    from models.ranking.evaluate import evaluate
    from models.training.search import sampled_rows

    train, validation = (read_matrix(split, part) for part in ("train", "validation"))
    if not validation.nnz:
        return pd.DataFrame({name: [] for name in _VALIDATION_TYPES})
    rows = sampled_rows(validation, _VALIDATION_SEED)
    with reporting_to(Silence()):
        found = evaluate(scorer, train, rows, rows, ("rlmrec",), (20,))
    return pd.DataFrame({"user_idx": found.user_idx, **found.per_user["rlmrec"]})


def tables_of(evaluation: Evaluation, validation: pd.DataFrame, label: Label) -> Tables:
    """The tables of an evaluation, protocols one after the other, rows sorted by user and item."""
    import pandas as pd

    per_user, hits, means = [], [], []
    for protocol in PROTOCOLS:
        users = {"user_idx": evaluation.user_idx, "num_train": evaluation.num_train, "num_test": evaluation.num_test}
        values = {f"{metric}_{k}": evaluation.per_user[protocol][f"{metric}_{k}"] for metric in METRICS for k in KS}
        per_user.append(pd.DataFrame({"protocol": protocol, **users, **values}))
        rank = pd.Series(evaluation.pair_rank[protocol], dtype="Int64").replace(0, pd.NA)
        pairs = {"user_idx": evaluation.pair_user_idx, "item_idx": evaluation.pair_item_idx}
        hits.append(pd.DataFrame({"protocol": protocol, **pairs, "rank": rank}))
        means += _mean_rows(evaluation, protocol, label)
    users_and_pairs = [pd.concat(frames, ignore_index=True) for frames in (per_user, hits)]
    return Tables(users_and_pairs[0], users_and_pairs[1], pd.DataFrame(means), validation)


def figures(means: pd.DataFrame) -> dict[str, Any]:
    """What people look at: the numbers of protocol `strict` by name, and all means as a table."""
    strict = means[means["protocol"] == "strict"]
    named = {f"strict_{metric}_{k}": round(value, 6) for (metric, k), value in _values(strict).items()}
    return {"users_evaluated": int(means["num_users"].iloc[0]), **named, "means_md": means_table(means)}


def means_table(means: pd.DataFrame) -> str:
    """Markdown: one line a base model and protocol, one column a metric."""
    names = list(dict.fromkeys(zip(means["metric"], means["k"], strict=True)))
    lines = ["| base model | protocol | " + " | ".join(f"{metric}@{k}" for metric, k in names) + " |"]
    lines.append("|" + " --- |" * (len(names) + 2))
    for (base_model, protocol), rows in means.groupby(["base_model", "protocol"], sort=False):
        values = _values(rows)
        shown = [f"{values[name]:.1f}" if name[0] == "popularity" else f"{values[name]:.4f}" for name in names]
        lines.append(f"| {base_model} | {protocol} | " + " | ".join(shown) + " |")
    return "\n".join(lines)


def _values(means: pd.DataFrame) -> dict[tuple[str, int], float]:
    return {(metric, int(k)): float(value) for metric, k, value in means[["metric", "k", "value"]].to_numpy().tolist()}


def _mean_rows(evaluation: Evaluation, protocol: Protocol, label: Label) -> list[dict[str, Any]]:
    owner = {
        "dataset": label.dataset,
        "base_model": label.base_model,
        "method": label.method,
        "variant": label.variant,
        "seed": label.seed,
        "protocol": protocol,
    }
    rows = []
    for name, value in evaluation.means(protocol).items():
        metric, k = name.rsplit("_", 1)
        measured = {"metric": metric, "k": int(k), "value": value}
        rows.append(owner | measured | {"num_users": len(evaluation.user_idx), "epoch": label.epoch})
    return rows


def _refuse_foreign(checkpoint: Path, split: Path) -> None:
    ids = json.loads((checkpoint / "ids.json").read_bytes())
    known, sizes = (len(ids["users"]), len(ids["items"])), read_sizes(split)
    if known != sizes:
        raise LmmrecError(
            f"{checkpoint} was trained on {known[0]:,} users and {known[1]:,} items, but the split has {sizes[0]:,} and "
            f"{sizes[1]:,}: train it again."
        )
