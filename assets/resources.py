"""What every Dagster asset is handed: the installation, and one way to make a partition of the lake.

The only plumbing between Dagster and the lake: an asset names its address and the work, this module looks up the recipe,
records inputs and config, reports progress, turns errors into one clear sentence and figures into metadata.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypedDict

import dagster as dg

from assets.datasets.catalog import DatasetEntry, find_dataset
from assets.graph import recipes
from assets.lake import Address, Draft, Lake, Record
from assets.recipes import Recipe, Situation, input_digests, stale_reason
from assets.settings import UI_URL, ChatKind, DeviceKind, EncoderKind, PresetKind, Settings, home_directory
from models.errors import LmmrecError
from models.progress import LogLines, has_reporter, reporting_to, track

OWNERS = ["team:recommendations"]

Inputs = Mapping[str, Path]
"""Asset name -> folder of the partition that is read. Where several partitions of one asset are read, use their address."""


class Installation(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Settings of this installation as they appear in the launchpad; `assets.settings.Settings` documents each.

    A test holds the fields against those of `Settings`. The API key is not among them: it is read from OPENAI_API_KEY.
    """

    chat: ChatKind = "extractive"
    chat_model: str = "gpt-4o-mini"
    openai_base_url: str | None = None
    chat_concurrency: int = 16
    chat_row_tokens: int = 20_000
    chat_ask_again: bool = False
    chat_timeout_s: float = 120.0
    chat_budget_usd: float | None = None
    chat_batch_poll_s: float = 30.0
    encoder: EncoderKind = "minilm"
    encoder_model: str | None = None
    device: DeviceKind = "auto"
    threads: int | None = None
    processes: int | None = None
    trials: int = 0
    ui_url: str = UI_URL
    preset: PresetKind = "entry"

    @property
    def lake(self) -> Lake:
        return Lake(home_directory())

    @property
    def settings(self) -> Settings:
        return Settings(**{name: getattr(self, name) for name in Settings.model_fields})

    def entry(self, dataset: str) -> DatasetEntry:
        return find_dataset(home_directory(), dataset)

    def situation(self, address: Address) -> Situation:
        return Situation(self.settings, self.entry(address.dataset) if address.dataset else None)


class AssetArguments(TypedDict):
    """See `asset_arguments`; typed, so that what the decorator makes of a function is known."""

    name: str
    group_name: str
    deps: list[str]
    code_version: str
    owners: list[str]


def asset_arguments(name: str) -> AssetArguments:
    """Arguments of `@dg.asset` that follow from the recipe: name, group, dependencies, code version, owners."""
    recipe = recipes()[name]
    return {
        "name": name,
        "group_name": recipe.group,
        "deps": list(recipe.upstream),
        "code_version": recipe.code_version,
        "owners": OWNERS,
    }


def table_schema(**columns: tuple[str, str]) -> dict[str, Any]:
    """Definition metadata `dagster/column_schema` from name -> (type, description)."""
    schema = dg.TableSchema([dg.TableColumn(name, kind, description) for name, (kind, description) in columns.items()])
    return {"dagster/column_schema": schema}


def materialize(
    context: dg.AssetExecutionContext,
    installation: Installation,
    address: Address,
    work: Callable[[Draft, Inputs], None],
) -> dg.MaterializeResult[None]:
    """Make one partition whole and report it."""
    with clear_failures(), _progress_in_log(context):
        record = _make(context.run.run_id, installation, address, work)
    return dg.MaterializeResult(
        metadata=to_metadata({**record.metadata, "duration_s": round(record.duration_s, 3), "path": str(address)}),
        data_version=dg.DataVersion(record.digest),
    )


def materialize_cells(
    context: dg.AssetExecutionContext,
    installation: Installation,
    addresses: Sequence[Address],
    work: Callable[[Address, Draft, Inputs], None],
    *,
    force: bool = False,
    spread: bool = False,
) -> dg.MaterializeResult[None]:
    """Make several cells of one asset; cells that are up to date are reused unless `force`.

    Args:
        spread: make them in the processes of the installation, where it has some; `work` is a function of a module then, or
            `partial` of one.
    """
    started, lake = time.monotonic(), installation.lake
    with clear_failures(), _progress_in_log(context):
        stale = [address for address in addresses if force or _is_stale(installation, address)]
        if installation.processes is None or not spread:
            for address in stale:
                _make(context.run.run_id, installation, address, partial(work, address))
        elif stale:
            _make_in_processes(context.run.run_id, installation, stale, work)
        cells = []
        for address in addresses:
            record = lake.record(address)
            assert record is not None
            cells.append(_Cell(address, record, address not in stale))
    metadata = {
        **_pictures(cells),
        "cells": [cell.row() for cell in cells],
        "cells_made": sum(not cell.reused for cell in cells),
        "duration_s": round(time.monotonic() - started, 3),
    }
    version = "-".join(cell.record.digest[:16] for cell in cells) or "no cells"
    return dg.MaterializeResult(metadata=to_metadata(metadata), data_version=dg.DataVersion(version))


_CELLS_PICTURED = 6
"""Cells whose Markdown (curves, tables) stands in the metadata of a materialization; the others are in their records."""


@dataclass(frozen=True)
class _Cell:
    address: Address
    record: Record
    reused: bool

    @property
    def dimensions(self) -> dict[str, Any]:
        found = {name: getattr(self.address, name) for name in ("method", "variant", "seed")}
        return {name: value for name, value in found.items() if value is not None}

    def row(self) -> dict[str, Any]:
        """What of the cell fits one line of a table."""
        figures = {
            key: value
            for key, value in self.record.metadata.items()
            if isinstance(value, (int, float, str)) and not key.endswith("_md")
        }
        return self.dimensions | {"reused": self.reused} | figures


def _pictures(cells: Sequence[_Cell]) -> dict[str, str]:
    """The Markdown of the first cells under one key each, every cell under its own heading."""
    found: dict[str, str] = {}
    for cell in cells[:_CELLS_PICTURED]:
        heading = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in cell.dimensions.items())
        for key, value in cell.record.metadata.items():
            if key.endswith("_md"):
                found[key] = found.get(key, "") + f"**{heading}**\n\n{value}\n\n"
    return found


@contextmanager
def clear_failures() -> Iterator[None]:
    """What the user can mend fails the step with its one sentence and is not retried."""
    try:
        yield
    except LmmrecError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from None


def to_metadata(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Plain figures as Dagster metadata: `*_md` is Markdown, a list of flat dicts a table, the rest by its type."""
    metadata: dict[str, Any] = {}
    for key, value in figures.items():
        if key.endswith("_md"):
            metadata[key.removesuffix("_md")] = dg.MetadataValue.md(str(value))
        elif isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
            columns = list(dict.fromkeys(name for row in value for name in row))
            records = [dg.TableRecord({name: _scalar(row.get(name)) for name in columns}) for row in value]
            schema = dg.TableSchema([dg.TableColumn(name, _column_type(value, name)) for name in columns])
            metadata[key] = dg.MetadataValue.table(records, schema=schema)
        elif isinstance(value, (list, dict)):
            metadata[key] = dg.MetadataValue.json(value)
        elif value is not None:
            metadata[key] = value
    return metadata


def _scalar(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)


def _column_type(rows: Sequence[Mapping[str, Any]], name: str) -> str:
    kinds = {type(row[name]) for row in rows if row.get(name) is not None}
    if kinds <= {bool} and kinds:
        return "bool"
    if kinds <= {int} and kinds:
        return "int"
    return "float" if kinds and kinds <= {int, float} else "string"


def _is_stale(installation: Installation, address: Address) -> bool:
    recipe, situation = recipes()[address.asset], installation.situation(address)
    return stale_reason(installation.lake, recipe, address, situation) is not None


@dataclass(frozen=True)
class _Job:
    """One cell for another process."""

    run_id: str
    settings: Mapping[str, Any]
    address: Address
    work: Callable[[Address, Draft, Inputs], None]


def _make_job(job: _Job) -> float:
    """Makes the cell there; the seconds that took."""
    installation = Installation(**job.settings)
    return _make(job.run_id, installation, job.address, partial(job.work, job.address)).duration_s


def _make_in_processes(
    run_id: str,
    installation: Installation,
    stale: Sequence[Address],
    work: Callable[[Address, Draft, Inputs], None],
) -> None:
    from assets.crew import in_processes

    processes, threads = installation.processes or 1, installation.threads or 1
    settings = {**installation.settings.model_dump(), "threads": threads, "processes": None}
    jobs = [_Job(run_id, settings, address, work) for address in stale]
    first = stale[0]
    where = f"{first.base_model}, {first.dataset}" if first.base_model else first.dataset
    with track(f"{first.asset} on {where}", total=len(jobs), unit="cells") as step:
        for at, seconds in in_processes(_make_job, jobs, min(processes, 64), threads):
            one = stale[at]
            step.advance(note=f"{one.variant or one.method or ''} seed {one.seed}: {seconds:.0f} s")


def _make(run_id: str, installation: Installation, address: Address, work: Callable[[Draft, Inputs], None]) -> Record:
    lake, recipe = installation.lake, recipes()[address.asset]
    inputs = _folders(lake, recipe, address)
    config = recipe.config(address, installation.situation(address))
    with lake.write(
        address,
        code_version=recipe.code_version,
        config=config,
        inputs=input_digests(lake, recipe, address),
        run_id=run_id,
    ) as draft:
        work(draft, inputs)
    record = lake.record(address)
    assert record is not None
    return record


def _folders(lake: Lake, recipe: Recipe, address: Address) -> dict[str, Path]:
    sources = list(recipe.inputs(lake, address))
    counts = {source.asset: sum(other.asset == source.asset for other in sources) for source in sources}
    return {source.asset if counts[source.asset] == 1 else str(source): lake.read(source) for source in sources}


@contextmanager
def _progress_in_log(context: dg.AssetExecutionContext) -> Iterator[None]:
    if has_reporter():
        yield
        return
    with reporting_to(LogLines(context.log.info)):
        yield
