"""Families that cannot run packed are found, told why, and read padded to the same numbers."""

import copy
from typing import Any

import pytest
import torch
import transformers
from tests.rooms import alone, families
from torch import nn
from transformers import AutoModelForCausalLM

from concord.batches import pack
from concord.models import Policy, attention
from concord.models.policy import plain_head
from concord.models.trunk import Trunk, why_padded

torch.set_num_threads(1)
SMALL = {**families.SMALL, **families.HEADS, **families.LOUD}
MASKED = {"sliding_window": 12}
"""A window longer than the few tokens on which a network is tried out, shorter than the rows."""

# family: (config class, its settings, why it is read padded)
MIXING: dict[str, tuple[str, dict[str, Any], str]] = {
    "mamba": ("Mamba", {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 4}, "layers of the kind"),
    "lfm2": ("Lfm2", {**SMALL, "layer_types": ["conv", "full_attention"]}, "layers of the kind conv"),
    "recurrent gemma": (
        "RecurrentGemma",
        {**SMALL, "num_hidden_layers": 3, "lru_width": 32, "attention_window_size": 12},
        "layers of the kind linear_attention",
    ),
}
SINKS: dict[str, tuple[str, dict[str, Any], str]] = {
    "gpt-oss": (
        "GptOss",
        {**SMALL, "head_dim": 8, "num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": 8},
        "other states in packed tokens",
    ),
}
OWN_ATTENTION: dict[str, tuple[str, dict[str, Any], str]] = {
    "bloom": ("Bloom", {"hidden_size": 32, "n_layer": 2, "n_head": 4}, "other states in packed tokens"),
    "gpt-neo": (
        "GPTNeo",
        {
            "hidden_size": 32,
            "num_layers": 2,
            "num_heads": 4,
            "attention_types": [[["global", "local"], 1]],
            "window_size": 12,
            "max_position_embeddings": families.CONTEXT,
            "intermediate_size": 48,
        },
        "other states in packed tokens",
    ),
    "mpt": (
        "Mpt",
        {"d_model": 32, "n_layers": 2, "n_heads": 4, "expansion_ratio": 2},
        "attention cannot be replaced .AttributeError",
    ),
    "falcon": (
        "Falcon",
        {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "alibi": True},
        "attention cannot be replaced .TypeError",
    ),
}
UNFIT = {**MIXING, **SINKS, **OWN_ATTENTION}


def network(kind: str, **settings: Any) -> Any:
    """A random network of any family that transformers has."""
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(
        vocab_size=alone.VOCABULARY, bos_token_id=None, eos_token_id=None, pad_token_id=None, **settings
    )
    return AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()


def read(one: nn.Module) -> None:
    """Read by whatever way is chosen for it, a network agrees with itself reading rows alone."""
    twin = copy.deepcopy(one)
    reader = Policy(one, None, families.CPU, plain_head(one, families.CPU), Trunk.of(one, families.CPU))  # type: ignore[arg-type]
    batch = pack(alone.ROWS)
    alone.agree(one, twin, reader.logprobs(batch, 0.7)[batch.scored], alone.plain_logprobs(twin, 0.7))


@pytest.mark.parametrize("family", UNFIT)
@pytest.mark.slow
def test_what_cannot_run_packed_is_told_and_read_padded(family: str) -> None:
    """Tokens mixed otherwise than by attention, or by an attention that does not ask ours: same numbers, slower."""
    kind, settings, why = UNFIT[family]
    for one in (network(kind, **settings), alone.shaken(network(kind, **settings))):
        reason = why_padded(one)
        assert reason is not None and why.split(" .")[0] in reason and why.split(" .")[-1] in reason
        assert Trunk.of(one, families.CPU).padded == reason
        assert one.config._attn_implementation != attention.NAME
        read(one)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("Phimoe", {**SMALL, **MASKED, "num_local_experts": 4}),
        ("Doge", {**SMALL, **MASKED}),
        (
            "Qwen2Moe",
            {
                **SMALL,
                **MASKED,
                "num_experts": 4,
                "num_experts_per_tok": 2,
                "moe_intermediate_size": 16,
                "shared_expert_intermediate_size": 16,
                "use_sliding_window": True,
                "max_window_layers": 2,
            },
        ),
    ],
)
def test_a_window_that_attention_is_not_told_of_is_kept(kind: str, settings: dict[str, Any]) -> None:
    """Some families bar what is out of sight by a mask alone; rows longer than the window must not see more."""
    read(network(kind, **settings))


@pytest.mark.parametrize("kind", ["GPTNeoX", "OPT", "Phi3", "Cohere2"])
def test_families_nobody_thought_of_run_packed_all_the_same(kind: str) -> None:
    """Whatever takes its attention from transformers' register needs no word of ours."""
    settings: dict[str, Any] = {
        "GPTNeoX": {key: value for key, value in SMALL.items() if key != "num_key_value_heads"},
        "OPT": {
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "ffn_dim": 48,
            "num_attention_heads": 4,
            "max_position_embeddings": families.CONTEXT,
            "word_embed_proj_dim": 32,
        },
        "Phi3": {**SMALL, **MASKED},
        "Cohere2": {**SMALL, **MASKED},
    }
    one = alone.shaken(network(kind, **settings[kind]))
    assert why_padded(one) is None
    read(one)
