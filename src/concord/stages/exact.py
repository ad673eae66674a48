"""`concord doctor --exact`: measure on a model folder what must be equal for alignment to be right."""

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from concord.algorithms.experience import as_said
from concord.algorithms.sft import Imitation
from concord.batches import Rendered, Sequences, pack
from concord.models import Policy, choose
from concord.models.exactness import ALLOWED, Check, Reading, completions, rendering, tried
from concord.sampling import Local
from concord.sampling.decoder import decoder
from concord.training import Guard, Notes, Optimizer, fit
from concord.training import Local as OneDevice

LONGEST = 12
"""Most tokens of an answer that is sampled."""
SAMPLES = 3
COOL = 0.7
SHARES = {torch.float32: 1e-4, torch.bfloat16: 0.05}
"""How long the difference of two gradients may be as a share of one of them, by the precision of the products."""


def examine(folder: Path, device: str, precision: str) -> tuple[dict[str, Any], list[Check]]:
    """What the model in a folder is, and all checks on it."""
    about, checks = measure(Policy.load(folder, choose(device, precision)))
    return {"model": str(folder), **about}, checks


def measure(policy: Policy) -> tuple[dict[str, Any], list[Check]]:
    """What a policy is, and all checks on it."""
    reading = Reading(policy)
    about = {
        "family": type(policy.network).__name__,
        "precision": str(policy.compute.dtype).removeprefix("torch."),
        "device": str(policy.compute.device),
        "rows": [len(row) for row in reading.rows],
        "packed": policy.trunk.padded is None,
        "why": policy.trunk.padded or "",
        "own pass": policy.trunk.anatomy is not None,
    }
    return about, [
        *rendering(policy.template),
        *reading.checks(),
        *speaking(policy, reading),
        *learning(policy, reading.rows),
    ]


def speaking(policy: Policy, reading: Reading) -> list[Check]:
    """Whether the sampler, which remembers what it has read, expects the same as whoever reads anew."""
    allowed = reading.allowed
    checks = [
        tried(
            "cached",
            "the sampler token by token from its memory, rows side by side",
            allowed,
            lambda: furthest(remembered(policy, reading.rows), reading.plain),
        )
    ]
    for temperature in (1.0, COOL):
        checks.append(
            tried(
                f"sampler {temperature:g}",
                f"what was sampled at temperature {temperature:g}, as learning reads it",
                allowed,
                lambda temperature=temperature: apart(policy, temperature),  # type: ignore[misc]
            )
        )
    return checks


@torch.inference_mode()
def remembered(policy: Policy, rows: Sequence[Rendered]) -> list[Tensor]:
    """[S] of each row after its first prompt, told to the sampler's decoder one token at a time."""
    device = policy.compute.device
    order = sorted(range(len(rows)), key=lambda number: -(len(rows[number]) - rows[number].opening))
    found: list[list[float]] = [[] for _ in rows]
    machine = decoder(policy.network, policy.compute.speaking)
    rests = [rows[number].tokens[rows[number].opening :] for number in order]
    logits = machine.admit(
        [tuple(rows[number].tokens[: rows[number].opening]) for number in order], [len(r) for r in rests]
    )
    for step in range(len(rests[0])):
        live = [place for place, rest in enumerate(rests) if step < len(rest)]
        if len(live) < len(logits):
            machine.keep(live)
            logits = logits[: len(live)]
        tokens = torch.tensor([rests[place][step] for place in live], device=device)
        logprobs = logits.double().log_softmax(-1).gather(-1, tokens[:, None]).squeeze(-1).tolist()
        for place, value in zip(live, logprobs, strict=True):
            number = order[place]
            if rows[number].scored[rows[number].opening + step]:
                found[number].append(value)
        going = [place for place, rest in enumerate(rests) if step + 1 < len(rest)]
        if going:
            machine.keep(going)
            logits = machine.go_on(tokens[: len(going)])
    return [torch.tensor(values, dtype=torch.float64) for values in found]


def furthest(found: Sequence[Tensor], wanted: Sequence[Tensor]) -> float:
    """The largest difference of any token, NaN if one is no number."""
    gaps = torch.cat([one - other for one, other in zip(found, wanted, strict=True)]).abs()
    return float(gaps.max())


@torch.no_grad()
def apart(policy: Policy, temperature: float) -> float:
    """How far the sampler's own log-probabilities are from those that learning would give the same tokens."""
    prompts = list({one.prompt.id: one.prompt for one in completions()}.values())
    said = Local(policy, "policy", 1, temperature, LONGEST).sample(prompts, SAMPLES)
    batch = as_said(said, policy)
    found = policy.logprobs(batch, temperature)[batch.scored].double().cpu()
    theirs = [value for one in said for value in one.logprobs or ()]
    return float((found - torch.tensor(theirs, dtype=torch.float64)).abs().max())


class Halted(OneDevice):
    """An engine that keeps a step's gradient, or only how far it is from one that was kept."""

    def __init__(self, device: torch.device, like: Sequence[Tensor] | None = None) -> None:
        super().__init__(device)
        self.like, self.kept, self.gap = like, list[Tensor](), 0.0

    def step(self, optimizer: Optimizer, number: int, norms: dict[str, float]) -> None:
        """Look at the gradient, then move the weights."""
        slopes = [one.grad.detach() for _, one in optimizer.named() if one.grad is not None]
        if self.like is None:
            self.kept = [slope.clone() for slope in slopes]
        else:
            self.gap = length(one - other for one, other in zip(slopes, self.like, strict=True))
        super().step(optimizer, number, norms)


def length(tensors: Iterable[Tensor]) -> float:
    """The length of all of them as one vector."""
    return math.sqrt(sum(float(one.double().square().sum()) for one in tensors))


class Given:
    """A feed of one step, cut into given batches."""

    settled = True

    def __init__(self, parts: Sequence[Sequence[Rendered]]) -> None:
        self.parts = parts

    def __iter__(self) -> Iterator[list[Sequences]]:
        yield [pack(part) for part in self.parts]

    def state(self) -> dict[str, Any]:
        """Nothing is remembered."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Nothing is remembered."""


def learning(policy: Policy, rows: Sequence[Rendered]) -> list[Check]:
    """Whether a step is the same however it is cut, and moves nothing at rate 0."""
    before = {name: weight.cpu().clone() for name, weight in policy.network.state_dict().items()}
    allowed, share = ALLOWED[policy.compute.dtype], SHARES[policy.compute.dtype]
    gaps: list[float] = []

    def stepped() -> float:
        whole, engine = one_step(policy, [rows])
        gap = 0.0
        for parts in ([rows[:2], rows[2:]], [[row] for row in rows]):
            loss, other = one_step(policy, parts, engine.kept)
            gap = max(gap, abs(loss - whole))
            gaps.append(other.gap / length(engine.kept))
        return gap

    def moved() -> float:
        after = policy.network.state_dict()
        return float(sum(int((after[name].cpu() != weight).sum()) for name, weight in before.items()))

    return [
        tried("loss, cut", "the loss of a step in one, two or many parts", allowed, stepped),
        tried(
            "gradient, cut", "its gradient; the difference as a share of its length", share, lambda: max(gaps)
        ),
        tried("rate 0", "weights that steps at learning rate 0 have moved", 0.0, moved),
    ]


def one_step(
    policy: Policy, parts: Sequence[Sequence[Rendered]], like: Sequence[Tensor] | None = None
) -> tuple[float, Halted]:
    """One step of imitation at rate 0: its loss, and what the engine saw of its gradient."""
    engine, losses = Halted(policy.compute.device, like), list[float]()

    def tell(number: int, notes: Notes) -> None:
        losses.append(float(notes["loss"]))

    optimizer = Optimizer({"policy": policy.network}, 0.0, 0.0, None)
    fit(Given(parts), Imitation(policy), engine, optimizer, Guard(), [tell])
    return losses[0], engine


def table(about: dict[str, Any], checks: Sequence[Check]) -> list[str]:
    """The measurements as a person reads them."""
    rows = [("", "check", "measured", "allowed", "what")]
    for one in checks:
        measured = "-" if one.worst is None else f"{one.worst:.2g}"
        told = one.skipped or one.fault or one.what
        rows.append((one.verdict, one.name, measured, f"{one.allowed:.2g}", told))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        f"{about['model']}: {about['family']}, {about['precision']} on {about['device']}, rows of "
        f"{min(about['rows'])} to {max(about['rows'])} tokens"
        + (f"; rows are padded, because {about['why']}" if about["why"] else "")
    ]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:4], widths, strict=True)]
        lines.append("  ".join([*cells, row[4]]).rstrip())
    failed = [one.name for one in checks if one.verdict == "fail"]
    lines.append(
        f"{len(failed)} of {len(checks)} checks fail: {', '.join(failed)}."
        if failed
        else f"{len(checks)} checks, none fails."
    )
    return lines
