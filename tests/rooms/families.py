"""Tiny random models of nine families, saved as real Hugging Face folders with tokenizers made on the spot.

Tests load this file by its path, so that it works whatever pytest puts on sys.path.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma3TextConfig,
    GemmaConfig,
    GenerationConfig,
    GPT2Config,
    LlamaConfig,
    MistralConfig,
    MixtralConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
)

from concord.models import Compute
from concord.records import Message, Prompt, prompt_key

CPU = Compute(torch.device("cpu"), torch.float32, "a test")
CONTEXT = 96
WINDOW = 8

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA3 = (
    "{{ bos_token }}{% for message in messages %}<|start_header_id|>{{ message['role'] }}<|end_header_id|>\n\n"
    "{{ message['content'] }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% for message in messages %}<start_of_turn>"
    "{{ 'model' if message['role'] == 'assistant' else message['role'] }}\n{{ message['content'] }}<end_of_turn>\n"
    "{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)

# name: bos, eos, pad, other control tokens, template
SPEECH: dict[str, tuple[str | None, str, str | None, list[str], str | None]] = {
    "chatml": (None, "<|im_end|>", "<|endoftext|>", ["<|im_start|>"], CHATML),
    "llama3": (
        "<|begin_of_text|>",
        "<|end_of_text|>",
        None,
        ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
        LLAMA3,
    ),
    "gemma": ("<bos>", "<eos>", "<pad>", ["<start_of_turn>", "<end_of_turn>"], GEMMA),
    "plain": ("<|endoftext|>", "<|endoftext|>", "<|endoftext|>", [], None),
}
TEXT = [
    "The little boat went out to sea and the sea was calm.",
    "Could you tell me how far it is to the next town, please?",
    "User: hello. Assistant: hello, how may I help you today?",
    "one two three four five six seven eight nine ten\n\nassistant user system model\n",
]

SMALL = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "max_position_embeddings": CONTEXT,
}
HEADS = {"num_attention_heads": 4, "num_key_value_heads": 2}
LOUD = {"initializer_range": 0.2}
"""Random weights large enough that predictions differ clearly from one place to the next."""

# family: (tokenizer, config class, its settings)
FAMILIES: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "llama": ("llama3", LlamaConfig, {**SMALL, **HEADS, **LOUD}),
    "qwen3": ("chatml", Qwen3Config, {**SMALL, **HEADS, **LOUD, "head_dim": 8, "tie_word_embeddings": True}),
    "qwen2": ("chatml", Qwen2Config, {**SMALL, **HEADS, **LOUD}),
    "gemma2": (
        "gemma",
        Gemma2Config,
        {
            **SMALL,
            **HEADS,
            **LOUD,
            "head_dim": 8,
            "sliding_window": WINDOW,
            "final_logit_softcapping": 3.0,
            "query_pre_attn_scalar": 8,
        },
    ),
    "gemma3": (
        "gemma",
        Gemma3TextConfig,
        {
            **SMALL,
            **HEADS,
            **LOUD,
            "head_dim": 8,
            "sliding_window": WINDOW,
            "layer_types": ["sliding_attention", "full_attention"],
            "query_pre_attn_scalar": 8,
        },
    ),
    "gpt2": (
        "plain",
        GPT2Config,
        {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": CONTEXT, **LOUD},
    ),
    "mistral": ("llama3", MistralConfig, {**SMALL, **HEADS, **LOUD, "head_dim": 8, "sliding_window": WINDOW}),
    "mixtral": (
        "llama3",
        MixtralConfig,
        {**SMALL, **HEADS, **LOUD, "num_local_experts": 4, "num_experts_per_tok": 2},
    ),
    "gemma": ("gemma", GemmaConfig, {**SMALL, **HEADS, **LOUD, "head_dim": 8}),
    "qwen3-untied": (
        "chatml",
        Qwen3Config,
        {**SMALL, **HEADS, **LOUD, "head_dim": 8, "tie_word_embeddings": False},
    ),
}


def tokenizer(kind: str, **changes: Any) -> PreTrainedTokenizerFast:
    """A byte-level BPE with the marks and the chat template of one kind of speech."""
    bos, eos, pad, marks, template = SPEECH[kind]
    controls = list(dict.fromkeys(token for token in (bos, eos, pad, *marks) if token))
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300 + len(controls),
        special_tokens=controls,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator(TEXT, trainer)
    named = {"bos_token": bos, "eos_token": eos, "pad_token": pad, **changes}
    made = PreTrainedTokenizerFast(
        tokenizer_object=inner,
        extra_special_tokens=marks,
        clean_up_tokenization_spaces=False,
        **{name: token for name, token in named.items() if token},
    )
    made.chat_template = template
    return made


def network(family: str, vocabulary: int, seed: int = 0, **changes: Any) -> Any:
    """A random network of a family, in evaluation mode."""
    _, config, settings = FAMILIES[family]
    torch.manual_seed(seed)
    given = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None, **settings, **changes}
    made = AutoModelForCausalLM.from_config(
        config(vocab_size=vocabulary, **given), attn_implementation="eager"
    )
    return made.eval()


def folder(path: Path, family: str, seed: int = 0, stops: Sequence[int] = (), **changes: Any) -> Path:
    """A family's tiny model and tokenizer, saved as a Hugging Face folder."""
    words = tokenizer(FAMILIES[family][0])
    made = network(family, len(words), seed, **changes)
    made.generation_config = GenerationConfig(eos_token_id=list(stops) or words.eos_token_id)
    made.save_pretrained(str(path))
    words.save_pretrained(str(path))
    return path


def asked(*contents: str) -> Prompt:
    """A dialogue of turns by user and assistant, ending with the user's."""
    roles = ("user", "assistant")
    messages = tuple(Message(roles[turn % 2], content) for turn, content in enumerate(contents))
    return Prompt(messages, prompt_key(messages))
