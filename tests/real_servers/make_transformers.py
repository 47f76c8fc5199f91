"""A language model of random weights for transformers: one layer of 32 dimensions, with a tokenizer trained on a sentence.

`python make_transformers.py FOLDER`. One token in sixteen ends an answer, so that gibberish ends as answers do. Needs
transformers and torch, and nothing of this project: it runs where the server runs.
"""

from __future__ import annotations

import sys

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, set_seed

END = "<|end|>"
SENTENCE = "People choose it because it is quiet and light, and avoid it because the strap broke after a day."
TEMPLATE = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant: "
CONTEXT = 16_384
END_EVERY = 16


def tokenizer() -> PreTrainedTokenizerFast:
    """Byte-pair encoding of bytes, so that any text has tokens."""
    model = Tokenizer(models.BPE())
    model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    model.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=[END], initial_alphabet=alphabet, show_progress=False)
    model.train_from_iterator([SENTENCE] * 3, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=model, eos_token=END, pad_token=END)
    fast.chat_template = TEMPLATE
    return fast


def write(folder: str, seed: int = 7) -> None:
    tokens = tokenizer()
    set_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokens),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=CONTEXT,
        initializer_range=0.5,
        bos_token_id=tokens.eos_token_id,
        eos_token_id=tokens.eos_token_id,
        pad_token_id=tokens.pad_token_id,
    )
    model = LlamaForCausalLM(config)
    ends = list(range(0, len(tokens), END_EVERY))
    model.generation_config = GenerationConfig(eos_token_id=ends, pad_token_id=tokens.pad_token_id)
    model.save_pretrained(folder)
    tokens.save_pretrained(folder)


if __name__ == "__main__":
    write(sys.argv[1])
