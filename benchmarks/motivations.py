"""What asking for motivations costs on this side: answers per second, memory, and finding what an endpoint bears.

    python -m benchmarks.motivations [--prompts 6400] [--many 100000] [--name motivations]

The endpoint is the test-suite's own, in a process of its own over real loopback HTTP. Each measurement has a
fresh process: against 100 ms of latency with 64 requests in flight, whose ideal is 640 answers a second; against an endpoint
that holds 20 requests and turns others away; and the peak memory of a tenth of `--many` prompts beside that of all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.machine import machine
from benchmarks.peers.protocol import peak_rss_mb
from benchmarks.tables import figure, text_table, write_result

LATENCY_S, CONCURRENCY, CAPACITY = 0.1, 64, 20


def generate(inputs: Path, base_url: str, concurrency: int) -> dict[str, Any]:
    """One whole generation; runs in a fresh process, and counts from the first import of what it needs."""
    from assets.motivations.generate import write_motivations
    from models.language.chat import ChatConfig
    from models.language.chat_models import chat_model

    folders = {path.name: path for path in inputs.iterdir()}
    with tempfile.TemporaryDirectory() as home:
        config = ChatConfig("openai", base_url=base_url, store=Path(home) / "llm.sqlite", concurrency=concurrency)
        started, cpu = time.perf_counter(), time.process_time()
        counts = write_motivations("item", folders, chat_model(config), Path(home))
        wall_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu
    return {
        "entities": counts["entities"],
        "calls": counts["calls"],
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "peak_mb": peak_rss_mb(),
    }


def measured(prompts: int, settings: dict[str, Any], concurrency: int) -> dict[str, Any]:
    """A generation of so many prompts against an endpoint with these settings, and what the endpoint saw."""
    from tests.assets.motivations.many import write_many
    from tests.llm_server import running_endpoint

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_many(folder / "inputs", prompts, words=200)
        with running_endpoint(folder) as endpoint:
            endpoint.play(settings={"log_requests": False} | settings)
            command = [
                sys.executable,
                "-m",
                "benchmarks.motivations",
                "--child",
                str(folder / "inputs"),
                endpoint.base_url,
            ]
            environment = os.environ | {"OPENAI_API_KEY": "sk-benchmark"}
            done = subprocess.run(
                [*command, str(concurrency)], stdout=subprocess.PIPE, text=True, check=True, env=environment
            )
            statuses = Counter(call["status"] for call in endpoint.calls("chat"))
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    rejected = statuses[429] / sum(statuses.values())
    return answer | {"per_s": prompts / answer["wall_s"], "rejected_share": rejected}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=32_000)
    parser.add_argument("--many", type=int, default=100_000)
    parser.add_argument("--name", default="motivations")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        inputs, base_url, concurrency = given.child
        print(json.dumps(generate(Path(inputs), base_url, int(concurrency))))
        return
    before = machine(threads=1)
    latency = {"latency_s": LATENCY_S}
    found = {
        "throughput": measured(given.prompts, latency, CONCURRENCY),
        "capacity": measured(given.prompts // 2, latency | {"capacity": CAPACITY}, CONCURRENCY),
        "tenth": measured(given.many // 10, {}, CONCURRENCY),
        "many": measured(given.many, {}, CONCURRENCY),
    }
    found["throughput"]["of_ideal"] = found["throughput"]["per_s"] / (CONCURRENCY / LATENCY_S)
    found["capacity"]["of_ideal"] = found["capacity"]["per_s"] / (CAPACITY / LATENCY_S)
    print(render(found))
    what = f"write_motivations against a loopback endpoint, {CONCURRENCY} requests in flight at most"
    print(f"\n{write_result(given.name, {'what': what, 'machine': before, 'found': found})}")


def render(found: dict[str, dict[str, Any]]) -> str:
    """One line a measurement."""
    rows = [
        [
            name,
            f"{one['entities']:,}",
            figure(one["per_s"]),
            figure(one["of_ideal"]) if "of_ideal" in one else "",
            figure(one["rejected_share"]),
            figure(1e3 * one["cpu_s"] / one["entities"]),
            f"{one['peak_mb']:.0f}",
        ]
        for name, one in found.items()
    ]
    columns = ["measurement", "prompts", "answers/s", "of ideal", "rejected", "CPU ms each", "peak MB"]
    return text_table(columns, rows)


if __name__ == "__main__":
    main()
