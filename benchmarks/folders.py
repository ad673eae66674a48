"""Model folders to measure with: Llama networks of random weights and a tokenizer, made on the spot.

python -m benchmarks.folders FOLDER NAME...
"""

import sys
from pathlib import Path
from typing import Any

from benchmarks.rows import END, PAD, SPECIAL

SHAPES: dict[str, dict[str, int]] = {
    "tiny": {
        "vocab_size": 4096,
        "hidden_size": 256,
        "num_hidden_layers": 6,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "intermediate_size": 688,
    },
    "small": {
        "vocab_size": 32000,
        "hidden_size": 576,
        "num_hidden_layers": 12,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "intermediate_size": 1536,
    },
}
SPREAD = 0.04
"""Of the random weights: wide enough that what a network expects depends on what it read."""

TEMPLATE = (
    "{% for message in messages %}{{ '<user> ' if message['role'] == 'user' else '<assistant> ' }}"
    "{{ message['content'] }} {% if message['role'] == 'assistant' %}</s> {% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def make(folder: Path, name: str) -> None:
    """A policy and a reward model of one shape, each in a folder with its tokenizer."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification

    words = tokenizer(SHAPES[name]["vocab_size"])
    for place, (kind, family) in enumerate(
        {"policy": LlamaForCausalLM, "reward": LlamaForSequenceClassification}.items()
    ):
        config = LlamaConfig(
            **SHAPES[name],
            max_position_embeddings=2048,
            initializer_range=SPREAD,
            pad_token_id=PAD,
            bos_token_id=None,
            eos_token_id=END,
            num_labels=1,
        )
        torch.manual_seed(place)
        network: Any = family(config)
        network.save_pretrained(str(folder / name / kind))
        words.save_pretrained(str(folder / name / kind))


def tokenizer(size: int) -> Any:
    """One token a word: w5, w6, ... and a few control tokens."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: place for place, word in enumerate(SPECIAL)}
    vocabulary |= {f"w{place}": place for place in range(len(SPECIAL), size)}
    inner = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    inner.pre_tokenizer = WhitespaceSplit()
    found = PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="<pad>",
        unk_token="<unk>",
        eos_token="</s>",
        additional_special_tokens=["<user>", "<assistant>"],
    )
    found.chat_template = TEMPLATE
    return found


if __name__ == "__main__":
    for one in sys.argv[2:]:
        make(Path(sys.argv[1]), one)
