"""Paid vectors survive `kill -9`: what is asked again was in flight, and the vectors are those of an undisturbed run."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from assets.embeddings.embed import encode_once
from assets.embeddings.vectors import text_sha256
from models.language.encoders import EncoderConfig, load_encoder
from models.language.encoders.openai_embeddings import TEXTS_AT_ONCE
from tests.llm_server import running_endpoint, vector_of

pytestmark = pytest.mark.slow

CONCURRENCY = 4
TEXTS = [f"text number {n}" for n in range(40 * TEXTS_AT_ONCE)]
ROOT = Path(__file__).resolve().parents[3]
CODE = """
import sys
from pathlib import Path
from tests.assets.embeddings.test_killed import encode
encode(sys.argv[1], Path(sys.argv[2]))
"""


def encode(base_url: str, home: Path) -> np.ndarray:
    config = EncoderConfig("openai", "m", base_url=base_url, store=home / "llm.sqlite", concurrency=CONCURRENCY)
    hashes = [text_sha256(text) for text in TEXTS]
    return encode_once(TEXTS, hashes, load_encoder(config), home / "embeddings.sqlite")[0]


def test_f17_a_killed_run_asks_again_only_for_what_was_in_flight(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-killed")
    draw, kills = random.Random(7), 4
    with running_endpoint(tmp_path) as endpoint:
        endpoint.play(settings={"latency_s": (0.05, 0.3)})
        for part in range(1, kills + 1):
            process = subprocess.Popen(
                [sys.executable, "-c", CODE, endpoint.base_url, str(home)], cwd=ROOT, env=os.environ
            )
            deadline = time.monotonic() + 60
            while len(endpoint.calls("embeddings")) < 7 * part:
                assert process.poll() is None, "the run ended before it could be killed"
                assert time.monotonic() < deadline
                time.sleep(0.01)
            time.sleep(draw.uniform(0, 0.2))
            os.kill(process.pid, signal.SIGKILL)
            process.wait(timeout=10)
        endpoint.play()
        vectors = encode(endpoint.base_url, home)
        asked = Counter(text for call in endpoint.calls("embeddings") for text in call["request"]["input"])
    assert (vectors == np.array([vector_of(text) for text in TEXTS], dtype=np.float32)).all()
    assert set(asked) == set(TEXTS)
    assert 0 < sum(asked.values()) - len(TEXTS) <= kills * CONCURRENCY * TEXTS_AT_ONCE
