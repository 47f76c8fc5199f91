"""`lmmrec doctor`: what this installation looks like, on one page; never the value of a key."""

from __future__ import annotations

from pathlib import Path

import click

_PACKAGES = (
    "lmmrec", "dagster", "dagster-webserver", "torch", "torch-geometric", "numpy", "scipy", "pandas", "duckdb",
    "great-expectations", "openai", "pydantic", "scikit-learn", "sentence-transformers",
)  # fmt: skip
_KEYS = ("OPENAI_API_KEY",)
_LITTLE_DISK_BYTES = 2 * 2**30


@click.command("doctor", short_help="Check this installation.")
def command() -> int:
    """Check this installation: versions, device, threads, keys, disk, home, catalogue.

    Exit status 1 where something is amiss.
    """
    from assets.settings import home_directory
    from orchestration.terminal import safe

    home = home_directory()
    amiss = 0
    for title, findings in (
        ("versions", _versions()),
        ("machine", _machine()),
        ("settings", _settings()),
        ("home", _home(home)),
        ("catalogue", _catalogue(home)),
    ):
        click.secho(title, bold=True)
        for good, name, said in findings:
            amiss += not good
            click.echo(f"  {'ok  ' if good else 'AMISS'} {name:<24} {safe(said)}")
    click.echo(f"\n{amiss} amiss" if amiss else "\nall is well")
    return 1 if amiss else 0


Finding = tuple[bool, str, str]


def _versions() -> list[Finding]:
    import platform
    from importlib.metadata import PackageNotFoundError, version

    findings = [(True, "python", platform.python_version())]
    for package in _PACKAGES:
        try:
            findings.append((True, package, version(package)))
        except PackageNotFoundError:
            findings.append((False, package, "not installed: run `pip install -e .`"))
    return findings


def _machine() -> list[Finding]:
    import os

    findings = [
        (True, "cpu cores", str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()))
    ]
    try:
        import torch
    except (ImportError, OSError) as error:
        return [*findings, (False, "torch", f"cannot be imported ({error})")]
    findings.append((True, "torch threads", str(torch.get_num_threads())))
    cuda = torch.cuda.is_available()
    findings.append(
        (True, "device", f"cuda, {torch.cuda.get_device_name(0)}" if cuda else "cpu (no usable CUDA device)")
    )
    return findings


def _settings() -> list[Finding]:
    import os

    from assets.settings import load_settings, variable_of
    from models.errors import LmmrecError

    keys = [
        (True, key, "set" if os.environ.get(key) else "not set (only `LMMREC_CHAT=openai` needs it)") for key in _KEYS
    ]
    try:
        settings = load_settings()
    except LmmrecError as error:
        return [(False, "environment", str(error)), *keys]
    shown = [
        (True, variable_of(name), str(value)) for name, value in settings.model_dump().items() if value is not None
    ]
    return [*shown, *keys]


def _home(home: Path) -> list[Finding]:
    import os
    import shutil

    nearest = next(folder for folder in (home, *home.parents) if folder.exists())
    writable = os.access(nearest, os.W_OK)
    free = shutil.disk_usage(nearest).free
    return [
        (True, "LMMREC_HOME", f"{home}{'' if home.exists() else ' (not there yet)'}"),
        (writable, "writable", "yes" if writable else f"no: {nearest} refuses, set LMMREC_HOME elsewhere"),
        (free >= _LITTLE_DISK_BYTES, "free disk", f"{free / 2**30:,.1f} GiB"),
    ]


def _catalogue(home: Path) -> list[Finding]:
    from assets.datasets.catalog import load_catalogue
    from models.errors import LmmrecError

    try:
        catalogue = load_catalogue(home)
    except LmmrecError as error:
        return [(False, "datasets.yaml", str(error))]
    findings = []
    for name, entry in catalogue.items():
        sources = [source for source in (entry.reviews, entry.items) if source is not None]
        paths = [Path(path) for path in (entry.path, *(source.path for source in sources)) if path]
        missing = [str(path) for path in paths if not path.exists()]
        downloads = sum(bool(source.url) for source in sources)
        said = entry.format + (f", {downloads} to download" if downloads else "")
        findings.append((not missing, name, f"{said}; missing: {', '.join(missing)}" if missing else said))
    return findings
