"""What stands inside an unmodified Hugging Face network of a known family: its own parameters, named.

For a decoder or a forward pass of our own. What is not known exactly is refused with a reason, so that
whoever asked goes on with the network itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from concord.models.adapters import inside


@dataclass(frozen=True)
class Family:
    """How one family's classes are called and in what it differs from the others."""

    name: str
    headed_norms: bool = False
    """Whether queries and keys are normed, head by head."""
    one_more: bool = False
    """Whether a norm multiplies by 1 + weight."""
    scaled_embedding: bool = False
    eps: str = "variance_epsilon"


FAMILIES = {
    "llama": Family("Llama"),
    "qwen2": Family("Qwen2"),
    "qwen3": Family("Qwen3", headed_norms=True),
    "mistral": Family("Mistral"),
    "gemma": Family("Gemma", one_more=True, scaled_embedding=True, eps="eps"),
}
STEADY = ("default", "linear", "yarn", "llama3")
"""Kinds of rotary frequencies that do not change with the length of the text."""


@dataclass(frozen=True)
class Projection:
    """A linear map: x W^T + b."""

    weight: Tensor
    bias: Tensor | None


@dataclass(frozen=True)
class Norm:
    """A root-mean-square norm: x / sqrt(mean x^2 + eps) times its scale."""

    weight: nn.Parameter
    eps: float
    one_more: bool

    @property
    def scale(self) -> Tensor:
        """What the normed is multiplied by: the weight, or 1 + weight in Gemma."""
        return 1.0 + self.weight if self.one_more else self.weight


@dataclass(frozen=True)
class Layer:
    """One layer: attention, then the gated network, each after a norm and added to what went in."""

    before_attention: Norm
    query: Projection
    key: Projection
    value: Projection
    output: Projection
    query_norm: Norm | None
    key_norm: Norm | None
    window: int | None
    """How many tokens back attention reaches, itself included; everything for None."""
    before_gate: Norm
    gate: Projection
    up: Projection
    down: Projection


@dataclass(frozen=True)
class Anatomy:
    """A network's parts, in the order in which a token passes them."""

    embedding: nn.Parameter
    embedding_scale: float
    layers: tuple[Layer, ...]
    last_norm: Norm
    head: Projection | None
    """The output head of a language model, tied to the embedding or not; none for a network without one."""
    rotary: nn.Module
    """Call it with a tensor of the wanted dtype and device and positions [1, T]: cos and sin [1, T, head_dim]."""
    steady: bool
    """Whether cos and sin of a position are the same whatever the length of the text."""
    activation: Callable[[Tensor], Tensor]
    heads: int
    kv_heads: int
    head_dim: int
    scaling: float
    """What the products of queries and keys are multiplied by."""
    dropout: float
    """The share of attention weights that a network in training mode drops."""


class Unknown(Exception):
    """Something stands here that is not known exactly."""


def anatomy(network: nn.Module) -> tuple[Anatomy | None, str]:
    """The parts of a network, or none and the reason; the parameters are the network's own, no copies."""
    try:
        return _read(network), ""
    except Unknown as reason:
        return None, str(reason)


def _read(network: nn.Module) -> Anatomy:
    if inside(network) is not network:
        raise Unknown("adapters are wrapped around the network")
    trunk, family, prefix = _trunk(network)
    _untouched(network)
    config = trunk.config
    if getattr(config, "use_bidirectional_attention", None):
        raise Unknown("its attention looks ahead (use_bidirectional_attention)")
    kinds = getattr(config, "layer_types", None) or ["full_attention"] * len(trunk.layers)
    if set(kinds) - {"full_attention", "sliding_attention"}:
        raise Unknown(f"it has layers of the kinds {', '.join(sorted(set(kinds)))}")
    _typed(trunk.rotary_emb, prefix, "RotaryEmbedding")
    embedding = trunk.embed_tokens
    if family.scaled_embedding:
        _typed(embedding, prefix, "TextScaledWordEmbedding")
    elif type(embedding) is not nn.Embedding:
        raise Unknown(f"its embedding is a {type(embedding).__name__}")
    if embedding.max_norm is not None:
        raise Unknown("its embedding renormalises what is looked up")
    layers = tuple(
        _layer(layer, family, prefix, _window(family, config, kind))
        for layer, kind in zip(trunk.layers, kinds, strict=True)
    )
    attention = trunk.layers[0].self_attn
    head = getattr(network, "lm_head", None)
    parts = Anatomy(
        embedding=embedding.weight,
        embedding_scale=float(embedding.embed_scale) if family.scaled_embedding else 1.0,
        layers=layers,
        last_norm=_norm(trunk.norm, family, prefix),
        head=_projection(head) if head is not None else None,
        rotary=trunk.rotary_emb,
        steady=trunk.rotary_emb.rope_type in STEADY,
        activation=trunk.layers[0].mlp.act_fn,
        heads=int(config.num_attention_heads),
        kv_heads=int(config.num_key_value_heads),
        head_dim=int(attention.head_dim),
        scaling=float(attention.scaling),
        dropout=float(config.attention_dropout),
    )
    _fits(parts)
    return parts


def _trunk(network: nn.Module) -> tuple[Any, Family, str]:
    """The network without its head, its family, and how the names of its classes begin."""
    kind = type(network)
    place = kind.__module__.split(".")
    if place[:2] != ["transformers", "models"] or place[2] not in FAMILIES:
        raise Unknown(f"{kind.__name__} is of no family that is known from inside")
    family = FAMILIES[place[2]]
    if place[3:] != [f"modeling_{place[2]}"]:
        raise Unknown(f"{kind.__name__} is not the family's own class")
    prefix = f"{kind.__module__}.{family.name}"
    trunk = network if kind.__name__ == f"{family.name}Model" else getattr(network, "model", None)
    if not isinstance(trunk, nn.Module):
        raise Unknown(f"{kind.__name__} holds no trunk called `model`")
    _typed(trunk, prefix, "Model")
    return trunk, family, prefix


def _typed(module: nn.Module, prefix: str, name: str) -> None:
    """Exactly the family's own class: a subclass may do anything else."""
    found = f"{type(module).__module__}.{type(module).__qualname__}"
    if found != prefix + name:
        raise Unknown(f"a {found} stands where {prefix + name} is expected")


def _untouched(network: nn.Module) -> None:
    """No hook and no exchanged forward: a pass of our own would leave out what they do."""
    devices = {parameter.device for parameter in network.parameters()}
    if len(devices) > 1 or "meta" in {device.type for device in devices}:
        raise Unknown(f"its weights are spread over {', '.join(sorted(map(str, devices)))}")
    for name, module in network.named_modules():
        if module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module):
            raise Unknown(f"{name or type(network).__name__} has hooks or a forward of its own")


def _window(family: Family, config: Any, kind: str) -> int | None:
    """Mistral's window is for every layer; the Qwens' for those that say so; the others have none."""
    if family.name == "Mistral" or (family.name.startswith("Qwen") and kind == "sliding_attention"):
        return int(config.sliding_window) if config.sliding_window is not None else None
    return None


def _layer(layer: Any, family: Family, prefix: str, window: int | None) -> Layer:
    attention, mlp = layer.self_attn, layer.mlp
    for module, name in ((layer, "DecoderLayer"), (attention, "Attention"), (mlp, "MLP")):
        _typed(module, prefix, name)
    return Layer(
        before_attention=_norm(layer.input_layernorm, family, prefix),
        query=_projection(attention.q_proj),
        key=_projection(attention.k_proj),
        value=_projection(attention.v_proj),
        output=_projection(attention.o_proj),
        query_norm=_norm(attention.q_norm, family, prefix) if family.headed_norms else None,
        key_norm=_norm(attention.k_norm, family, prefix) if family.headed_norms else None,
        window=window,
        before_gate=_norm(layer.post_attention_layernorm, family, prefix),
        gate=_projection(mlp.gate_proj),
        up=_projection(mlp.up_proj),
        down=_projection(mlp.down_proj),
    )


def _norm(module: Any, family: Family, prefix: str) -> Norm:
    _typed(module, prefix, "RMSNorm")
    return Norm(module.weight, float(getattr(module, family.eps)), family.one_more)


def _projection(module: Any) -> Projection:
    """A plain linear layer: what is quantised, adapted or parametrised is of another class."""
    if type(module) is not nn.Linear:
        raise Unknown(f"a {type(module).__name__} stands where a plain linear layer is expected")
    return Projection(module.weight, module.bias)


def _fits(parts: Anatomy) -> None:
    """The counts agree with the weights themselves."""
    width = parts.embedding.shape[1]
    for layer in parts.layers:
        expected = (
            (layer.query, (parts.heads * parts.head_dim, width)),
            (layer.key, (parts.kv_heads * parts.head_dim, width)),
            (layer.value, (parts.kv_heads * parts.head_dim, width)),
            (layer.output, (width, parts.heads * parts.head_dim)),
        )
        for projection, shape in expected:
            if tuple(projection.weight.shape) != shape:
                raise Unknown(f"a weight of shape {tuple(projection.weight.shape)} where {shape} is expected")
    for name, parameter in (("embedding", parts.embedding), ("norm", parts.last_norm.weight)):
        if not parameter.is_floating_point():
            raise Unknown(f"its {name} is {parameter.dtype}")
