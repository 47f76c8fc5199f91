"""Prompts about any number of items, and their generation in a process of its own that can be killed.

`python -m tests.assets.motivations.many INPUTS OUT BASE_URL STORE CONCURRENCY` writes `OUT/motivations.parquet` and prints the
counts of the generation as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from assets.motivations.config import PROMPTS as CONFIG
from assets.motivations.generate import write_motivations
from assets.motivations.prompts import prompt_sha256, render
from assets.motivations.tables import PROMPT_TYPES, write_rows
from assets.tables import write_frame
from models.language.chat import ChatConfig, Source
from models.language.chat_models import chat_model

ROOT = Path(__file__).resolve().parents[3]
Folders = dict[str, Path]


def write_many(folder: Path, count: int, words: int = 30) -> Folders:
    """Folders of `reviews`, `items`, `interactions` and `item_prompts` for `count` items with a review each."""
    folders = {name: folder / name for name in ("reviews", "items", "interactions", "item_prompts")}
    for path in folders.values():
        path.mkdir(parents=True)
    ids = [f"i{n:06d}" for n in range(count)]
    write_frame(pd.DataFrame({"item_idx": range(count), "item_id": ids}), folders["interactions"] / "items.parquet")
    users = pd.DataFrame({"user_idx": [0], "user_id": ["somebody"]})
    write_frame(users, folders["interactions"] / "users.parquet")
    titles = pd.DataFrame({"item_id": ids, "title": [f"Quiet fan {n}" for n in range(count)], "categories": None})
    write_frame(titles, folders["items"] / "items.parquet", {"categories": "VARCHAR[]"})

    def rows() -> Iterator[dict[str, Any]]:
        for n, name in enumerate(ids):
            said = f"Fan {n} is quiet and cools a small bedroom well. " + "It blows " * (words // 2)
            shown = [Source("title", "title", f"Quiet fan {n}"), Source("r1", "review", said)]
            request = render("item", str(n), shown, CONFIG)
            sources = [{"source_id": s.source_id, "kind": s.kind, "text": s.text} for s in request.sources]
            yield dict.fromkeys(PROMPT_TYPES) | {
                "entity_idx": n,
                "entity_id": name,
                "system": request.system,
                "user": request.user,
                "sources": json.dumps(sources),
                "prompt_sha256": prompt_sha256(request),
                "estimated_tokens": 100,
            }

    write_rows(rows(), PROMPT_TYPES, folders["item_prompts"] / "prompts.parquet")
    return folders


def start_generation(inputs: Path, out: Path, base_url: str, store: Path, concurrency: int) -> subprocess.Popen[str]:
    """The generation of `inputs` in a process of its own."""
    out.mkdir(parents=True, exist_ok=True)
    arguments = [str(inputs), str(out), base_url, str(store), str(concurrency)]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.assets.motivations.many", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"OPENAI_API_KEY": "sk-test-generation"},
    )


def main() -> None:
    """One generation."""
    inputs, out, base_url, store, concurrency = sys.argv[1:]
    folders = {path.name: path for path in Path(inputs).iterdir()}
    config = ChatConfig(kind="openai", base_url=base_url, store=Path(store), concurrency=int(concurrency))
    counts = write_motivations("item", folders, chat_model(config), Path(out))
    sys.stdout.write(json.dumps(counts) + "\n")


if __name__ == "__main__":
    main()
