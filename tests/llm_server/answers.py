"""What the server answers to chat and embeddings: valid answers that depend on the request alone, errors, tokens billed.

Pure functions of request and step. A valid answer cites the sources that the prompt shows and fits the schema of
motivations; a vector is made of the hash of its text.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import struct
from typing import Any

from tests.llm_server.script import DEFAULT, Settings, Step

DIMENSION = 16
INPUT_TOKENS, OUTPUT_TOKENS = 1000, 100
"""Of every chat answer."""
TEXT_TOKENS = 10
"""Of every text that is embedded."""
_FENCE = re.compile("^=====", re.MULTILINE)


def answer_to(prompt: str) -> dict[str, Any]:
    """A valid answer that depends on the prompt alone and cites its first source."""
    shown = next((line for line in prompt.splitlines() if line.startswith('{"source"')), None)
    name = hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    cited = [json.loads(shown)["source"]] if shown else []
    return {
        "reasoning": ["read the sources"],
        "active": [{"motivation": f"likes {name}", "evidence": cited, "strength": 0.75}],
        "passive": [],
        "summary": f"People choose it for {name} and for nothing else.",
    }


def vector_of(text: str, dimension: int = DIMENSION) -> list[float]:
    """A vector that depends on the text alone; numbers that are exact in float32."""
    digest = b"".join(
        hashlib.sha256(text.encode("utf-8", "surrogatepass") + (b"%d" % n if n else b"")).digest()
        for n in range(-(-dimension // 32))
    )
    return [byte / 128 - 1 for byte in digest[:dimension]]


def error_body(message: str, code: str | None = None, kind: str | None = None, param: str | None = None) -> bytes:
    """An error as OpenAI words it."""
    return json.dumps({"error": {"message": message, "type": kind or code, "param": param, "code": code}}).encode()


def objection(kind: str, request: dict[str, Any], settings: Settings) -> tuple[int, bytes] | None:
    """(status, body) where the endpoint does not take such a request; None where it does."""
    wrong = "invalid_request_error"
    if settings.models and request.get("model") not in settings.models:
        message = f"The model `{request.get('model')}` does not exist or you do not have access to it."
        return 404, error_body(message, "model_not_found", wrong)
    mode = (request.get("response_format") or {}).get("type")
    if mode in settings.refuse_response_format:
        message = f"Invalid parameter: 'response_format' of type '{mode}' is not supported with this model."
        return _refusal(settings, message, None, "response_format")
    for name in settings.refuse_parameters:
        if name in request:
            message = f"Unsupported parameter: '{name}' is not supported with this model."
            return _refusal(settings, message, "unsupported_parameter", name)
    if settings.max_input_chars is not None and max(map(len, _texts(kind, request))) > settings.max_input_chars:
        message = f"This model's maximum context length is {settings.max_input_chars // 4} tokens."
        return 400, error_body(message, "context_length_exceeded", wrong, "messages" if kind == "chat" else "input")
    if kind == "embeddings" and settings.max_texts is not None and len(_texts(kind, request)) > settings.max_texts:
        message = f"batch size {len(_texts(kind, request))} > maximum allowed batch size {settings.max_texts}"
        return 400, error_body(message, None, wrong, "input")
    return None


def _refusal(settings: Settings, message: str, code: str | None, param: str) -> tuple[int, bytes]:
    if settings.refuse_status >= 500:
        return settings.refuse_status, error_body(message, None, "internal_server_error")
    return settings.refuse_status, error_body(message, code, "invalid_request_error", param)


def body_of(kind: str, request: dict[str, Any], step: Step, settings: Settings) -> bytes:
    """The body of the answer that `step` asks for."""
    if step.body is not DEFAULT:
        return step.body.encode() if isinstance(step.body, str) else json.dumps(step.body).encode()
    if step.status != 200:
        return error_body(step.message, step.code)
    if kind == "embeddings":
        return json.dumps(_embeddings(request, step, settings)).encode()
    return json.dumps(_completion(request, step)).encode()


def tokens_billed(kind: str, request: dict[str, Any], step: Step) -> tuple[int, int]:
    """(input, output) tokens that the vendor bills; nothing where there was no whole answer."""
    if step.status != 200 or not step.is_answered:
        return 0, 0
    stated: Any = step.usage
    if step.body is not DEFAULT:
        stated = step.body.get("usage") if isinstance(step.body, dict) else None
        if stated is None:
            return 0, 0
    if isinstance(stated, dict):
        return int(stated.get("prompt_tokens", 0)), int(stated.get("completion_tokens", 0))
    return (TEXT_TOKENS * len(_texts(kind, request)), 0) if kind == "embeddings" else (INPUT_TOKENS, OUTPUT_TOKENS)


def _completion(request: dict[str, Any], step: Step) -> dict[str, Any]:
    content = step.content
    if content is DEFAULT:
        content = json.dumps(answer_to(_prompt(request)))
    if step.wrap is not None:
        content = step.wrap.replace("{answer}", content)
    if step.cut_content is not None:
        content = content[: step.cut_content]
    message = {"role": "assistant", "content": content, "refusal": step.refusal}
    usage = {
        "prompt_tokens": INPUT_TOKENS,
        "completion_tokens": OUTPUT_TOKENS,
        "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
    }
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": request.get("model"),
        "choices": [{"index": 0, "message": message, "finish_reason": step.finish_reason}],
        "usage": usage if step.usage is DEFAULT else step.usage,
    }


def _embeddings(request: dict[str, Any], step: Step, settings: Settings) -> dict[str, Any]:
    texts = _texts("embeddings", request)
    dimension = int(request.get("dimensions") or settings.dimension)
    data = []
    for at, text in enumerate(texts):
        scripted = next((vector for part, vector in step.vectors.items() if part in text), None)
        vector: Any = vector_of(text, dimension) if scripted is None else scripted
        if request.get("encoding_format") == "base64":
            vector = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
        data.append({"object": "embedding", "index": at, "embedding": vector})
    if step.scramble:
        data.reverse()
    tokens = TEXT_TOKENS * len(texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens} if step.usage is DEFAULT else step.usage
    return {"object": "list", "model": request.get("model"), "data": data, "usage": usage}


def _prompt(request: dict[str, Any]) -> str:
    """The message that shows the sources, or the last one."""
    contents = [str(message["content"]) for message in request["messages"]]
    return next((content for content in contents if _FENCE.search(content)), contents[-1])


def _texts(kind: str, request: dict[str, Any]) -> list[str]:
    if kind == "embeddings":
        given = request["input"]
        return [given] if isinstance(given, str) else list(given)
    return ["".join(str(message["content"]) for message in request["messages"])]
