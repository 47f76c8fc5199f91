"""Dagster assets of the training stage: one checkpoint per method, cells by variant and seed within a partition."""

from collections.abc import Callable, Sequence

import dagster as dg

from assets.cells import CellConfig, chosen_cells
from assets.lake import Address, Draft
from assets.partitions import DATASETS, GRID, keys_of
from assets.resources import Inputs, Installation, asset_arguments, clear_failures, materialize, materialize_cells
from assets.training.leak import ASSET as LEAK
from assets.training.leak import refuse_suspect_texts, write_leak
from assets.training.methods import METHODS, Method, checkpoint_of

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
        result = materialize_cells(context, installation, cells, work, force=config.force)
        forget_trainings(installation, cells)
        return result

    return checkpoint


def forget_trainings(installation: Installation, cells: Sequence[Address]) -> None:
    """Remove the states of trainings whose checkpoints are published."""
    from assets.training.cells import forget_states

    for cell in cells:
        forget_states(installation.lake.home, cell)


def cell_work(method: Method, installation: Installation) -> Callable[[Address, Draft, Inputs], None]:
    """What makes one cell, once its inputs are there."""

    def work(address: Address, draft: Draft, inputs: Inputs) -> None:
        import json

        from assets.training.cells import state_folder, train_cell, warm_start_of
        from assets.training.curve import training_curve
        from assets.training.plan import plan_cell

        assert address.dataset is not None
        entry = installation.entry(address.dataset)
        plan = plan_cell(address, method.name, entry.preset)
        state = state_folder(installation.lake.home, address, method.code_version)
        start, started_from = (
            warm_start_of(installation.lake, address, plan, inputs) if entry.warm_start else (None, {})
        )
        figures = train_cell(plan, inputs, draft.path, installation.settings, state, start) | started_from
        history = json.loads((draft.path / "history.json").read_bytes())
        title = f"{method.name} on {address.base_model}, {address.dataset}, {address.variant}, seed {address.seed}"
        draft.metadata.update(figures, training_curve_md=training_curve(history, figures["best_epoch"], title))

    return work


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


ASSETS = [user_text_leak, *(checkpoint_asset(method) for method in METHODS.values())]
