"""Fitting a base model in closed form: every setting that it leaves open is tried on validation, then texts beside it.

What the epochs are for a model trained in steps, trials are here: the history has one entry a trial, and the weights kept
are those of the chosen one. What is tried stands beside each base model; test data plays no part.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from models.bases import BaseConfig, base_spec
from models.bases.closed_form import ClosedFormBase, TextChoice, Trial
from models.closed_form.text_part import TextPart, TextSettings
from models.closed_form.views import ItemTexts, shares_to_try
from models.enhancers import EnhancerConfig, TextPriorConfig, refuse_mismatch
from models.errors import LmmrecError
from models.graph import binary_csr
from models.progress import Silence, Step, reporting_to, track
from models.ranking.evaluate import evaluate
from models.ranking.significance import paired_t
from models.training.config import RunConfig, TrainingConfig
from models.training.data import TrainingData
from models.training.fitted import FittedModel

VALIDATION_K = 20
"""List length of the metric that decides, as for models trained in steps."""
MAX_SCORES = 100_000_000
"""Scores of all trials of one fit that are ranked at most in one trial: beyond, a sample of the validation users decides."""
MIN_USERS = 1_000
"""Of them at least."""
VIEWS_AMONG = 4
"""At most one in so many trials of texts is one of their views' shares."""
SETTING = "setting_"
"""Before the name of a setting in the history."""
NOTHING_TO_CHOOSE_BY = (
    "the split has no validation interactions, so the settings of a closed form have nothing to be chosen by; "
    "carve a validation part out of train, or set evaluate_every=0 for the default settings"
)


def fit_formula(
    data: TrainingData, base: BaseConfig, enhancer: EnhancerConfig | None, training: TrainingConfig, run: RunConfig
) -> FittedModel:
    """The base model of the settings that are best on validation by `training.monitor`, the earlier of equals.

    With texts, the base alone is tuned first, then base and texts together around that, with no more trials; what reads texts
    is kept where it is ahead beyond chance (`stepwise`). With weight 0 the model is the base's to the bit. Same arguments and
    threads, same bytes.

    Raises:
        LmmrecError: validation is empty but needed, texts are missing, or the catalogue is too large for the model.
    """
    started_s = time.perf_counter()
    from threadpoolctl import threadpool_limits

    with threadpool_limits(run.threads):
        found = _fitted(data, base, enhancer, training, run)
    return replace(found, seconds=time.perf_counter() - started_s)


def _fitted(
    data: TrainingData, base: BaseConfig, enhancer: EnhancerConfig | None, training: TrainingConfig, run: RunConfig
) -> FittedModel:
    if enhancer is not None:
        refuse_mismatch(base, enhancer.name)
        if not isinstance(enhancer, TextPriorConfig):
            raise LmmrecError(f"{enhancer.name!r} cannot be fitted by a formula; choose text-prior")
    texts = None if enhancer is None else _item_texts(data)
    model, train = base_spec(base.name).formula(), binary_csr(data.train)
    if training.evaluate_every and data.validation.nnz == 0:
        raise LmmrecError(NOTHING_TO_CHOOSE_BY)
    log = TrialLog(training.monitor)
    if training.evaluate_every:
        log.validation, log.train = sampled_rows(data.validation, run.seed), train
        with track(f"tune {base.name}", total=len(model.grid(base, train)), unit="trials") as step:
            fitted = tuned(model, base, train, log, step)
            fitted, part, used = texts_beside(fitted, base, enhancer, texts, log, step)
    else:
        fitted = model.fitted(model.grid(base, train)[0], train)
        part, used = _default_texts(fitted, enhancer, texts)
    return FittedModel(
        base=fitted.config,
        enhancer=used,
        training=training,
        seed=run.seed,
        num_users=data.num_users,
        num_items=data.num_items,
        final=fitted.tensors(part),
        parameters={},
        history=log.history,
        best_epoch=log.chosen,
    )


def tuned(
    model: type[ClosedFormBase], base: BaseConfig, train: sp.csr_matrix, log: TrialLog, step: Step
) -> ClosedFormBase:
    """The model of the text-free settings that are best on validation: first a coarse grid, then around the best of it."""
    chosen = log.best(model.trials(model.grid(base, train), train), step)
    if around := model.finer(base, chosen, train):
        step.total = (step.total or 0) + len(around)
        chosen = log.best(model.trials(around, train), step, chosen)
    return model.fitted(chosen, train)


def text_choices(fitted: ClosedFormBase, base: BaseConfig, enhancer: TextPriorConfig) -> list[TextChoice]:
    """What is tried of texts: the base's grid, or the one form that was asked for; empty where it weighs nothing."""
    if enhancer.form == "chosen":
        return list(fitted.text_grid(base, fitted.config, fitted.train))
    if enhancer.form == "none" or enhancer.weight == 0.0:
        return []
    asked = TextSettings(
        enhancer.form, enhancer.weight, enhancer.shrinkage, enhancer.popularity_shift, enhancer.view_shares
    )
    return [TextChoice(fitted.config, asked)]


def texts_beside(
    fitted: ClosedFormBase,
    base: BaseConfig,
    enhancer: TextPriorConfig | None,
    texts: ItemTexts | None,
    log: TrialLog,
    step: Step,
) -> tuple[ClosedFormBase, TextPart | None, TextPriorConfig | None]:
    """The model that is kept and its text part, None where texts are not worth it: then the model is `fitted`, as it is.

    Args:
        fitted: the text-free model, whose trial is the one chosen in `log`.
        base: its settings as they were asked for, with what they leave open.
    """
    if enhancer is None or texts is None:
        return fitted, None, None
    tried = text_choices(fitted, base, enhancer)
    views = shares_to_try(len(texts.widths))[: len(tried) // VIEWS_AMONG]
    tried = tried[: len(tried) - len(views)]  # not more trials than without views; the forms liked least stand last
    step.total = (step.total or 0) + len(tried)
    trials = fitted.text_trials(tried, texts.read(tried[0].text.view_shares)) if tried else iter(())
    looked = {log.look(trial, step): choice for choice, trial in zip(tried, trials, strict=True)}
    forms = {number: choice.text for number, choice in looked.items()}
    log.chosen = stepwise(forms, log.per_user, log.chosen, enhancer.significance)
    found = looked.get(log.chosen)
    if found is None:
        return fitted, None, enhancer.model_copy(update={"form": "none", "weight": 0.0})
    model = fitted if found.base == fitted.config else fitted.fitted(found.base, fitted.train)
    text = _with_views(model, found.text, views, texts, log, step, enhancer.significance)
    return model, _part(model, text, texts), _as_config(enhancer, text)


def _with_views(
    model: ClosedFormBase,
    text: TextSettings,
    views: Sequence[tuple[float, ...]],
    texts: ItemTexts,
    log: TrialLog,
    step: Step,
    significance: float,
) -> TextSettings:
    """`text` with the shares of views that are best on validation, by the rule for forms: only where beyond chance."""
    step.total = (step.total or 0) + len(views)
    looked = dict[int, TextSettings]()
    for shares in views:
        tried = replace(text, view_shares=shares)
        (trial,) = model.text_trials([TextChoice(model.config, tried)], texts.read(shares))
        looked[log.look(trial, step)] = tried
    log.chosen = stepwise(looked, log.per_user, log.chosen, significance)
    return looked.get(log.chosen, text)


def stepwise(
    looked: Mapping[int, TextSettings], per_user: Sequence[np.ndarray], start: int, significance: float
) -> int:
    """The trial that is kept: forms one after the other, each by its best setting, against what was kept before.

    A form takes the place of the one before only where its gain has a paired p below `significance`, so that neither the
    many settings nor the many forms are a lottery; `start` is the base alone. Of equal settings the earlier stands.

    Args:
        looked: settings by the number of their trial, in the order of preference of their forms.
        per_user: by number of trial, (users,) values of the metric.
    """
    kept = start
    for form in dict.fromkeys(text.form for text in looked.values()):
        numbers = [number for number, text in looked.items() if text.form == form]
        best = max(numbers, key=lambda number: float(per_user[number].mean()))
        gain = per_user[best] - per_user[kept]
        if gain.mean() > 0.0 and paired_t(gain) < significance:
            kept = best
    return kept


def _default_texts(
    fitted: ClosedFormBase, enhancer: TextPriorConfig | None, texts: ItemTexts | None
) -> tuple[TextPart | None, TextPriorConfig | None]:
    """What was asked for by name; nothing is chosen unseen."""
    if enhancer is None or texts is None:
        return None, None
    if enhancer.form == "chosen":
        raise LmmrecError(
            NOTHING_TO_CHOOSE_BY.replace("for the default settings", "and name the form and weight of texts")
        )
    asked = text_choices(fitted, fitted.config, enhancer)
    return (_part(fitted, asked[0].text, texts), enhancer) if asked else (None, enhancer)


def _part(fitted: ClosedFormBase, settings: TextSettings, texts: ItemTexts) -> TextPart:
    (_, part), *_ = fitted.text_parts([settings], texts.read(settings.view_shares))
    return part


def _as_config(enhancer: TextPriorConfig, text: TextSettings) -> TextPriorConfig:
    return enhancer.model_copy(update=asdict(text))


def _item_texts(data: TrainingData) -> ItemTexts:
    data.texts()  # refuses where there are none
    assert data.item_texts is not None
    return ItemTexts(data.item_texts, data.views)


def sampled_rows(validation: sp.csr_matrix, seed: int) -> sp.csr_matrix:
    """Validation pairs of as many users as `MAX_SCORES` allows, drawn with the run's seed; of all where that is enough."""
    users = np.flatnonzero(np.diff(validation.indptr))
    count = max(MIN_USERS, MAX_SCORES // max(1, validation.shape[1]))
    if len(users) <= count:
        return validation
    kept = np.zeros(validation.shape[0])
    kept[np.random.default_rng([seed, 0x7121]).choice(users, count, replace=False)] = 1.0
    found = (sp.diags(kept) @ validation).tocsr()
    found.eliminate_zeros()
    return found


@dataclass
class TrialLog:
    """All trials so far, and the one that is chosen."""

    monitor: str
    history: list[dict[str, Any]] = field(default_factory=list)
    per_user: list[np.ndarray] = field(default_factory=list)
    """Of each trial the monitored metric of every user looked at."""
    chosen: int = 0
    top: float = 0.0
    train: sp.csr_matrix | None = None
    """What is no candidate."""
    validation: sp.csr_matrix | None = None

    def best(self, trials: Iterable[Trial], step: Step, before: BaseConfig | None = None) -> BaseConfig:
        """Looks at each of `trials` and returns the settings of the best, the earlier of equals; `chosen` is its number.

        Args:
            before: settings of the trial that is chosen already, and stays unless one of `trials` is better.
        """
        best = before
        for trial in trials:
            number = self.look(trial, step)
            if best is None or self.history[number][self.monitor] > self.history[self.chosen][self.monitor]:
                best, self.chosen = trial.base, number
        assert best is not None
        return best

    def look(self, trial: Trial, step: Step) -> int:
        """Looks at one trial; its number."""
        number = self._look(trial)
        self.top = max(self.top, self.history[number][self.monitor])
        step.advance(note=f"{self.monitor} {self.history[number][self.monitor]:.4f} on validation, best {self.top:.4f}")
        return number

    def _look(self, trial: Trial) -> int:
        assert self.train is not None
        assert self.validation is not None
        with reporting_to(Silence()):
            found = evaluate(trial, self.train, self.validation, self.validation, ("rlmrec",), (VALIDATION_K,))
        metrics = found.per_user["rlmrec"]
        entry = {"epoch": len(self.history)} | {name: float(values.mean()) for name, values in metrics.items()}
        self.history.append(entry | shown_settings(trial))
        self.per_user.append(metrics[self.monitor])
        return len(self.history) - 1


def shown_settings(trial: Trial) -> dict[str, float]:
    """The settings of a trial as numbers: those of the base, and for texts the weight under the name of its form."""
    own = trial.base.model_dump(exclude={"name", "dim", "l2"})
    found = {f"{SETTING}{name}": float(value) for name, value in own.items()}
    if trial.text is not None:
        found[f"{SETTING}text_{trial.text.form}"] = trial.text.weight
        if trial.text.form in ("prior", "map"):
            found[f"{SETTING}text_shrinkage"] = trial.text.shrinkage
        if trial.text.popularity_shift:
            found[f"{SETTING}text_popularity_shift"] = trial.text.popularity_shift
        found |= {f"{SETTING}text_view_{view}": share for view, share in enumerate(trial.text.view_shares, start=1)}
    return found
