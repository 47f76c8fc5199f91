"""The batch service of an endpoint: upload, create, look, fetch; each with the retries of `gateway.py`, none twice by mistake.

A batch carries the name of its chunk as metadata, so that one whose name was lost with a reply, or with the process, is found
in the endpoint's list instead of being submitted again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.errors import LmmrecError
from models.language.gateway import Gateway
from models.language.verdict import Ok

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types import Batch

LABEL = "lmmrec"
"""Key of the metadata."""
ENDED = ("completed", "failed", "expired", "cancelled")
_CLOCKS_APART_S = 3_600.0
"""Our clock and the endpoint's may differ by so much."""


@dataclass(frozen=True)
class BatchService:
    """Calls of one run."""

    gateway: Gateway
    client: AsyncOpenAI

    async def find(self, label: str, since: float) -> Batch | None:
        """The batch that was submitted under `label` since a time (seconds of the epoch); None where there is none."""
        found: Batch | None = await self._call("list", lambda: self._listed(label, since))
        return found

    async def submit(self, content: bytes, label: str, since: float) -> Batch:
        """Upload the lines and create their batch; a reply that was lost leads to the batch that it told of."""

        async def upload() -> Any:
            return await self.client.files.create(file=(f"{label}.jsonl", content), purpose="batch")

        file = await self._call("upload", upload)
        tried = False

        async def create() -> Any:
            nonlocal tried
            if tried and (known := await self._listed(label, since)) is not None:
                return known
            tried = True
            return await self.client.batches.create(
                input_file_id=file.id,
                endpoint="/v1/chat/completions",
                completion_window="24h",
                metadata={LABEL: label},
            )

        batch: Batch = await self._call("create", create)
        return batch

    async def look(self, batch_id: str) -> Batch:
        """Where a batch is by now."""
        batch: Batch = await self._call(batch_id, lambda: self.client.batches.retrieve(batch_id))
        return batch

    async def fetch(self, file_id: str) -> bytes:
        """The content of a file."""

        async def download() -> bytes:
            response = await self.client.files.content(file_id)
            return response.content

        content: bytes = await self._call(file_id, download)
        return content

    async def _listed(self, label: str, since: float) -> Batch | None:
        async for batch in self.client.batches.list(limit=100):
            if (batch.metadata or {}).get(LABEL) == label:
                return batch
            if batch.created_at < since - _CLOCKS_APART_S:
                break
        return None

    async def _call(self, what: str, send: Callable[[], Awaitable[Any]]) -> Any:
        import openai

        async def sent() -> Any:
            try:
                return await send()
            except openai.NotFoundError:
                if what in ("upload", "create", "list"):
                    said = "the endpoint has no batches (HTTP 404): set LMMREC_CHAT=openai to ask it one by one"
                else:
                    said = (
                        f"the endpoint does not know {what} (HTTP 404): use the key that submitted it, or set "
                        "LMMREC_CHAT=openai to ask for what is missing one by one"
                    )
                raise LmmrecError(f"{said}; answers that were collected are kept.") from None

        called = await self.gateway.call(what, sent, lambda reply: Ok(reply), (0, 0))
        if isinstance(called.verdict, Ok):
            return called.verdict.value
        raise LmmrecError(
            f"the batch service did not take '{what}' ({getattr(called.verdict, 'reason', 'no reason given')}); batches that "
            "were submitted go on, run again to collect them."
        )
