"""The motivation assets: prompts to answers, with ready texts before them and fallbacks behind them.

One row for every user or item, whatever happened to its prompt; rows go to disk as answers come, so that memory does not grow
with them. Who answers is a chat model of `models/language`; how good the whole must be is `gate.py`.
"""

from __future__ import annotations

import tempfile
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assets.motivations.config import PROMPTS as CONFIG
from assets.motivations.fallback import catalogue, fallback_texts, imported_texts
from assets.motivations.quarantine import Sieve, ids_of
from assets.motivations.sample import sample_indices, sample_table
from assets.motivations.tables import (
    MOTIVATION_TYPES,
    MOTIVATIONS,
    MotivationRow,
    count_prompts,
    merge_rows,
    read_requests,
    write_rows,
)
from models.errors import LmmrecError
from models.language.chat import Answered, ChatModel, ChatRequest, Entity, Unanswered, Usage
from models.progress import say, track


@dataclass
class _Tally:
    """What came of the prompts, without the answers themselves."""

    answered: set[int] = field(default_factory=set)
    failures: dict[int, Unanswered] = field(default_factory=dict)
    usage: Usage = field(default=Usage())
    cached: int = 0


def write_motivations(
    entity: Entity, inputs: Mapping[str, Path], model: ChatModel, folder: Path, min_valid: float = 0.0
) -> dict[str, Any]:
    """Write `motivations.parquet` and `quarantine.parquet` and return counts, tokens and dollars.

    Args:
        entity: whose motivations.
        inputs: folders of `reviews`, `items`, `interactions`, the prompts (`item_prompts` or `user_prompts`), and for
            users `split`.
        model: who answers.
        folder: where the files go.
        min_valid: share of the prompts that the gate wants answered; see Raises.

    Raises:
        LmmrecError: so many requests failed for reasons that may pass (endpoint down) that the gate could not open.
            Nothing is written then, answers are kept, and the next run asks for the missing ones only.
    """
    prompts, everyone = inputs[f"{entity}_prompts"], catalogue(entity, inputs["interactions"])
    total = _announce(entity, prompts, model)
    tally, counts, reasons = _Tally(), Counter[str](), Counter[str]()
    wanted, sample = sample_indices(len(everyone)), dict[int, MotivationRow]()

    def noted(rows: Iterable[MotivationRow]) -> Iterator[dict[str, Any]]:
        for row in rows:
            counts[row.provenance.split(":")[0]] += 1
            if row.reason:
                reasons[row.reason] += 1
            if row.entity_idx in wanted:
                sample[row.entity_idx] = row
            yield row.as_row()

    with tempfile.TemporaryDirectory(dir=folder, prefix=".rows-") as scratch:
        parts = Path(scratch) / "answered.parquet", Path(scratch) / "others.parquet"
        sieve = Sieve(ids_of(inputs["interactions"]), Path(scratch) / "quarantine.jsonl")
        ready = _ready(everyone, imported_texts(entity, inputs["reviews"]), sieve)
        write_rows(noted(_answers(entity, prompts, model, total, tally, sieve)), MOTIVATION_TYPES, parts[0])
        _refuse_outage(tally.failures, total, min_valid)
        others = [(index, name) for index, name in everyone if index not in tally.answered]
        missing = {index for index, name in others if name not in ready}
        fallbacks = fallback_texts(entity, inputs, missing)
        reasons_of = {index: failure.reason for index, failure in tally.failures.items()} | sieve.reasons
        write_rows(noted(_others(others, ready, fallbacks, reasons_of)), MOTIVATION_TYPES, parts[1])
        merge_rows(parts, folder / MOTIVATIONS)
        sieve.write(folder)
    return {
        "entities": len(everyone),
        **{f"provenance_{name}": count for name, count in sorted(counts.items())},
        "answers_reused": tally.cached,
        "calls": tally.usage.calls,
        "input_tokens": tally.usage.input_tokens,
        "output_tokens": tally.usage.output_tokens,
        "cost_usd": round(tally.usage.cost_usd, 6),
        **sieve.figures(),
        "fallback_reasons": [{"reason": reason, "entities": n} for reason, n in reasons.most_common(10)],
        "sample_md": sample_table([sample[index] for index in sorted(sample)]),
    }


def _announce(entity: Entity, prompts: Path, model: ChatModel) -> int:
    """Say what is about to be spent, before it is, and return how many prompts there are."""
    total = count_prompts(prompts)
    expense = model.expense(request for request, _, _ in read_requests(prompts, entity, CONFIG.version))
    if expense.calls:
        tokens = expense.input_tokens + expense.output_tokens
        cost = "at an unknown price" if expense.cost_usd is None else f"about {expense.cost_usd:,.4f} USD"
        say(
            f"{entity} motivations: {total:,} prompts of version {CONFIG.version}, {total - expense.calls:,} answered before; "
            f"{expense.calls:,} calls to {model.provenance} follow, about {tokens:,} tokens, {cost}"
        )
    return total


def _ready(everyone: Iterable[tuple[int, str]], texts: Mapping[str, str], sieve: Sieve) -> dict[str, str]:
    """Id -> text that came with the dataset and may be published."""
    return {
        name: texts[name]
        for index, name in everyone
        if name in texts and sieve.passes(MotivationRow(index, name, texts[name], "imported"))
    }


def _answers(
    entity: Entity, prompts: Path, model: ChatModel, total: int, tally: _Tally, sieve: Sieve
) -> Iterator[MotivationRow]:
    """The rows whose answer may be published, by index; everything else about the prompts goes into `tally` and `sieve`."""
    asked: deque[tuple[ChatRequest, str, str]] = deque()

    def requests() -> Iterator[ChatRequest]:
        for request, name, sha256 in read_requests(prompts, entity, CONFIG.version):
            asked.append((request, name, sha256))
            yield request

    if not total:
        return
    with track(f"{entity} motivations", total=total, unit="answers") as step:
        for outcome in model.complete(requests()):
            request, name, sha256 = asked.popleft()
            if outcome.id != request.id:
                raise AssertionError(f"the outcome of {outcome.id} came where that of {request.id} was due")
            index = int(request.id)
            tally.usage += outcome.usage
            if isinstance(outcome, Answered):
                tally.cached += outcome.cached
                row = MotivationRow.of_answer(index, name, outcome.answer, model.provenance, sha256)
                if sieve.passes(row, request, outcome.blemishes):
                    tally.answered.add(index)
                    yield row
            else:
                tally.failures[index] = outcome
            step.advance(note=_spending(tally.usage))


def _others(
    others: Iterable[tuple[int, str]],
    ready: Mapping[str, str],
    fallbacks: Mapping[int, str],
    reasons: Mapping[int, str],
) -> Iterator[MotivationRow]:
    """The rows that no answer speaks of: ready texts, and fallbacks with the reason."""
    for index, name in others:
        if name in ready:
            yield MotivationRow(index, name, ready[name], "imported")
        else:
            reason = reasons.get(index, "no text was written about it in the train part")
            yield MotivationRow(index, name, fallbacks[index], "fallback", reason=reason)


def _spending(usage: Usage) -> str | None:
    return f"{usage.calls:,} calls, {usage.tokens:,} tokens, {usage.cost_usd:.4f} USD" if usage.calls else None


def _refuse_outage(failures: Mapping[int, Unanswered], prompts: int, min_valid: float) -> None:
    outage = [failure for failure in failures.values() if failure.retryable]
    if outage and len(outage) > (1 - min_valid) * prompts:
        raise LmmrecError(
            f"{len(outage):,} of {prompts:,} requests found no answer ({outage[0].reason}): run again when the endpoint "
            "answers; what was answered is kept, only the rest is asked."
        )
