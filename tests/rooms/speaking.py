"""Small policies of every family that is sampled from in its own way, and questions for them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tests.rooms import families
from transformers import GemmaConfig, MixtralConfig

from concord.models import Policy
from concord.sampling import Manner, Request, Said, Slots
from concord.sampling.fused import Fused
from concord.sampling.whole import Whole

PLAIN = Manner()
SMALL = {**families.SMALL, **families.HEADS, **families.LOUD}
families.FAMILIES["gemma"] = ("gemma", GemmaConfig, {**SMALL, "head_dim": 8})
families.FAMILIES["mixtral"] = ("llama3", MixtralConfig, {**SMALL, "num_local_experts": 4})
YARN = {
    "rope_type": "yarn",
    "rope_theta": 1e4,
    "factor": 4.0,
    "original_max_position_embeddings": 24,
}
CASES: dict[str, tuple[str, dict[str, Any], type]] = {
    "llama": ("llama", {}, Fused),
    "llama with biases": ("llama", {"attention_bias": True, "mlp_bias": True}, Fused),
    "llama with yarn": ("llama", {"rope_parameters": YARN}, Fused),
    "qwen2": ("qwen2", {}, Fused),
    "qwen2 with windows": (
        "qwen2",
        {"use_sliding_window": True, "sliding_window": families.WINDOW, "max_window_layers": 1},
        Fused,
    ),
    "qwen3": ("qwen3", {}, Fused),
    "mistral": ("mistral", {}, Fused),
    "gemma": ("gemma", {}, Fused),
    "gemma2": ("gemma2", {}, Whole),
    "gpt2": ("gpt2", {}, Whole),
    "mixtral": ("mixtral", {}, Whole),
}
"""By name: the family, what is changed of it, and the decoder that should serve it."""
PROMPTS = [
    (40, 41, 42),
    (50, 60, 70, 80, 90) * 3,
    (45, 46),
    (100, 101, 102, 103, 104, 105, 106, 107, 108, 109),
]


def policies(place: Path) -> dict[str, Policy]:
    """Every case's policy, with biases and scales that are not the neutral ones a fresh network has."""
    made = {}
    for name, (family, changes, _) in CASES.items():
        policy = Policy.load(families.folder(place / name, family, **changes), families.CPU)
        torch.manual_seed(1)
        for key, parameter in policy.network.named_parameters():
            if "norm" in key or key.endswith("bias"):
                parameter.data += 0.3 * torch.randn_like(parameter)
        made[name] = policy
    return made


def answers(slots: Slots, requests: Sequence[Request]) -> list[Said]:
    """What is answered to each, however they grow."""
    numbers = [slots.add(request) for request in requests]
    found = {}
    while slots.busy:
        found.update({said.number: said for said in slots.step().ended})
    return [found[number] for number in numbers]


def some(longest: int = 20, manner: Manner = PLAIN, each: int = 3) -> list[Request]:
    """So many requests of each prompt, every one with a seed of its own."""
    return [
        Request(prompt, 100 * place + number, longest, manner)
        for place, prompt in enumerate(PROMPTS)
        for number in range(each)
    ]
