"""Anatomy: the network's very own parameters for families that are known, a reason for everything else."""

from typing import Any

import pytest
import torch
from tests.rooms import families
from torch import nn
from transformers import AutoModelForSequenceClassification, GemmaConfig, LlamaConfig, MixtralConfig

from concord.models import adapters
from concord.models.anatomy import anatomy

SMALL = {**families.SMALL, **families.HEADS, **families.LOUD}
families.FAMILIES["gemma"] = ("gemma", GemmaConfig, {**SMALL, "head_dim": 8})
families.FAMILIES["mixtral"] = ("llama3", MixtralConfig, {**SMALL, "num_local_experts": 2})


def network(family: str, **changes: Any) -> Any:
    return families.network(family, 50, **changes)


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "mistral", "gemma"])
def test_parts_are_the_networks_own_parameters(family: str) -> None:
    """No copies: what a forward pass of our own learns is the network itself. Every parameter is given out once."""
    made = network(family)
    parts, reason = anatomy(made)
    assert parts is not None and not reason
    found = [parts.embedding, parts.last_norm.weight, parts.head.weight]
    for layer in parts.layers:
        for name in ("query", "key", "value", "output", "gate", "up", "down"):
            found += [
                one for one in (getattr(layer, name).weight, getattr(layer, name).bias) if one is not None
            ]
        norms = (layer.before_attention, layer.before_gate, layer.query_norm, layer.key_norm)
        found += [norm.weight for norm in norms if norm is not None]
    assert {id(one) for one in found} == {id(one) for one in made.parameters()}
    assert (parts.heads, parts.kv_heads, parts.head_dim) == (4, 2, 8)
    assert parts.scaling == 8**-0.5 and parts.dropout == 0 and parts.steady
    assert {layer.window for layer in parts.layers} == {families.WINDOW if family == "mistral" else None}
    assert parts.embedding_scale == pytest.approx(32**0.5 if family == "gemma" else 1.0)
    assert parts.last_norm.eps == 1e-6
    zero_or_one = 0.0 if family == "gemma" else 1.0
    torch.testing.assert_close(parts.last_norm.weight, torch.full((32,), zero_or_one))
    torch.testing.assert_close(parts.last_norm.scale, torch.ones(32))


def test_windows_of_single_layers_and_heads_of_other_kinds() -> None:
    made = network("qwen2", use_sliding_window=True, sliding_window=5, max_window_layers=1)
    parts, _ = anatomy(made)
    assert parts is not None and [layer.window for layer in parts.layers] == [None, 5]
    trunk, _ = anatomy(made.model)
    assert (
        trunk is not None
        and trunk.head is None
        and trunk.layers[1].down.weight is parts.layers[1].down.weight
    )
    scoring = AutoModelForSequenceClassification.from_config(LlamaConfig(**SMALL, num_labels=1))
    parts, _ = anatomy(scoring)
    assert parts is not None and parts.head is None
    moving = network("llama", rope_parameters={"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0})
    parts, _ = anatomy(moving)
    assert parts is not None and not parts.steady


class Special(nn.Linear):
    """A linear layer that may do anything else."""


@pytest.mark.parametrize(
    ("family", "changes", "reason"),
    [
        ("gpt2", {}, "GPT2LMHeadModel is of no family"),
        ("gemma2", {}, "no family that is known"),  # caps its logits
        ("gemma3", {}, "no family that is known"),
        ("mixtral", {}, "no family that is known"),
        ("gemma", {"use_bidirectional_attention": True}, "looks ahead"),
    ],
)
def test_other_families_and_features_are_refused(family: str, changes: dict[str, Any], reason: str) -> None:
    parts, why = anatomy(network(family, **changes))
    assert parts is None and reason in why


def test_changed_networks_are_refused() -> None:
    """Another class, adapters, hooks, an exchanged forward: each could do what a pass of our own leaves out."""
    pytest.importorskip("peft")

    def refused(made: nn.Module) -> str:
        parts, why = anatomy(made)
        assert parts is None
        return why

    made = network("llama")
    made.model.layers[1].mlp.up_proj = Special(32, 48)
    assert "Special" in refused(made)
    made = network("llama")
    made.model.layers[0].self_attn.register_forward_hook(lambda module, given, found: found)
    assert "hooks" in refused(made)
    made = network("llama")
    made.model.norm.forward = lambda x: x
    assert "forward of its own" in refused(made)
    made = network("llama")
    nn.utils.parametrizations.weight_norm(made.model.layers[0].mlp.up_proj)
    assert "Linear" in refused(made)
    made = network("llama")
    made.model.norm = network("qwen2").model.norm
    assert "Qwen2RMSNorm" in refused(made)
    assert "meta" in refused(network("llama").to("meta"))
    assert "adapters" in refused(adapters.add(network("llama"), 2))

    class Llama(type(network("llama"))):  # type: ignore[misc]
        """A subclass is not the family's own class."""

    made.__class__ = Llama
    assert "Llama" in refused(made)
