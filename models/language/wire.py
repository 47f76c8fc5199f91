"""JSON over HTTP with what an SDK client holds: its URL, headers, transport and errors.

`AsyncOpenAI.post` builds, copies and checks its options anew for each call, a fifth of what a whole answer costs here; none of
them ever changes within a run. Judging what comes back, and sending again, is the gateway's.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class Wire:
    """Open it as a context; it closes the client at the end.

    Args:
        client: says where to, and as whom.
        transport: the HTTP client that was given to it.
    """

    def __init__(self, client: AsyncOpenAI, transport: httpx2.AsyncClient) -> None:
        self._client, self._transport = client, transport
        self._base_url = str(client.base_url).rstrip("/")
        self._headers: dict[str, str] = {}

    async def __aenter__(self) -> Wire:
        headers = {**self._client.auth_headers, **self._client.default_headers}
        self._headers = {name: value for name, value in headers.items() if isinstance(value, str)}
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *exception: Any) -> None:
        await self._client.close()

    async def post(self, path: str, body: Any) -> Any:
        """The decoded body of a successful response: JSON where its type says so, else its text.

        Raises:
            openai.APIStatusError: any other status.
            openai.APIConnectionError: no response, or not all of it.
            ValueError: a body that is no JSON, although its type says so.
        """
        import httpx2
        from openai import APIConnectionError, APIStatusError

        content = _encode(body).encode("utf-8")
        try:
            response = await self._transport.post(self._base_url + path, content=content, headers=self._headers)
        except httpx2.HTTPError as error:
            raise APIConnectionError(request=error.request) from error
        if response.is_success:
            return json.loads(response.content) if _says_json(response) else response.text
        detail = _refusal(response)
        stated = detail.get("message") if isinstance(detail, dict) else detail
        message = stated if isinstance(stated, str) and stated else f"status {response.status_code}"
        raise APIStatusError(message, response=response, body=detail)


def _says_json(response: httpx2.Response) -> bool:
    kind: str = response.headers.get("content-type", "")
    return kind.partition(";")[0].strip().endswith("json")


def _refusal(response: httpx2.Response) -> Any:
    """What a refusal says: the inside of `error` where it has one, else its JSON, else its text."""
    try:
        body = response.json()
    except ValueError:
        return response.text.strip()
    return body.get("error", body) if isinstance(body, dict) else body
