"""A language model of random weights in llama.cpp's format: one layer of 32 dimensions over bytes, 100 kB.

`python make_gguf.py PATH`. Needs the packages gguf and numpy, and nothing of this project: it runs where the server runs.
"""

from __future__ import annotations

import sys

import gguf
import numpy as np

DIMENSION, FEED_FORWARD, HEADS, CONTEXT = 32, 64, 2, 8192
END = "<|end|>"
MERGES = ("t h", "e r", "i n", "a n", "o n")
"""A byte-pair tokenizer must have some."""
TEMPLATE = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant: "


def byte_characters() -> list[str]:
    """The printable character that stands for each byte in GPT-2's alphabet."""
    shown = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in shown]
    characters = {byte: chr(byte) for byte in shown} | {byte: chr(256 + n) for n, byte in enumerate(hidden)}
    return [characters[byte] for byte in range(256)]


def write(path: str, seed: int = 7) -> None:
    tokens = [*byte_characters(), *(merge.replace(" ", "") for merge in MERGES), END]
    normal, control = int(gguf.TokenType.NORMAL), int(gguf.TokenType.CONTROL)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(DIMENSION)
    writer.add_block_count(1)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([normal] * (len(tokens) - 1) + [control])
    writer.add_token_merges(list(MERGES))
    writer.add_eos_token_id(len(tokens) - 1)
    writer.add_bos_token_id(len(tokens) - 1)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)
    draw = np.random.default_rng(seed)
    square = (DIMENSION, DIMENSION)
    shapes = {
        "token_embd": (len(tokens), DIMENSION),
        **{f"blk.0.attn_{name}": square for name in ("q", "k", "v", "output")},
        "blk.0.ffn_gate": (FEED_FORWARD, DIMENSION),
        "blk.0.ffn_up": (FEED_FORWARD, DIMENSION),
        "blk.0.ffn_down": (DIMENSION, FEED_FORWARD),
        "output": (len(tokens), DIMENSION),
    }
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", (0.3 * draw.standard_normal(shape)).astype(np.float32))
    for name in ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"):
        writer.add_tensor(f"{name}.weight", np.ones(DIMENSION, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    write(sys.argv[1])
