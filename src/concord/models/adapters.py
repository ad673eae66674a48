"""LoRA adapters: learn a few small matrices, leave the network as it is."""

import copy
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from concord.errors import ModelError


def add(network: nn.Module, rank: int, head: str | None = None) -> nn.Module:
    """The network with adapters of a rank on all its linear layers; only they, and the head, will learn."""
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise ModelError(
            "`learning.adapter` needs the peft library. Install it with: pip install 'concord-align[adapters]'"
        ) from error
    config = LoraConfig(
        r=rank,
        lora_alpha=2 * rank,
        target_modules="all-linear",
        modules_to_save=[head] if head else None,
        bias="none",
    )
    network.requires_grad_(False)
    try:
        with warnings.catch_warnings():
            # peft asks the network by a name that transformers has given up, and says how it reads GPT-2's layers:
            # nobody who learns can do anything about either
            warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
            warnings.filterwarnings("ignore", "fan_in_fan_out is set to", UserWarning)
            adapted: nn.Module = get_peft_model(network, config)
    except ValueError as error:
        what = next(iter(str(error).splitlines()), "")
        raise ModelError(
            f"{type(network).__name__} cannot learn by adapters: {what} Set `learning.adapter` to 0, or begin with "
            "another model."
        ) from error
    return adapted


@contextmanager
def without(network: nn.Module) -> Iterator[None]:
    """The network as it was before it had adapters, for a while."""
    adapted: Any = network
    with adapted.disable_adapter():
        yield


def merged(network: nn.Module) -> nn.Module:
    """A plain network with the adapters' work in its own weights; the given one is left as it is."""
    if not hasattr(network, "merge_and_unload"):
        return network
    twin: Any = copy.deepcopy(network)
    plain: nn.Module = twin.merge_and_unload()
    return plain


def inside(network: nn.Module) -> Any:
    """The Hugging Face model itself, whether or not adapters are wrapped around it."""
    return network.get_base_model() if hasattr(network, "get_base_model") else network  # type: ignore[operator]
