"""Where learning happens: on one device here; a sharded engine gives the same answers on many."""

from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn

from concord.training.notes import Notes
from concord.training.optimizer import Optimizer

N = TypeVar("N", bound=nn.Module)


class Engine(Protocol):
    """All that the loop asks of the machines it runs on, so that no objective sees how many there are."""

    def prepare(self, network: N) -> N:
        """Bring a network to where it will learn; before the optimiser takes its parameters."""

    def total(self, value: float) -> float:
        """The sum of a number over all ranks."""

    def combine(self, notes: Notes) -> Notes:
        """Each note's sum over all ranks."""

    def backward(self, loss: Tensor) -> None:
        """Add a loss's gradient to those held, such that the ranks' gradients are summed, not averaged."""

    def norms(self, optimizer: Optimizer) -> Notes:
        """The norm of each network's whole gradient."""

    def step(self, optimizer: Optimizer, number: int, norms: dict[str, float]) -> None:
        """Move the weights by the gradients held, clipped by the norms that were read."""


class Local:
    """One process on one device: the CPU or a single GPU."""

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)

    def prepare(self, network: N) -> N:
        """Bring a network to the device."""
        return network.to(self.device)

    def total(self, value: float) -> float:
        """One rank's sum is the sum."""
        return value

    def combine(self, notes: Notes) -> Notes:
        """One rank's notes are the notes."""
        return dict(notes)

    def backward(self, loss: Tensor) -> None:
        """Add a loss's gradient to those held."""
        torch.autograd.backward(loss)

    def norms(self, optimizer: Optimizer) -> Notes:
        """The norm of each network's gradient."""
        return optimizer.norms()

    def step(self, optimizer: Optimizer, number: int, norms: dict[str, float]) -> None:
        """Move the weights by the gradients held."""
        optimizer.step(number, norms)
