"""The catalogue: which datasets exist and how each is read, filtered and split.

Built-in entries stand in `catalog.yaml` beside this file; `$LMMREC_HOME/datasets.yaml` adds the user's own, with relative
paths resolved against that file. Only declarations belong here: reading is `formats/`, filtering `filters.py`,
splitting `splits.py`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from models.errors import LmmrecError

FormatName = Literal[
    "amazon-2014", "amazon-2018", "amazon-2023", "yelp", "steam", "movielens", "table", "published-split", "demo"
]
PresetName = Literal["lmmrec", "rlmrec", "budget"]
NAME_PATTERN = re.compile(r"^[a-z0-9][a-z0-9_.-]*$")
"""Dataset names become folder names and partition keys."""
USER_CATALOGUE = "datasets.yaml"


class _Declaration(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(_Declaration):
    """One raw file: a local path, mirrors of one download, or a file that everybody fetches by hand."""

    path: str | None = None
    """Local file; relative paths count from the catalogue file."""
    url: Annotated[tuple[str, ...], BeforeValidator(lambda v: (v,) if isinstance(v, str) else v)] = ()
    """Mirrors, tried in order."""
    file: str | None = Field(default=None, pattern=r"^[^/\\]+$")
    """Name under which a file that must be fetched by hand is looked for in `$LMMREC_HOME/downloads`."""
    homepage: str | None = None
    """Where people get the file, and on what terms; shown when it is missing."""
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """Content hash; a file that differs is refused. Without one, what came is taken, and its hash is recorded."""
    columns: dict[str, str] = {}
    """Format `table` only: our column name -> the file's."""

    @model_validator(mode="after")
    def _has_one_place(self) -> Source:
        if sum((self.path is not None, bool(self.url), self.file is not None)) != 1:
            raise ValueError(
                "give either `path` (a local file), `url` (one or several mirrors) or `file` (a name in the downloads folder)"
            )
        return self


class SplitRule(_Declaration):
    """How interactions become train, validation and test (`evaluation_protocol`, section 2)."""

    kind: Literal["ratio", "temporal", "leave-one-out"] = "ratio"
    """`ratio`: random over all interactions, one train edge reserved for each user and item; `temporal`: by time over all;
    `leave-one-out`: each user's last interaction is test, the one before validation."""
    parts: tuple[float, float, float] = (3.0, 1.0, 1.0)
    """Shares of train, validation, test; ignored by `leave-one-out`."""
    seed: int = 2023
    """Seed of the random choice; ignored where time decides."""

    @model_validator(mode="after")
    def _parts_are_usable(self) -> SplitRule:
        if min(self.parts) < 0 or self.parts[0] <= 0 or self.parts[2] <= 0:
            raise ValueError(f"parts {list(self.parts)} must not be negative, and train and test must be above 0")
        return self


class GateRule(_Declaration):
    """What the motivations must reach before anything is trained on them."""

    min_valid: float = Field(default=0.95, ge=0, le=1)
    """Share of the users, and of the items, that a prompt was made for whose answer must be valid."""
    max_fallback: float = Field(default=0.2, ge=0, le=1)
    """Share of all users, and of all items, that may carry a text made from metadata only."""


class DatasetEntry(_Declaration):
    """One dataset of the catalogue."""

    format: FormatName
    reviews: Source | None = None
    """Who rated what, and what they wrote."""
    items: Source | None = None
    """Titles, descriptions, categories; optional."""
    path: str | None = None
    """Format `published-split` only: the folder of ready matrices."""
    min_rating: float | None = None
    """Interactions rated lower are dropped; None keeps all. Rows without a rating are kept."""
    user_fraction: float = Field(default=1.0, gt=0, le=1)
    """Share of users kept, drawn uniformly with `split.seed`."""
    core: int = Field(default=1, ge=1)
    """Every user and item keeps at least so many interactions (bipartite k-core, to the fixpoint)."""
    split: SplitRule = SplitRule()
    gate: GateRule = GateRule()
    """Limits of the quality gate in front of `validated_motivations`."""
    quarantine_limit: float = Field(default=0.01, ge=0, le=1)
    """Share of malformed raw rows above which the run stops."""
    new_item_share: float = Field(default=0.0, ge=0, le=0.5)
    """Share of the places of the published lists that items nobody has yet get, ranked from their texts; 0 keeps them out.
    What each share costs stands in the report (`cold_item_metrics`)."""
    preset: PresetName = "lmmrec"
    """Training preset: batch 512 and rate 0.003 (the paper's), batch 4,096 and rate 0.001 (the reference code's), or `budget`:
    batch 8,192, rate 0.015, at most 45 epochs. A test holds the names against `models.training.config`."""
    warm_start: bool = False
    """Training starts from the cell's previous checkpoint where users or items were added since."""
    trust_user_texts: bool = False
    """Methods that read user texts are trained even where these seem to know validation pairs (asset `user_text_leak`).
    Otherwise they are refused then: what is stopped or chosen by such a validation part is chosen wrongly."""
    schedule: str | None = None
    """Cron line of the retraining schedule (UTC); None gives weekly, Monday 03:00. Stopped until switched on in the UI."""

    @model_validator(mode="after")
    def _sources_fit_the_format(self) -> DatasetEntry:
        if self.format == "published-split":
            if self.path is None:
                raise ValueError("format published-split needs `path`, the folder with the matrices")
            filters = {"reviews", "items", "min_rating", "user_fraction", "core"} & self.model_fields_set
            if filters:
                raise ValueError(f"format published-split is already filtered: remove {', '.join(sorted(filters))}")
        elif self.path is not None:
            raise ValueError(
                "`path` belongs to format published-split; name the review file under `reviews: {path: …}`"
            )
        elif self.format != "demo" and self.reviews is None:
            raise ValueError(f"format {self.format} needs `reviews: {{path: …}}` or `reviews: {{url: …}}`")
        return self


def load_catalogue(home: Path) -> dict[str, DatasetEntry]:
    """Built-in and user entries by name.

    Raises:
        LmmrecError: the user's file is no YAML mapping, a name is illegal or taken, or an entry has a wrong or unknown
            key; the text names file, entry and key.
    """
    own = home / USER_CATALOGUE
    catalogue = dict(_built_in())
    for name, raw in _read_yaml(own).items() if own.exists() else ():
        if name in _built_in():
            raise LmmrecError(f"{own}: the name '{name}' belongs to a built-in dataset; choose another.")
        catalogue[name] = _entry(own, name, raw)
    return catalogue


def find_dataset(home: Path, name: str) -> DatasetEntry:
    """The entry of `name`.

    Raises:
        LmmrecError: there is none; the text lists those there are.
    """
    catalogue = load_catalogue(home)
    if name not in catalogue:
        raise LmmrecError(
            f"unknown dataset '{name}': known are {', '.join(catalogue)}; add yours to {home / USER_CATALOGUE}."
        )
    return catalogue[name]


@lru_cache(maxsize=1)
def _built_in() -> dict[str, DatasetEntry]:
    path = Path(__file__).with_name("catalog.yaml")
    return {name: _entry(path, name, raw) for name, raw in _read_yaml(path).items()}


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise LmmrecError(f"{path} cannot be read: {' '.join(str(error).split())}.") from None
    if not isinstance(content, dict):
        raise LmmrecError(f"{path} must map dataset names to entries, but holds a {type(content).__name__}.")
    return content


def _entry(path: Path, name: str, raw: Any) -> DatasetEntry:
    if not isinstance(name, str) or not NAME_PATTERN.match(name):
        raise LmmrecError(
            f"{path}: '{name}' is no dataset name: use lower-case letters, digits, '_', '.', '-', and start with a letter "
            "or digit."
        )
    try:
        entry = DatasetEntry.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        reason = (
            f"there is no key '{key}'"
            if first["type"] == "extra_forbidden"
            else f"{key + ': ' if key else ''}{first['msg'].removeprefix('Value error, ')}"
        )
        raise LmmrecError(f"{path}: entry '{name}': {reason}.") from None
    return _resolved(entry, path.parent)


def _resolved(entry: DatasetEntry, folder: Path) -> DatasetEntry:
    def absolute(source: Source | None) -> Source | None:
        if source is None or source.path is None:
            return source
        return source.model_copy(update={"path": str(folder / Path(source.path).expanduser())})

    return entry.model_copy(
        update={
            "reviews": absolute(entry.reviews),
            "items": absolute(entry.items),
            "path": None if entry.path is None else str(folder / Path(entry.path).expanduser()),
        }
    )
