"""The motivation assets: prompts to answers, with ready texts before them and fallbacks behind them.

One row for every user or item, whatever happened to its prompt. Who answers is a chat model of `models/language`; how good
the whole must be is `gate.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assets.motivations.config import PROMPTS as CONFIG
from assets.motivations.fallback import catalogue, fallback_texts, imported_texts
from assets.motivations.sample import sample_table
from assets.motivations.tables import MOTIVATION_TYPES, MOTIVATIONS, MotivationRow, read_requests, write_rows
from models.errors import LmmrecError
from models.language.chat import Answered, ChatModel, Entity, Unanswered, Usage
from models.progress import track


def write_motivations(
    entity: Entity, inputs: Mapping[str, Path], model: ChatModel, folder: Path, min_valid: float = 0.0
) -> dict[str, Any]:
    """Write `motivations.parquet` and return counts, tokens and dollars.

    Args:
        entity: whose motivations.
        inputs: folders of `reviews`, `items`, `interactions`, the prompts (`item_prompts` or `user_prompts`), and for
            users `split`.
        model: who answers.
        folder: where the file goes.
        min_valid: share of the prompts that the gate wants answered; see Raises.

    Raises:
        LmmrecError: so many requests failed for reasons that may pass (endpoint down) that the gate could not open.
            Nothing is written then, answers are kept, and the next run asks for the missing ones only.
    """
    answered, failures, usage, cached = _ask(entity, inputs[f"{entity}_prompts"], model)
    _refuse_outage(failures, len(answered) + len(failures), min_valid)
    ready = imported_texts(entity, inputs["reviews"])
    everyone = catalogue(entity, inputs["interactions"])
    missing = {index for index, name in everyone if index not in answered and name not in ready}
    fallbacks = fallback_texts(entity, inputs, missing)
    rows = []
    for index, name in everyone:
        if name in ready:
            rows.append(MotivationRow(index, name, ready[name], "imported"))
        elif index in answered:
            rows.append(answered[index])
        else:
            outcome = failures.get(index)
            reason = outcome.reason if outcome else "no text was written about it in the train part"
            rows.append(MotivationRow(index, name, fallbacks[index], "fallback", reason=reason))
    write_rows((row.as_row() for row in rows), MOTIVATION_TYPES, folder / MOTIVATIONS)
    counts = Counter(row.provenance for row in rows)
    reasons = Counter(row.reason for row in rows if row.reason)
    return {
        "entities": len(rows),
        **{f"provenance_{name.split(':')[0]}": count for name, count in sorted(counts.items())},
        "answers_reused": cached,
        "calls": usage.calls,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cost_usd": round(usage.cost_usd, 6),
        "fallback_reasons": [{"reason": reason, "entities": n} for reason, n in reasons.most_common(10)],
        "sample_md": sample_table(rows),
    }


def _ask(
    entity: Entity, prompts: Path, model: ChatModel
) -> tuple[dict[int, MotivationRow], dict[int, Unanswered], Usage, int]:
    """Rows by index, failures by index, what it took, and how many answers were at hand."""
    asked = {
        request.id: (request, name, sha256) for request, name, sha256 in read_requests(prompts, entity, CONFIG.version)
    }
    answered: dict[int, MotivationRow] = {}
    failures: dict[int, Unanswered] = {}
    usage, cached = Usage(), 0
    with track(f"{entity} motivations", total=len(asked), unit="answers") as step:
        for outcome in model.complete([request for request, _, _ in asked.values()]):
            index = int(outcome.id)
            usage += outcome.usage
            if isinstance(outcome, Answered):
                _, name, sha256 = asked[outcome.id]
                answered[index] = MotivationRow.of_answer(index, name, outcome.answer, model.provenance, sha256)
                cached += outcome.cached
            else:
                failures[index] = outcome
            step.advance(note=f"{usage.cost_usd:.4f} USD" if usage.cost_usd else None)
    return answered, failures, usage, cached


def _refuse_outage(failures: Mapping[int, Unanswered], prompts: int, min_valid: float) -> None:
    outage = [failure for failure in failures.values() if failure.retryable]
    if outage and len(outage) > (1 - min_valid) * prompts:
        raise LmmrecError(
            f"{len(outage):,} of {prompts:,} requests found no answer ({outage[0].reason}): run again when the endpoint "
            "answers; what was answered is kept, only the rest is asked."
        )
