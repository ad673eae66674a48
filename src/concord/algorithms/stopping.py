"""Stopping in time: rows that nobody learns from say when learning has nothing more to give, or costs too much."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from concord.batches import Rendered, Sequences, pack
from concord.batches.order import cut
from concord.models import Policy
from concord.training import Feed, Notes


def surprise(policy: Policy, rows: Sequence[Rendered], micro_tokens: int) -> float:
    """How surprised a policy is by the scored tokens of all rows, in nats a token."""
    return math.fsum(surprises(policy, rows, micro_tokens)) / sum(sum(row.scored) for row in rows)


@torch.no_grad()
def surprises(policy: Policy, rows: Sequence[Rendered], micro_tokens: int) -> list[float]:
    """How surprised a policy is by each row, in nats; it neither learns nor drops units."""
    found = [0.0] * len(rows)
    with policy.still():
        for part in cut([len(row) for row in rows], micro_tokens):
            batch = pack([rows[place] for place in part])
            sums = policy.logprobs(batch).double().sum(-1).tolist()
            for place, value in zip(part, sums, strict=True):
                found[place] = -value
    return found


class Best(nn.Module):
    """The best weights so far, as buffers: they lie in every checkpoint beside the weights that learn."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        for number, parameter in enumerate(learning(network)):
            self.register_buffer(str(number), parameter.clone())

    @torch.no_grad()
    def take(self, network: nn.Module) -> None:
        """Remember a network as it is now."""
        for mine, parameter in zip(self.buffers(), learning(network), strict=True):
            mine.copy_(parameter)

    @torch.no_grad()
    def give(self, network: nn.Module) -> None:
        """Make a network what was remembered."""
        for mine, parameter in zip(self.buffers(), learning(network), strict=True):
            parameter.copy_(mine)


def learning(network: nn.Module) -> Iterator[Tensor]:
    """The parameters that learn."""
    return (parameter.detach() for parameter in network.parameters() if parameter.requires_grad)


@dataclass
class Watched:
    """A feed that ends once the policy stops gaining, and leaves it with its best weights.

    What was gained is read off rows kept back, what was lost off rows of general ability. A look counts as better
    if the first are less surprising than ever before, and the second at most `forget` nats more than at first.
    """

    feed: Feed[Sequences]
    policy: Policy
    kept: Sequence[Rendered]
    general: Sequence[Rendered]
    forget: float
    epoch: int
    """Steps in one pass over what is learned from."""
    often: int
    """Looks in one pass."""
    patience: int
    """Looks in a row without a better one, after which learning ends."""
    micro_tokens: int
    say: Callable[[str], None]
    looks: list[dict[str, float | None]] = field(default_factory=list, init=False)
    peak: int = field(default=0, init=False)
    """Which of the looks was the best."""

    def __post_init__(self) -> None:
        self.best = Best(self.policy.network)

    @property
    def settled(self) -> bool:
        """As the feed within."""
        return self.feed.settled

    @property
    def over(self) -> bool:
        """Whether patience is at its end."""
        return len(self.looks) - 1 - self.peak >= self.patience

    def __iter__(self) -> Iterator[Sequence[Sequences]]:
        if not self.looks:
            self.look(0)
        steps = iter(self.feed)
        while not self.over and (step := next(steps, None)) is not None:
            yield step
        self.best.give(self.policy.network)
        self.say(self.told())

    def __call__(self, number: int, notes: Notes) -> None:
        """After a step: look if it is time, and put on record what was seen."""
        if number * self.often // self.epoch > (number - 1) * self.often // self.epoch:
            seen = self.look(number)
            notes |= {name: value for name, value in seen.items() if name != "step" and value is not None}

    def look(self, number: int) -> dict[str, float | None]:
        """How surprising both kinds of rows are now; better weights are remembered."""
        held, general = (
            surprise(self.policy, rows, self.micro_tokens) if rows else None
            for rows in (self.kept, self.general)
        )
        self.looks.append({"step": number, "held_out": held, "general": general})
        least, first = self.looks[self.peak]["held_out"], self.looks[0]["general"]
        gains = held is None or least is None or held < least
        keeps = general is None or first is None or general - first <= self.forget
        if number and gains and keeps:
            self.peak = len(self.looks) - 1
            self.best.take(self.policy.network)
        return self.looks[-1]

    def told(self) -> str:
        """What came of it, in words."""
        first, best = self.looks[0], self.looks[self.peak]
        lines = [f"stopped after step {self.looks[-1]['step']}" if self.over else "learned to the end"]
        lines.append(f"kept the weights of step {best['step']}")
        for name, what in (("held_out", "held-out demonstrations"), ("general", "general ability")):
            if best[name] is not None:
                lines.append(f"{what} {first[name]:.4f} at first, {best[name]:.4f} now (nats a token)")
        return "; ".join(lines) + "."

    def report(self) -> dict[str, Any]:
        """The same for a file."""
        forget = self.forget if math.isfinite(self.forget) else None
        return {"best": self.looks[self.peak], "looks": self.looks, "stopped": self.over, "forget": forget}

    def state(self) -> dict[str, Any]:
        """Where the feed stands, and what was seen; the best weights lie beside the policy's."""
        return {"feed": self.feed.state(), "looks": self.looks, "peak": self.peak}

    def restore(self, state: dict[str, Any]) -> None:
        """Stand where `state` was taken."""
        self.feed.restore(state["feed"])
        self.looks, self.peak = [dict(one) for one in state["looks"]], int(state["peak"])
