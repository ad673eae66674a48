"""AdamW over several networks: each is clipped on its own norm, and the rate depends on the step alone."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from concord.errors import StoreError, TrainingError
from concord.training.notes import Notes

Kind = Literal["constant", "linear", "cosine"]
MOMENTS = ("step", "exp_avg", "exp_avg_sq")
PRECISE = (torch.float32, torch.float64)
MATRIX = 2
"""From this many dimensions on, a tensor decays: norms' gains and biases do not."""

SHAPES: dict[Kind, Callable[[float], float]] = {
    "constant": lambda progress: 1.0,
    "linear": lambda progress: 1.0 - progress,
    "cosine": lambda progress: 0.5 + 0.5 * math.cos(math.pi * progress),
}


def schedule(kind: Kind, total: int, warmup: float = 0.0) -> Callable[[int], float]:
    """The share of the full rate at each step, counted from 1.

    Warm-up is a share of the total: w steps at 1/(w+1), 2/(w+1), ..., w/(w+1). The next step has the whole
    rate, and from there "linear" and "cosine" fall so that the step after the last would have 0: no step of
    the run is spent at rate 0.
    """
    shape = SHAPES[kind]
    rising = round(total * warmup)

    def multiplier(number: int) -> float:
        if number <= rising:
            return number / (rising + 1)
        return shape(min(1.0, (number - 1 - rising) / max(1, total - rising)))

    return multiplier


def constant(number: int) -> float:
    """The whole rate at every step."""
    return 1.0


class Optimizer:
    """AdamW, one group a network; what is frozen is left out, and what is tied counts once."""

    def __init__(
        self,
        networks: Mapping[str, nn.Module],
        rates: Mapping[str, float] | float,
        weight_decay: float = 0.0,
        clip_norm: float | None = 1.0,
        schedule: Callable[[int], float] = constant,
        betas: tuple[float, float] = (0.9, 0.999),
    ) -> None:
        self.rates = dict(rates) if isinstance(rates, Mapping) else dict.fromkeys(networks, rates)
        self.clip_norm = clip_norm
        self.schedule = schedule
        self.learned = learned(networks)
        groups = []
        for name, parameters in self.learned.items():
            tensors = list(parameters.values())
            for decay, members in (
                (weight_decay, [tensor for tensor in tensors if tensor.dim() >= MATRIX]),
                (0.0, [tensor for tensor in tensors if tensor.dim() < MATRIX]),
            ):
                if members:
                    groups.append({"params": members, "weight_decay": decay, "network": name})
        # lr is set before every step; fused is one pass over memory instead of a dozen
        self.adam = torch.optim.AdamW(groups, lr=0.0, betas=betas, fused=True)

    def rates_at(self, number: int) -> dict[str, float]:
        """Each network's rate at a step."""
        share = self.schedule(number)
        return {name: self.rates[name] * share for name in self.learned}

    def norms(self) -> Notes:
        """The norm of each network's gradient, unread."""
        return {
            name: torch.nn.utils.get_total_norm(list(gradients(parameters)))
            for name, parameters in self.learned.items()
        }

    def step(self, number: int, norms: Mapping[str, float]) -> None:
        """Move the weights; a network whose gradient is longer than `clip_norm` has it shortened first."""
        for name, parameters in self.learned.items():
            if self.clip_norm is not None and norms[name] > self.clip_norm:
                torch._foreach_mul_(list(gradients(parameters)), self.clip_norm / norms[name])
        rates = self.rates_at(number)
        for group in self.adam.param_groups:
            group["lr"] = rates[group["network"]]
        self.adam.step()

    def clear(self) -> None:
        """Forget the gradients held."""
        self.adam.zero_grad(set_to_none=True)

    def tensors(self) -> dict[str, Tensor]:
        """Its whole memory, named network.parameter.moment; views of it, to be written at once."""
        return {
            f"{name}.{moment}": self.adam.state[parameter][moment]
            for name, parameter in self.named()
            if parameter in self.adam.state
            for moment in MOMENTS
        }

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Remember exactly what `tensors()` gave; tensors of other names are left to others."""
        known = {f"{name}.{moment}" for name, _ in self.named() for moment in MOMENTS}
        strangers = [name for name in tensors if name.endswith(".exp_avg") and name not in known]
        if strangers:
            raise mismatch(strangers[0], "it is not among the parameters that learn now")
        self.adam.state.clear()
        for name, parameter in self.named():
            found = [moment for moment in MOMENTS if f"{name}.{moment}" in tensors]
            if not found:
                continue  # a parameter that had no gradient yet has no memory
            if len(found) < len(MOMENTS):
                raise mismatch(name, f"of its memory only {', '.join(found)} was saved")
            for moment in MOMENTS:
                saved = tensors[f"{name}.{moment}"]
                like = torch.zeros((), device=parameter.device) if moment == "step" else parameter
                if saved.shape != like.shape or saved.dtype != like.dtype:
                    raise mismatch(
                        f"{name}.{moment}",
                        f"saved as {tuple(saved.shape)} {saved.dtype}, here {tuple(like.shape)} {like.dtype}",
                    )
                self.adam.state[parameter][moment] = torch.empty_like(like, requires_grad=False).copy_(saved)

    def named(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Every parameter that learns, as network.parameter."""
        for network, parameters in self.learned.items():
            for name, parameter in parameters.items():
                yield f"{network}.{name}", parameter


def learned(networks: Mapping[str, nn.Module]) -> dict[str, dict[str, nn.Parameter]]:
    """Each network's parameters that learn; one that several share belongs to the first."""
    taken: set[int] = set()
    found: dict[str, dict[str, nn.Parameter]] = {}
    for network, module in networks.items():
        found[network] = {}
        for name, parameter in module.named_parameters():
            if not parameter.requires_grad or id(parameter) in taken:
                continue
            if parameter.dtype not in PRECISE:
                raise TrainingError(
                    f"{network}.{name} is {parameter.dtype}: small steps would be rounded away. "
                    "Keep what learns in float32; compute in bfloat16 under autocast."
                )
            taken.add(id(parameter))
            found[network][name] = parameter
    if not taken:
        raise TrainingError(
            f"Nothing can be learned: every parameter of {', '.join(networks) or 'no network'} is frozen. "
            "Unfreeze some, or leave the stage out."
        )
    return {network: parameters for network, parameters in found.items() if parameters}


def gradients(parameters: Mapping[str, nn.Parameter]) -> Iterator[Tensor]:
    """The gradients that a step left behind."""
    return (parameter.grad for parameter in parameters.values() if parameter.grad is not None)


def mismatch(name: str, reason: str) -> StoreError:
    """A saved memory that does not fit, in words."""
    return StoreError(
        f"The checkpoint does not fit the networks: {name}: {reason}. "
        "Redo the stage from its start with --again."
    )
