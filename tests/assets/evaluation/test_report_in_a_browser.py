"""The report in a real browser: it asks nobody for anything, has nothing to complain of, and can be read by everybody."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from assets.evaluation.report.page import PAGE, write_report
from assets.lake import Lake
from tests.assets.evaluation.planted import BASE, REAL, SHUFFLED, plant

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on the path"),
]
BROWSERS_OWN = (
    "accounts.google.com",
    "clients2.google.com",
    "clientservices.googleapis.com",
    "content-autofill.googleapis.com",
    "optimizationguide-pa.googleapis.com",
    "redirector.gvt1.com",
    "update.googleapis.com",
    "www.google.com",
)
"""Hosts that Chromium asks by itself, whatever page it shows; a page would ask fonts.googleapis.com, say."""
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--virtual-time-budget=20000",
    "--dump-dom",
)


def opened(page: Path, scratch: Path, *flags: str) -> tuple[str, str, list[str]]:
    """(the document as it is in the end, what was logged, addresses outside the page's folder that were asked for)."""
    requests = scratch / "requests.json"
    found = subprocess.run(
        [
            str(CHROMIUM),
            *FLAGS,
            *flags,
            f"--user-data-dir={scratch}/profile",
            f"--log-net-log={requests}",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    urls = set(
        re.findall(r'"url":"((?:https?|wss?|ftp):[^"]*)"', requests.read_text(encoding="utf-8", errors="replace"))
    )
    return found.stdout, found.stderr, sorted(url for url in urls if urlsplit(url).hostname not in BROWSERS_OWN)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with all kinds of tables and pictures."""
    gains = {
        BASE: 0.0,
        REAL: 0.05,
        SHUFFLED: 0.0,
        ("uist", "full"): 0.02,
        ("lmmrec", "without-mcs"): 0.01,
        **{(method, "noise-10"): -0.02 for method in ("base", "lmmrec")},
        **{(method, "noise-30"): -0.05 for method in ("base", "lmmrec")},
    }
    warehouse = plant(tmp_path_factory.mktemp("home"), gains, anchors={"ease": 0.1})
    target = tmp_path_factory.mktemp("report")
    write_report(warehouse, Lake(warehouse.parent), target)
    return target / PAGE


def test_it_opens_offline_without_a_request_and_without_a_complaint(page: Path, tmp_path: Path) -> None:
    document, logged, urls = opened(page, tmp_path)
    assert "Do motivations make better recommendations?" in document
    assert "Table II" in document
    assert urls == []
    assert "CONSOLE" not in logged


def test_a_request_and_a_complaint_would_be_seen(page: Path, tmp_path: Path) -> None:
    spoiled = tmp_path / "spoiled.html"
    text = page.read_text(encoding="utf-8")
    added = '<img alt="" src="http://127.0.0.1:9/none.png"><script>console.error("broken")</script></body>'
    spoiled.write_text(text.replace("</body>", added), encoding="utf-8")
    _, logged, urls = opened(spoiled, tmp_path)
    assert urls == ["http://127.0.0.1:9/none.png"]
    assert "broken" in logged


def violations(page: Path, scratch: Path) -> list[dict[str, object]]:
    """What axe-core finds against WCAG level A."""
    spec = importlib.util.find_spec("axe_core_python")
    if spec is None or spec.origin is None:
        pytest.skip("axe-core-python is not installed")
    script = Path(spec.origin).with_name("axe.min.js").read_text(encoding="utf-8")
    run = (
        'axe.run({runOnly: {type: "tag", values: ["wcag2a", "wcag21a"]}}).then(function (found) {'
        'var told = document.createElement("pre"); told.id = "axe"; told.textContent = JSON.stringify(found.violations.map('
        "function (one) { return {id: one.id, nodes: one.nodes.map(function (node) { return node.html; })}; }));"
        "document.body.appendChild(told); });"
    )
    copy = scratch / "checked.html"
    text = page.read_text(encoding="utf-8")
    copy.write_text(
        text.replace("</body>", f"<script>{script}</script><script>{run}</script></body>"), encoding="utf-8"
    )
    document, _, _ = opened(copy, scratch)
    told = re.search(r'<pre id="axe">(.*?)</pre>', document, re.DOTALL)
    assert told is not None
    found: list[dict[str, object]] = json.loads(unescape(told[1]))
    return found


def test_nothing_violates_level_a(page: Path, tmp_path: Path) -> None:
    assert violations(page, tmp_path) == []


def test_a_violation_would_be_seen(page: Path, tmp_path: Path) -> None:
    spoiled = tmp_path / "spoiled.html"
    text = page.read_text(encoding="utf-8")
    spoiled.write_text(text.replace("</body>", '<img src="data:,"><button></button></body>'), encoding="utf-8")
    assert {one["id"] for one in violations(spoiled, tmp_path)} >= {"image-alt", "button-name"}
