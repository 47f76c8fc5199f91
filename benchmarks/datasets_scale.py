"""Tens of millions of reviews on a laptop: raw JSON lines to a split, beside the same steps in pandas.

Writes synthetic Amazon-2018 reviews (users and items after Zipf, text included, some rows repeated, some lines broken),
takes them through the functions behind the assets `reviews`, `interactions` and `split` in a process of its own on two
cores, and prints seconds, rows a second and peak memory. Beside it, in the same run and per row, on a share of the rows
because it holds all texts in memory: `pandas`, the same steps with the same quarantine of broken lines; and `read_json`,
what pandas takes on a file without broken lines, which is less than the task. Run:
`python -m benchmarks.datasets_scale --rows 20000000`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

CORE, MIN_RATING, SEED = 5, 3.0, 2023
RESULTS = Path(__file__).with_name("results") / "datasets_scale.json"
LIMITS = {"peak_rss_gb": 4.0, "growth": 2.2, "times_faster": 5.0}
"""What the run must show."""


def write_raw(path: Path, rows: int, *, broken: bool = True) -> None:
    """Synthetic reviews as JSON lines, the same for the same `rows`.

    Rank r has a share of about r^-0.6 (users; one per ten rows) or r^-0.7 (items; one per hundred). A text is three of
    20,000 sentences of 4 to 12 words. One row in a thousand is an exact repeat of its predecessor, and with `broken` one
    line in a hundred thousand ends too early.
    """
    from assets.tables import connect, literal

    users, items = max(100, rows // 10), max(50, rows // 100)
    with connect(threads=2, memory_limit="2GB") as connection:
        word = "substr(md5((hash(100 * n + w) % 3000)::VARCHAR), 1, 3 + (hash(100 * n + w) % 6)::INT)"
        connection.execute(
            f"""CREATE TABLE sentences AS SELECT n AS number,
                array_to_string(list_transform(range(4 + (hash(n) % 9)::INT), lambda w: {word}), ' ') AS text
            FROM range(20000) t(n)"""
        )
        connection.execute("SET VARIABLE sentences = (SELECT list(text ORDER BY number) FROM sentences)")
        connection.execute(
            f"""COPY (
                SELECT CASE WHEN {str(broken).lower()} AND n % 100000 = 77777 THEN left(line, 60) ELSE line END
                FROM (SELECT n, CAST(to_json({{
                    'reviewerID': 'A' || upper(substr(md5(floor({users} * pow(u, 1 / 0.4))::BIGINT::VARCHAR), 1, 13)),
                    'asin': 'B' || upper(substr(md5(floor({items} * pow(v, 1 / 0.3))::BIGINT::VARCHAR), 1, 9)),
                    'overall': (1 + (hash(8 * i + 3) % 10 > 0)::INT * (hash(8 * i + 4) % 5))::DOUBLE,
                    'reviewText': concat_ws('. ', getvariable('sentences')[1 + (hash(8 * i + 5) % 20000)::INT],
                        getvariable('sentences')[1 + (hash(8 * i + 6) % 20000)::INT],
                        getvariable('sentences')[1 + (hash(8 * i + 7) % 20000)::INT]),
                    'unixReviewTime': 1200000000 + (hash(8 * i) % 4000) * 86400}}) AS VARCHAR) AS line
                FROM (SELECT n, i, hash(8 * i + 1) / 18446744073709551616.0 AS u,
                        hash(8 * i + 2) / 18446744073709551616.0 AS v
                    FROM (SELECT n, n - (n % 1000 = 999)::BIGINT AS i FROM range({rows}) t(n))))
            ) TO {literal(path)} (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01')"""
        )


def run_ours(raw: Path, folder: Path) -> dict[str, float]:
    """Seconds of each step as the assets run them."""
    from assets.datasets.catalog import SplitRule
    from assets.datasets.formats import FORMATS
    from assets.datasets.formats.rows import RawFile
    from assets.datasets.interactions import Filters, write_interactions
    from assets.datasets.reviews import REVIEWS, write_reviews
    from assets.datasets.sources import workbench
    from assets.datasets.split import write_split

    reviews, interactions, split = (folder / name for name in ("reviews", "interactions", "split"))
    for step in (reviews, interactions, split):
        step.mkdir()

    def read() -> int:
        with workbench(reviews, threads=2) as (connection, workspace):
            chosen = FORMATS["amazon-2018"]
            raw_file = RawFile(raw, raw.name, workspace, {})
            return write_reviews(connection, chosen.reviews, chosen.rules, raw_file, reviews, 0.01).kept

    def narrow() -> int:
        filters = Filters(min_rating=MIN_RATING, core=CORE, seed=SEED)
        with workbench(interactions, threads=2) as (connection, _):
            return write_interactions(connection, reviews / REVIEWS, filters, interactions)[-1].rows

    def divide() -> int:
        with workbench(split, threads=2) as (connection, _):
            parts = write_split(connection, interactions, SplitRule(seed=SEED), split)["parts"]
            return int(parts[0]["interactions"])

    return _timed({"reviews": read, "interactions": narrow, "split": divide})


def run_pandas(raw: Path, folder: Path, *, quarantine: bool = True) -> dict[str, float]:
    """The same steps in pandas, whole columns in memory; results as pickles, its fastest format (no Parquet engine here).

    `read_json` refuses a file with one broken line, so that with `quarantine` lines are parsed one by one.
    """
    import pandas as pd

    kept: dict[str, Any] = {}

    def chunks() -> Iterator[pd.DataFrame]:
        if not quarantine:
            yield from pd.read_json(
                raw, lines=True, chunksize=500_000, dtype={"reviewerID": str, "asin": str}, convert_dates=False
            )
            return
        rows, bad = [], []
        with raw.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    rows.append(json.loads(line))
                except ValueError:
                    bad.append((number, "malformed line", line[:200]))
                if len(rows) == 500_000:
                    yield pd.DataFrame(rows)
                    rows = []
        yield pd.DataFrame(rows)
        pd.DataFrame(bad).to_pickle(folder / "quarantine.pickle")

    def read() -> int:
        frame = pd.concat(chunks(), ignore_index=True)
        frame.columns = pd.Index(["user_id", "item_id", "rating", "text", "timestamp"])
        frame["timestamp"] = pd.to_datetime(frame["timestamp"], unit="s")
        good = frame["user_id"].notna() & frame["item_id"].notna() & frame["rating"].between(1, 5)
        frame = frame[good & (frame["user_id"] != "") & (frame["item_id"] != "")]
        frame["text"] = frame["text"].str.normalize("NFC").str.replace("\0", "", regex=False).str.slice(0, 32_768)
        frame = frame.drop_duplicates(["user_id", "item_id", "timestamp", "text"])
        frame.to_pickle(folder / "reviews.pickle")
        kept["reviews"] = frame
        return len(frame)

    def narrow() -> int:
        frame = kept.pop("reviews")[["user_id", "item_id", "rating", "timestamp"]]
        frame = frame[frame["rating"] >= MIN_RATING].sort_values(["timestamp", "rating"])
        frame = frame.drop_duplicates(["user_id", "item_id"], keep="last")
        while True:
            enough = (frame["user_id"].map(frame["user_id"].value_counts()) >= CORE) & (
                frame["item_id"].map(frame["item_id"].value_counts()) >= CORE
            )
            if enough.all():
                break
            frame = frame[enough]
        frame["user_idx"], _ = pd.factorize(frame["user_id"], sort=True)
        frame["item_idx"], _ = pd.factorize(frame["item_id"], sort=True)
        frame = frame.sort_values(["user_idx", "item_idx"])
        frame.to_pickle(folder / "interactions.pickle")
        kept["interactions"] = frame
        return len(frame)

    def divide() -> int:
        shuffled = kept["interactions"][["user_idx", "item_idx"]].sample(frac=1, random_state=SEED)
        reserved = ~shuffled.duplicated("user_idx") | ~shuffled.duplicated("item_idx")
        free = shuffled[~reserved]
        fill = max(0, round(0.6 * len(shuffled)) - int(reserved.sum()))
        half = fill + (len(free) - fill) // 2
        train = pd.concat([shuffled[reserved], free[:fill]])
        for name, part in (("train", train), ("validation", free[fill:half]), ("test", free[half:])):
            part.sort_values(["user_idx", "item_idx"]).to_pickle(folder / f"{name}.pickle")
        return len(train)

    return _timed({"reviews": read, "interactions": narrow, "split": divide})


def _timed(steps: dict[str, Callable[[], int]]) -> dict[str, float]:
    figures: dict[str, float] = {}
    for name, step in steps.items():
        started = time.perf_counter()
        figures[f"{name}_rows"] = step()
        figures[f"{name}_s"] = time.perf_counter() - started
    figures["cpu_s"] = time.process_time()
    figures["total_s"] = sum(value for key, value in figures.items() if key.endswith("_s") and key != "cpu_s")
    # Linux: kilobytes, the largest resident set of this process
    figures["peak_rss_gb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    return figures


def _in_child(side: str, raw: Path, rows: int, scratch: Path) -> dict[str, Any]:
    """Run one side alone in a fresh process, on two cores, and clean up after it."""
    folder = Path(tempfile.mkdtemp(dir=scratch))
    command = [
        sys.executable,
        "-m",
        "benchmarks.datasets_scale",
        "--child",
        side,
        "--raw",
        str(raw),
        "--scratch",
        str(folder),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if done.returncode:
        raise SystemExit(f"{side} failed on {rows:,} rows:\n{done.stderr[-2000:]}")
    return {"side": side, "rows": rows, **json.loads(done.stdout.splitlines()[-1])}


def _print(runs: list[dict[str, Any]]) -> None:
    heads = f"{'rows':>12}{'reviews':>10}{'interact.':>11}{'split':>8}{'total s':>9}{'cpu s':>8}{'rows/s':>11}{'peak GB':>9}"
    print(f"{'':10}{heads}")
    for run in runs:
        print(
            f"{run['side']:10}{run['rows']:>12,}{run['reviews_s']:>10.1f}{run['interactions_s']:>11.1f}{run['split_s']:>8.1f}"
            f"{run['total_s']:>9.1f}{run['cpu_s']:>8.1f}{run['rows'] / run['total_s']:>11,.0f}{run['peak_rss_gb']:>9.2f}"
        )


def _compare(runs: list[dict[str, Any]]) -> dict[str, float]:
    whole = max((run for run in runs if run["side"] == "ours"), key=lambda run: run["rows"])
    half = min((run for run in runs if run["side"] == "ours"), key=lambda run: run["rows"])
    pace = {run["side"]: run["rows"] / run["total_s"] for run in runs if run["side"] != "ours"}
    return {
        "peak_rss_gb": whole["peak_rss_gb"],
        "growth": whole["total_s"] / half["total_s"],
        "times_faster": whole["rows"] / whole["total_s"] / pace["pandas"],
        "times_faster_than_read_json": whole["rows"] / whole["total_s"] / pace["read_json"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument(
        "--pandas-rows", type=int, default=2_000_000, help="pandas holds all texts: 20 million do not fit"
    )
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--raw", type=Path)
    parser.add_argument("--child", choices=("ours", "pandas", "read_json"))
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    if arguments.child:
        side = {"ours": run_ours, "pandas": run_pandas, "read_json": partial(run_pandas, quarantine=False)}[
            arguments.child
        ]
        print(json.dumps(side(arguments.raw, arguments.scratch)))
        return
    scratch = Path(tempfile.mkdtemp(dir=arguments.scratch))
    runs = []
    try:
        share = arguments.pandas_rows
        plan = [("read_json", share), ("pandas", share), ("ours", arguments.rows // 2), ("ours", arguments.rows)]
        for side, rows in plan:
            raw = scratch / f"reviews-{rows}.json"
            write_raw(raw, rows, broken=side != "read_json")
            size_gb = raw.stat().st_size / 1e9
            runs.append(_in_child(side, raw, rows, scratch) | {"raw_gb": size_gb})
            raw.unlink()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    _print(runs)
    shown = _compare(runs)
    passed = shown["times_faster"] >= LIMITS["times_faster"] and all(
        shown[key] <= LIMITS[key] for key in ("peak_rss_gb", "growth")
    )
    for key, value in shown.items():
        print(f"{key}: {value:.2f}" + (f" (limit {LIMITS[key]:g})" if key in LIMITS else ""))
    RESULTS.parent.mkdir(exist_ok=True)
    machine = {"cores": 2, "cpu": platform.processor() or platform.machine(), "python": platform.python_version()}
    RESULTS.write_text(
        json.dumps({"machine": machine, "runs": runs, "shown": shown, "limits": LIMITS, "passed": passed}, indent=1)
        + "\n"
    )
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
