"""What texts are worth at which density, as a table and in one sentence: the gain over the text-free base as train is thinned.

Measured by tuning base and texts anew at each density, real texts beside shuffled ones; how is `models.training.density`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.evaluation.recipe import DENSITY_SHARES
from assets.tables import read_matrix, write_frame
from assets.training.data import load_data
from models.bases import base_spec

if TYPE_CHECKING:
    import pandas as pd

    from models.training.density import Density

TABLE = "density.parquet"
REAL, CONTROL = "real", "shuffled"
_TYPES = {
    "share": "DOUBLE",
    "pairs_per_user": "DOUBLE",
    "texts": "VARCHAR",
    "form": "VARCHAR",
    "users": "BIGINT",
    "base_recall_20": "DOUBLE",
    "base_ndcg_20": "DOUBLE",
    "popularity_recall_20": "DOUBLE",
    "recall_20": "DOUBLE",
    "recall_20_relative": "DOUBLE",
    "recall_20_low": "DOUBLE",
    "recall_20_high": "DOUBLE",
    "recall_20_p": "DOUBLE",
    "ndcg_20": "DOUBLE",
    "ndcg_20_relative": "DOUBLE",
    "ndcg_20_low": "DOUBLE",
    "ndcg_20_high": "DOUBLE",
    "ndcg_20_p": "DOUBLE",
    "pays": "BOOLEAN",
}
"""Relative gains and the ends of their 95 % intervals are shares of the base's mean."""


def write_density(inputs: Mapping[str, Path], base_model: str, seed: int, target: Path) -> dict[str, Any]:
    """Write `density.parquet`, one row a share of train and kind of texts; return figures.

    Args:
        inputs: folders of `split` and `text_embeddings`.
        base_model: one in closed form.
        seed: of the thinning and of the control.
        target: folder to write to.
    """
    import pandas as pd

    from models.closed_form.text_part import centred
    from models.training.density import measure_densities

    data = load_data(inputs["split"], inputs["text_embeddings"])
    dealt = data.with_shuffled_texts(seed)
    assert data.item_texts is not None
    assert dealt.item_texts is not None
    found = measure_densities(
        data.train,
        data.validation,
        read_matrix(inputs["split"], "test"),
        {REAL: centred(data.item_texts), CONTROL: centred(dealt.item_texts)},
        base_spec(base_model).config(name=base_model),
        DENSITY_SHARES,
        seed,
    )
    frame = pd.DataFrame([row for one in found for row in rows_of(one)])
    write_frame(frame, target / TABLE, _TYPES)
    return {"said": sentence(frame), "curve_md": markdown(frame)}


def rows_of(one: Density) -> list[dict[str, Any]]:
    """One row a kind of texts."""
    rows = []
    for kind, gains in one.gains.items():
        row = {"share": one.share, "pairs_per_user": one.pairs_per_user, "texts": kind, "form": one.forms[kind]}
        row |= {f"base_{name}": value for name, value in one.base.items()} | {"popularity_recall_20": one.popularity}
        for name, gain in gains.items():
            scale = gain.reference_mean or float("nan")
            row |= {"users": gain.num_users, name: gain.mean, f"{name}_p": gain.t_p}
            ends = {"relative": gain.mean_difference, "low": gain.low, "high": gain.high}
            row |= {f"{name}_{end}": value / scale for end, value in ends.items()}
        rows.append(row | {"pays": kind == REAL and one.pays(REAL, CONTROL)})
    return rows


def sentence(frame: pd.DataFrame) -> str:
    """What texts are worth on these data, and up to how many interactions a user they pay."""
    real = frame[frame["texts"] == REAL].sort_values("pairs_per_user")
    full, paying = real.iloc[-1], real[real["pays"]]
    per_user = f"{full['pairs_per_user']:.3g} interactions per user"
    worth = f"Text is worth {full['recall_20_relative']:+.1%} Recall@20 here, with {per_user}"
    if paying.empty:
        return (
            f"{worth}, and does not pay at any density measured, down to {real['pairs_per_user'].iloc[0]:.2g} per user."
        )
    most = paying.iloc[int(paying["recall_20_relative"].to_numpy().argmax())]
    best = f"{most['recall_20_relative']:+.1%} at {most['pairs_per_user']:.2g} per user"
    if not full["pays"]:
        return f"{worth}, which may be chance; below {paying['pairs_per_user'].iloc[-1]:.2g} per user it pays: {best}."
    if most["share"] == full["share"]:
        return f"{worth}, and more than at any lower density."
    return f"{worth}; it pays at that density and is worth most where there is less: {best}."


def markdown(frame: pd.DataFrame) -> str:
    """One line a density, real texts beside the control."""
    lines = [
        "| train | interactions per user | popularity Recall@20 | base Recall@20 | real texts | p | shuffled texts | p |",
        "|" + " --- |" * 8,
    ]
    for share, rows in frame.groupby("share", sort=True):
        by = rows.set_index("texts")
        real, control = by.loc[REAL], by.loc[CONTROL]
        cells = [
            f"{share:.0%}",
            f"{real['pairs_per_user']:.1f}",
            *(f"{real[name]:.4f}" for name in ("popularity_recall_20", "base_recall_20")),
            *(
                text
                for one in (real, control)
                for text in (f"{one['recall_20_relative']:+.1%}", f"{one['recall_20_p']:.1g}")
            ),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
