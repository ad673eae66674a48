"""What a run holds in memory, as named tensors: its networks and the state of chance."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from concord.errors import StoreError


def gpus_in_use() -> int:
    """How many GPUs this process sees, if it has begun to use them; asking does not begin it."""
    if not torch.cuda.is_available() or not torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        return 0
    return torch.cuda.device_count()


def rng_tensors() -> dict[str, Tensor]:
    """Where torch's random numbers stand, on the CPU and on each GPU in use."""
    tensors = {"rng.cpu": torch.get_rng_state()}
    for index in range(gpus_in_use()):
        tensors[f"rng.cuda.{index}"] = torch.cuda.get_rng_state(index)
    return tensors


def restore_rng(tensors: Mapping[str, Tensor]) -> None:
    """Go on drawing random numbers from where they stood."""
    torch.set_rng_state(tensors["rng.cpu"].cpu())
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            if f"rng.cuda.{index}" in tensors:
                torch.cuda.set_rng_state(tensors[f"rng.cuda.{index}"].cpu(), index)


def network_tensors(networks: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """Every weight and buffer, as network.name."""
    return {
        f"{network}.{name}": tensor
        for network, module in networks.items()
        for name, tensor in module.state_dict().items()
    }


def restore_networks(networks: Mapping[str, nn.Module], tensors: Mapping[str, Tensor]) -> None:
    """Give each network back the weights that `network_tensors` took; other names are ignored."""
    for network, module in networks.items():
        own = module.state_dict()
        for name, tensor in own.items():
            saved = tensors.get(f"{network}.{name}")
            if saved is None or saved.shape != tensor.shape or saved.dtype != tensor.dtype:
                was = "absent" if saved is None else f"{tuple(saved.shape)} {saved.dtype}"
                raise StoreError(
                    f"The checkpoint does not fit the network: {network}.{name} is {was} in it, but "
                    f"{tuple(tensor.shape)} {tensor.dtype} here. Redo the stage from its start with --again."
                )
        module.load_state_dict({name: tensors[f"{network}.{name}"] for name in own})
