"""The code location: every asset, check, job, schedule and sensor, and the one resource they share.

Light on purpose: no torch, no Great Expectations, no LLM client is imported here, because every process that Dagster
starts imports this module. A test holds its cost. What the parts do is said where they are defined.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import dagster as dg

import assets
import models
import orchestration
from models.errors import LmmrecError
from orchestration.threads import wait_politely

# Partitioned checks are announced as a preview; without them the latest evaluation would speak for all datasets.
warnings.filterwarnings("ignore", category=dg.PreviewWarning)


def check_one_installation(*packages: Path) -> None:
    """Refuse to start where the three rooms come from different places.

    Their names are plain words, so another project's `assets` or `models` may come first on the path.

    Raises:
        LmmrecError: the folders differ; the text names them and the remedy.
    """
    if len({package.parent for package in packages}) > 1:
        raise LmmrecError(
            f"{', '.join(str(package) for package in packages)} do not belong together: another package of the same name "
            "comes first; install with `pip install -e .` in an environment of its own and leave PYTHONPATH empty."
        )


def build() -> dg.Definitions:
    """All definitions; imports the stages only after the rooms are known to be ours."""
    check_one_installation(*(Path(str(room.__file__)).resolve().parent for room in (orchestration, assets, models)))

    from assets.datasets.assets import ASSETS as DATASETS
    from assets.datasets.checks import CHECKS as DATASET_CHECKS
    from assets.embeddings.assets import ASSETS as EMBEDDINGS
    from assets.embeddings.checks import CHECKS as EMBEDDING_CHECKS
    from assets.evaluation.assets import ASSETS as EVALUATION
    from assets.evaluation.checks import CHECKS as EVALUATION_CHECKS
    from assets.motivations.assets import ASSETS as MOTIVATIONS
    from assets.motivations.checks import CHECKS as MOTIVATION_CHECKS
    from assets.resources import Installation
    from assets.settings import load_settings
    from assets.training.assets import ASSETS as TRAINING
    from assets.training.checks import CHECKS as TRAINING_CHECKS
    from orchestration.jobs import EXECUTOR, JOBS
    from orchestration.schedules import SCHEDULES
    from orchestration.sensors import SENSORS

    return dg.Definitions(
        assets=[*DATASETS, *MOTIVATIONS, *EMBEDDINGS, *TRAINING, *EVALUATION],
        asset_checks=[*DATASET_CHECKS, *MOTIVATION_CHECKS, *EMBEDDING_CHECKS, *TRAINING_CHECKS, *EVALUATION_CHECKS],
        jobs=JOBS,
        schedules=SCHEDULES,
        sensors=SENSORS,
        resources={"installation": Installation(**load_settings().model_dump())},
        executor=EXECUTOR,
    )


wait_politely()
defs = build()
