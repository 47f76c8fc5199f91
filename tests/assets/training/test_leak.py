"""Who wrote user texts decides how much has to be shown: ours pass unless they are seen, ready ones when they are cleared."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from assets.lake import Address, Lake
from assets.motivations.tables import SHOWN, SHOWN_TYPES
from assets.tables import connect, literal, read_frame, read_matrix, write_frame, write_parquet
from assets.training.leak import ASSET, READERS, judged, leak_findings, refuse_suspect_texts, suspicion, write_leak
from models.errors import LmmrecError
from models.training.user_text_leak import Leak, PartRatio
from tests.assets.synthetic import DATASET, write_lake

pytestmark = pytest.mark.integration
MODEL = PartRatio("item model", 0.3, 0.3, 1.0, 0.0)


def of(ratio: float, error: float) -> Leak:
    return Leak((MODEL, PartRatio("cosine", 0.2, 0.1, ratio, error)))


@pytest.mark.parametrize(
    ("found", "ready", "suspect"),
    [
        (of(1.05, 0.01), 0, False),
        (of(1.05, 0.01), 9, False),
        (of(1.4, 0.3), 0, False),  # may be chance, and the prompts' lineage speaks for them
        (of(1.4, 0.3), 9, True),
        (of(1.4, 0.02), 0, True),
        (of(float("nan"), float("nan")), 0, False),
        (of(float("nan"), float("nan")), 9, True),
        (Leak(()), 9, False),
    ],
)
def test_ready_texts_bear_the_burden_of_proof(found: Leak, ready: int, suspect: bool) -> None:
    assert judged(found, ready)[0] is suspect


def made(home: Path, told: bool, provenance: str) -> Lake:
    """A lake whose user texts tell of train pairs and, if `told`, of validation pairs; with the look at them."""
    lake = write_lake(home)
    folders = {
        name: lake.path(Address(name, DATASET)) for name in ("split", "text_embeddings", "validated_motivations")
    }
    train, validation = (read_matrix(folders["split"], part) for part in ("train", "validation"))
    of_items = np.random.default_rng(3).standard_normal((train.shape[1], 16)).astype(np.float32)
    np.save(folders["text_embeddings"] / "items.npy", of_items)
    np.save(folders["text_embeddings"] / "users.npy", (train + validation if told else train) @ of_items)
    (folders["text_embeddings"] / "encoder.json").write_text(json.dumps({"dim": 16}))
    users = folders["validated_motivations"] / "users.parquet"
    with connect() as connection:
        rows = f"SELECT * REPLACE ({literal(provenance)} AS provenance) FROM read_parquet({literal(users)})"
        connection.execute(f"CREATE TEMP TABLE users AS {rows}")
        write_parquet(connection, "SELECT * FROM users ORDER BY entity_idx", users)
    folders["user_prompts"] = home / "prompts"
    folders["user_prompts"].mkdir()
    pairs = read_frame(folders["split"] / "train.parquet")
    shown = pd.DataFrame({"entity_idx": pairs["user_idx"], **pairs, "source_id": "i1"})
    write_frame(shown, folders["user_prompts"] / SHOWN, SHOWN_TYPES)
    with lake.write(Address(ASSET, DATASET), code_version="1", config={}, inputs={}) as draft:
        draft.metadata.update(write_leak(folders, draft.path))
    return lake


@pytest.mark.parametrize(("provenance", "severity"), [("imported", "warning"), ("extractive", "error")])
def test_texts_that_know_validation_are_found_and_their_readers_refused(
    home: Path, provenance: str, severity: str
) -> None:
    lake = made(home, told=True, provenance=provenance)
    (finding,) = leak_findings(lake.read(Address(ASSET, DATASET)), trusted=False)
    assert (finding.passed, finding.severity) == (False, severity)
    with pytest.raises(LmmrecError, match=r"method 'lmmrec' is stopped by a validation part.*`trust_user_texts: true`"):
        refuse_suspect_texts(lake, DATASET, "lmmrec", trusted=False)
    refuse_suspect_texts(lake, DATASET, "lmmrec", trusted=True)
    lake.withdraw(Address(ASSET, DATASET), finding.observed)  # what the blocking check does
    assert suspicion(lake, DATASET) == finding.observed


def test_texts_from_train_alone_pass_with_the_hash_of_the_pairs_they_were_written_from(home: Path) -> None:
    lake = made(home, told=False, provenance="extractive")
    verdict = json.loads((lake.read(Address(ASSET, DATASET)) / "leak.json").read_bytes())
    assert not verdict["suspect"]
    assert verdict["pairs_shown"] == read_matrix(lake.read(Address("split", DATASET)), "train").nnz
    assert len(verdict["pairs_sha256"]) == 64
    refuse_suspect_texts(lake, DATASET, "lmmrec", trusted=False)


def test_nobody_who_reads_user_texts_is_trained_before_somebody_looked(home: Path) -> None:
    with pytest.raises(LmmrecError, match="nobody has looked whether those of tiny know its validation pairs"):
        refuse_suspect_texts(Lake(home), DATASET, "lmmrec", trusted=False)
    assert "lmmrec" in READERS
    assert not {"base", "text-prior"} & set(READERS)
