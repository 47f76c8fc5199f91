"""Dagster assets of the training stage: one checkpoint per method, cells by variant and seed within a partition."""

from collections.abc import Callable, Sequence
from functools import partial

import dagster as dg

from assets.cells import CellConfig, MethodsConfig, chosen_cells
from assets.datasets.catalog import find_dataset
from assets.lake import Address, Draft, Lake
from assets.partitions import DATASETS, GRID, keys_of
from assets.recipes import preset_of
from assets.resources import (
    Inputs,
    Installation,
    asset_arguments,
    clear_failures,
    materialize,
    materialize_cells,
    table_schema,
)
from assets.settings import Settings, home_directory
from assets.training.leak import ASSET as LEAK
from assets.training.leak import refuse_suspect_texts, write_leak
from assets.training.methods import METHODS, Method, checkpoint_of
from assets.training.tuning import ASSET as TUNING
from assets.training.tuning import can_be_tuned, settings_of, tune, tuned
from models.errors import LmmrecError
from models.training.config import PRESETS

DESCRIPTIONS = {
    "base": "The base model alone, trained on the interaction graph: weights, config, history and id maps.",
    "lmmrec": "LMMRec on the base model: motivations align with the graph while it trains (MCS and ICM losses); and the "
    "same with shuffled text as control.",
    "rlmrec-con": "RLMRec-Con on the base model: what the graph learns contrasts with mapped texts; and the same with "
    "shuffled text as control.",
    "rlmrec-gen": "RLMRec-Gen on the base model: texts of nodes with masked ID rows are reconstructed from the graph; and "
    "the same with shuffled text as control.",
    "uist": "UIST on the base model: texts as a few tokens each, scores a learned mixture over their levels; and the "
    "same with shuffled text as control.",
    "autograph": "AutoGraph on the base model: rows gathered over latent factors of the texts and over train neighbours are "
    "added to its own; and the same with shuffled text as control.",
    "once": "ONCE on the base model: texts enter the ID rows, and cold users get an edge to an item that their text "
    "describes; and the same with shuffled text as control.",
    "text-prior": "Item texts on top of EASE or GF-CF, in closed form: settings, form and weight of texts are chosen on "
    "validation, weight 0 among them; and the same with shuffled text as control.",
}


def checkpoint_asset(method: Method) -> dg.AssetsDefinition:
    """The asset that holds the checkpoints of one method."""

    @dg.asset(
        **asset_arguments(checkpoint_of(method.name)),
        partitions_def=GRID,
        pool="training",
        kinds={"pytorch"},
        description=DESCRIPTIONS[method.name],
    )
    def checkpoint(
        context: dg.AssetExecutionContext, config: CellConfig, installation: Installation
    ) -> dg.MaterializeResult[None]:
        dataset, base_model = keys_of(context)
        with clear_failures():
            if method.needs_text:
                from assets.training.cells import refuse_without_text

                refuse_without_text(installation.lake, dataset, method.name)
            if method.reads_user_texts:
                trusted = installation.entry(dataset).trust_user_texts
                refuse_suspect_texts(installation.lake, dataset, method.name, trusted)
            cells = chosen_cells(checkpoint_of(method.name), dataset, base_model, config)
        work = cell_work(method, installation)
        result = materialize_cells(context, installation, cells, work, force=config.force, spread=True)
        forget_trainings(installation, cells)
        return result

    return checkpoint


def forget_trainings(installation: Installation, cells: Sequence[Address]) -> None:
    """Remove the states of trainings whose checkpoints are published."""
    from assets.training.cells import forget_states

    for cell in cells:
        forget_states(installation.lake.home, cell)


def cell_work(method: Method, installation: Installation) -> Callable[[Address, Draft, Inputs], None]:
    """What makes one cell, once its inputs are there; another process can be told it."""
    return partial(make_cell, method.name, installation.settings)


def make_cell(name: str, settings: Settings, address: Address, draft: Draft, inputs: Inputs) -> None:
    import json

    from assets.training.cells import state_folder, train_cell, warm_start_of
    from assets.training.curve import training_curve
    from assets.training.plan import plan_cell

    assert address.dataset is not None
    lake = Lake(home_directory())
    entry = find_dataset(lake.home, address.dataset)
    plan = plan_cell(address, name, preset_of(settings, entry))
    if TUNING in inputs:
        plan = tuned(plan, inputs[TUNING])
        draft.metadata["tuned"] = json.dumps(settings_of(plan))
    state = state_folder(lake.home, address, METHODS[name].code_version)
    start, started_from = warm_start_of(lake, address, plan, inputs) if entry.warm_start else (None, {})
    figures = train_cell(plan, inputs, draft.path, settings, state, start) | started_from
    history = json.loads((draft.path / "history.json").read_bytes())
    title = f"{name} on {address.base_model}, {address.dataset}, {address.variant}, seed {address.seed}"
    draft.metadata.update(figures, training_curve_md=training_curve(history, figures["best_epoch"], title))


@dg.asset(
    **asset_arguments(LEAK),
    partitions_def=DATASETS,
    kinds={"numpy"},
    description="Whether the user texts know validation pairs: text alone on validation and on test, beside an item model on "
    "both, and which pairs their writers were shown. What reads user texts is trained only where this passes.",
)
def user_text_leak(context: dg.AssetExecutionContext, installation: Installation) -> dg.MaterializeResult[None]:
    def work(draft: Draft, inputs: Inputs) -> None:
        draft.metadata.update(write_leak(inputs, draft.path))

    return materialize(context, installation, Address(LEAK, context.partition_key), work)


@dg.asset(
    **asset_arguments(TUNING),
    partitions_def=GRID,
    pool="training",
    kinds={"pytorch", "parquet"},
    description="Trials on validation before an experiment, as many for the base as for every method (LMMREC_TRIALS): all of "
    "them, and the settings that the cells of a method take over.",
    metadata=table_schema(
        trial=("INTEGER", "0 is the method as it is without tuning"),
        learning_rate=("DOUBLE", "Adam's rate"),
        l2=("DOUBLE", "of all parameters"),
        weight=("DOUBLE", "of the method; empty for the base"),
        recall_20=("DOUBLE", "best epoch, on validation"),
        ndcg_20=("DOUBLE", "the same epoch"),
        best_epoch=("INTEGER", "whose weights would be kept"),
        chosen=("BOOLEAN", "best by Recall@20"),
    ),
)
def tuning(
    context: dg.AssetExecutionContext, config: MethodsConfig, installation: Installation
) -> dg.MaterializeResult[None]:
    dataset, base_model = keys_of(context)
    with clear_failures():
        if not can_be_tuned(base_model):
            raise LmmrecError(
                f"{base_model} is a closed form, which tries its settings by itself: tune another base model."
            )
    cells = [Address(TUNING, dataset, base_model, method) for method in config.methods]
    work = partial(tune_method, installation.settings)
    return materialize_cells(context, installation, cells, work, force=config.force, spread=True)


def tune_method(settings: Settings, address: Address, draft: Draft, inputs: Inputs) -> None:
    from assets.training.cells import resolve_device

    entry = find_dataset(home_directory(), str(address.dataset))
    method, device = str(address.method), resolve_device(settings.device)
    training, trials = PRESETS[preset_of(settings, entry)], settings.trials
    figures = tune(address, method, training, trials, inputs, draft.path, settings.threads, device)
    draft.metadata.update(figures)


ASSETS = [user_text_leak, tuning, *(checkpoint_asset(method) for method in METHODS.values())]
