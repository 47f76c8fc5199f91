"""A scriptable OpenAI-compatible endpoint in a process of its own: real HTTP over loopback, no transport is patched.

Tests take `running_endpoint` and `Endpoint` from here, and the values that a valid answer holds. What can be scripted is
`script.py`; chat and embeddings are `answers.py`, files and batches `batches.py`, the protocol `http.py`. Nothing here
imports the code under test or its SDK.
"""

from tests.llm_server.answers import DIMENSION, INPUT_TOKENS, OUTPUT_TOKENS, TEXT_TOKENS, answer_to, vector_of
from tests.llm_server.endpoint import Endpoint, running_endpoint

__all__ = [
    "DIMENSION",
    "INPUT_TOKENS",
    "OUTPUT_TOKENS",
    "TEXT_TOKENS",
    "Endpoint",
    "answer_to",
    "running_endpoint",
    "vector_of",
]
