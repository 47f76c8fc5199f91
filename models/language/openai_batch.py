"""Motivations from the batch service of an endpoint: half the price, within a day, the same answers under the same names.

Questions go out in chunks; what a batch brings back is judged like an answer that came at once, and what could not be used or
is missing goes into a next batch, a bounded number of times. Any end of the process leaves the batches under way: the next run
finds them and submits nothing twice. HTTP is `batch_service.py`, files `batch_results.py`, the disk `batch_book.py`.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from models.errors import LmmrecError
from models.language.at_hand import given_up_row, outcomes_at_hand
from models.language.batch_book import BatchBook, Chunk, Line
from models.language.batch_results import BatchResults, body_or_failure, read_results, tokens_of
from models.language.batch_service import ENDED, BatchService
from models.language.budget import Budget
from models.language.chat import Answered, ChatConfig, ChatRequest, Expense, Outcome, Usage
from models.language.dialect import Dialect
from models.language.dialogue import Dialogue, Turn, for_twin
from models.language.gateway import Gateway
from models.language.openai_chat import OpenAIChatModel
from models.language.prices import batch_share
from models.language.questions import Question, question_of
from models.language.retry import redact
from models.language.store import Answer, Attempt, Store
from models.language.verdict import Abort, Ok, Verdict
from models.progress import say

if TYPE_CHECKING:
    from openai.types import Batch

MAX_LINES, MAX_BYTES = 50_000, 190_000_000
"""Of one batch; OpenAI takes 50,000 requests and 200 MB."""
MAX_ROUNDS = 5
"""Batches in which a request may be missing, expired or failed before it is left for another run."""
TRANSFER_TIMEOUT_S = 900.0
"""Of one upload or download."""
_SLOWEST = 20
"""Looks at a batch become rarer, up to this many times the first distance."""
_COLLECTED_AT_ONCE = 500
"""Lines written in one transaction."""
_TOO_MANY_TOKENS = "token_limit_exceeded"
"""Code of a batch that was refused because too much is queued already."""


class OpenAIBatchModel:
    """A chat model behind a batch service; see `ChatModel`. Holds the requests of a pass in memory, about 10 kB each."""

    def __init__(self, config: ChatConfig) -> None:
        self._config = config
        self._one_by_one = OpenAIChatModel(config)
        self.provenance = self._one_by_one.provenance

    def complete(self, requests: Iterable[ChatRequest]) -> Iterator[Outcome]:
        """Outcomes in the order of the requests, as batches come back; equal prompts are asked once.

        Raises:
            LmmrecError: no key, no credit, budget reached, no batch service, a batch was refused, store unusable. Batches
                that were submitted go on, and answers that were collected are kept.
        """
        questions = [question_of(request, self._config) for request in requests]
        with Store(self._config.store) as store:
            first = {question.name: question for question in reversed(questions)}
            outcomes: dict[str, Outcome] = {}
            known = outcomes_at_hand(store, list(first.values()), self._config.ask_again)
            for name, outcome in zip(first, known, strict=True):
                if outcome is not None:
                    outcomes[name] = outcome
            with closing(self._rounds(store, first, outcomes)) as rounds:
                for question in questions:
                    while question.name not in outcomes:
                        next(rounds)
                    outcome = outcomes[question.name]
                    asked = first[question.name].request is question.request
                    yield outcome if asked else for_twin(question.request.id, outcome)

    def expense(self, requests: Iterable[ChatRequest]) -> Expense:
        """Of the requests that no stored answer fits."""
        expense = self._one_by_one.expense(requests)
        return replace(expense, cost_usd=None if expense.cost_usd is None else batch_share() * expense.cost_usd)

    def _rounds(
        self, store: Store, questions: Mapping[str, Question], outcomes: dict[str, Outcome]
    ) -> Generator[None, None, None]:
        """Fills `outcomes`; each step is one batch that came back."""
        config = self._config
        endpoint = config.base_url or "default"
        with BatchBook(config.store, endpoint, config.model) as book, asyncio.Runner() as runner:
            budget = Budget(config.model, config.budget_usd, store.spent_usd(), batch_share())
            gateway = Gateway("batches", config.model, config.base_url, store, 2, timeout_s=TRANSFER_TIMEOUT_S)
            client = runner.run(gateway.client().__aenter__())
            try:
                work = _Work(config, store, book, BatchService(gateway, client), budget, questions, outcomes)
                runner.run(work.resume())
                while runner.run(work.next_batch()):
                    yield
            finally:
                runner.run(client.close())


@dataclass
class _Work:
    """The questions of one pass on their way through batches."""

    config: ChatConfig
    store: Store
    book: BatchBook
    service: BatchService
    budget: Budget
    questions: Mapping[str, Question]
    outcomes: dict[str, Outcome]
    dialogues: dict[str, Dialogue] = field(default_factory=dict)
    """Of the questions without an outcome."""
    waiting: list[str] = field(default_factory=list)
    """Questions for the next batch."""
    under_way: dict[str, Chunk] = field(default_factory=dict)
    """By the name of the chunk."""
    dialect: Dialect = field(default_factory=Dialect)
    lines_at_once: int = MAX_LINES
    alone: bool = False
    """One batch at a time: the endpoint has said that too much is queued."""
    stop: LmmrecError | None = None
    """Raised when nothing is under way any more."""

    async def resume(self) -> None:
        """Find what an earlier run submitted; everything else waits for a batch."""
        names = [name for name in self.questions if name not in self.outcomes]
        last = self.book.last_attempts(names)
        for name in names:
            turn, attempts = Turn(self.dialect.form), last.get(name, 0)
            self.dialogues[name] = Dialogue(
                self.questions[name], turn, MAX_ROUNDS, self.config.row_tokens, attempts=attempts
            )
        submitted: set[str] = set()
        for chunk in self.book.open_chunks():
            known = chunk if chunk.batch_id else await self._found_again(chunk)
            if known is None:
                continue
            mine = [line for line in known.lines if line.request_sha256 in self.dialogues]
            if mine:
                say(f"batch {known.batch_id} of an earlier run is under way with {len(mine):,} requests of this one")
                self.under_way[known.name] = known
            elif any(line.request_sha256 in self.questions for line in known.lines):
                await self._collect_if_ended(known)  # Answered in another way since; it was paid for all the same.
            for line in mine:
                self.dialogues[line.request_sha256].turn = line.turn
                submitted.add(line.request_sha256)
        self.waiting = [name for name in names if name not in submitted]

    async def next_batch(self) -> bool:
        """Submit what waits, and come back with the next batch that ended; False when nothing is left.

        Raises:
            LmmrecError: nothing is under way any more, and some questions could not be submitted.
        """
        await self._submit_waiting()
        pause_s = self.config.batch_poll_s
        while self.under_way:
            for chunk in list(self.under_way.values()):
                if await self._collect_if_ended(chunk):
                    del self.under_way[chunk.name]
                    return True
            await asyncio.sleep(pause_s)
            pause_s = min(1.5 * pause_s, _SLOWEST * self.config.batch_poll_s)
        if self.stop is not None:
            raise self.stop
        return False

    async def _found_again(self, chunk: Chunk) -> Chunk | None:
        """A chunk that was planned, and perhaps submitted, when the process ended."""
        batch = await self.service.find(chunk.name, chunk.planned_at)
        if batch is None:
            self.book.never_sent(chunk)
            return None
        return self.book.submitted(chunk, batch.id, batch.input_file_id)

    async def _submit_waiting(self) -> None:
        while self.waiting and self.stop is None and not (self.alone and self.under_way):
            lines, content = self._next_chunk()
            try:
                self._require_budget(lines)
            except LmmrecError as error:
                self.stop = error
                return
            chunk = self.book.plan(lines)
            batch = await self.service.submit(content, chunk.name, chunk.planned_at)
            self.under_way[chunk.name] = self.book.submitted(chunk, batch.id, batch.input_file_id)
            del self.waiting[: len(lines)]
            say(f"batch {batch.id} of {len(lines):,} requests is submitted ({len(content) / 1e6:,.1f} MB)")

    def _next_chunk(self) -> tuple[list[Line], bytes]:
        """As many of the waiting questions as one batch takes, and its file."""
        lines, encoded, size = list[Line](), list[bytes](), 0
        for name in self.waiting[: min(self.lines_at_once, MAX_LINES)]:
            dialogue = self.dialogues[name]
            body = dialogue.body(self.config.model)
            task = {"custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": body}
            encoded.append(json.dumps(task, separators=(",", ":")).encode() + b"\n")
            size += len(encoded[-1])
            if size > MAX_BYTES and lines:
                encoded.pop()
                break
            lines.append(Line(name, dialogue.attempts + 1, dialogue.turn))
        return lines, b"".join(encoded)

    def _require_budget(self, lines: Iterable[Line]) -> None:
        """
        Raises:
            LmmrecError: these lines and those under way may cost more than is left.
        """
        chunks = (line for chunk in self.under_way.values() for line in chunk.lines)
        names = [line.request_sha256 for line in (*chunks, *lines) if line.request_sha256 in self.questions]
        expected = [self.questions[name].expected_tokens for name in names]
        with self.budget.reserved(sum(tokens for tokens, _ in expected), sum(tokens for _, tokens in expected)):
            pass

    async def _collect_if_ended(self, chunk: Chunk) -> bool:
        """True where the batch ended and its lines are in the store."""
        assert chunk.batch_id is not None
        batch = await self.service.look(chunk.batch_id)
        if batch.status not in ENDED:
            return False
        if batch.status == "failed":
            self._put_back(chunk, batch)
            return True
        files = [
            await self.service.fetch(name) for name in (batch.output_file_id, batch.error_file_id) if name is not None
        ]
        results = read_results(files, {line.request_sha256 for line in chunk.lines})
        self._collect(chunk, results)
        aside = f"; left aside: {results.left_aside}" if results.left_aside else ""
        say(f"batch {batch.id} is {batch.status}: {len(results.replies):,} of {len(chunk.lines):,} lines{aside}")
        return True

    def _collect(self, chunk: Chunk, results: BatchResults) -> None:
        """Ledger and answers first, then the mark that they are there, then what is asked next."""
        recorded = self.book.recorded(chunk)
        lines = [line for line in chunk.lines if line.request_sha256 in self.questions]
        # Answers first: they prove the form of the request, so that refusals are the fault of their rows.
        read = sorted((self._read(chunk, line, results) for line in lines), key=lambda one: one.attempt.status != 200)
        for start in range(0, len(read), _COLLECTED_AT_ONCE):
            some = read[start : start + _COLLECTED_AT_ONCE]
            rows: list[Attempt | Answer] = [one.attempt for one in some if one.attempt.request_sha256 not in recorded]
            self.budget.spent_usd += sum(row.cost_usd for row in rows if isinstance(row, Attempt))
            self.store.write(*rows, *(one.answer for one in some if one.answer is not None))
            self.book.collected(chunk, [one.attempt.request_sha256 for one in some])
        for one in read:
            self._go_on(one)

    def _read(self, chunk: Chunk, line: Line, results: BatchResults) -> _Read:
        name, model = line.request_sha256, self.config.model
        question = self.questions[name]
        status, body, failure = body_or_failure(results.replies.get(name))
        verdict: Verdict[Answered] = question.read(body) if failure is None else failure
        stated = tokens_of(body) if failure is None else (0, 0)
        tokens = stated or question.expected_tokens
        attempt = Attempt(
            "batch",
            model,
            name,
            line.attempt,
            status,
            type(verdict).__name__.lower(),
            *tokens,
            stated is None,
            self.budget.cost_usd(*tokens),
            max(0.0, time.time() - chunk.submitted_at),
        )
        kept = verdict.keep if isinstance(verdict, Ok) else None
        return _Read(attempt, verdict, None if kept is None else Answer(name, model, kept))

    def _go_on(self, read: _Read) -> None:
        """What one line means for its question."""
        attempt = read.attempt
        dialogue = self.dialogues.get(attempt.request_sha256)
        if dialogue is None or attempt.request_sha256 in self.outcomes:
            return
        dialogue.attempts = attempt.attempt
        dialogue.usage += Usage(attempt.input_tokens, attempt.output_tokens, attempt.cost_usd, calls=1)
        if isinstance(read.verdict, Abort):
            self.stop = LmmrecError(f"{self.config.model}: {read.verdict.reason}; what was answered before is kept.")
            return
        outcome = dialogue.hear(read.verdict, self.dialect)
        if outcome is None:
            self.waiting.append(attempt.request_sha256)
        else:
            self.outcomes[attempt.request_sha256] = outcome
            if (row := given_up_row(attempt.request_sha256, self.config.model, outcome)) is not None:
                self.store.write(row)

    def _put_back(self, chunk: Chunk, batch: Batch) -> None:
        """A batch whose file was refused as a whole: nothing of it was asked."""
        self.book.refused(chunk)
        problems = (batch.errors.data if batch.errors else None) or []
        codes = {problem.code for problem in problems}
        names = [line.request_sha256 for line in chunk.lines if line.request_sha256 in self.dialogues]
        for line in chunk.lines:
            if line.request_sha256 in self.dialogues:
                self.dialogues[line.request_sha256].attempts = line.attempt
        if _TOO_MANY_TOKENS in codes and len(names) > 1:
            self.alone, self.lines_at_once = True, max(1, len(names) // 2)
            self.waiting = names + self.waiting
            say(
                f"batch {batch.id} was too large for the queue of the account: from now on {self.lines_at_once:,} a batch"
            )
            return
        first = problems[0] if problems else None
        place = f", line {first.line}" if first is not None and first.line else ""
        said = redact(f"{first.code}: {first.message}", "")[:200] if first is not None else "no reason given"
        self.stop = LmmrecError(
            f"the endpoint refused batch {batch.id} as a whole ({said}{place}): check model and account; nothing of it was "
            "asked."
        )


@dataclass(frozen=True)
class _Read:
    """One line of a batch, judged."""

    attempt: Attempt
    verdict: Verdict[Answered]
    answer: Answer | None
