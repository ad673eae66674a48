"""What is measured: stages, how many rows, what each side is told, and the bars to clear."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Options = dict[str, Any]
PLAIN: Options = {"checkpointing": False}
"""No recomputing of activations: faster, and as we do it."""
FASTEST: Options = {**PLAIN, "attention": "eager"}
"""What else makes the peer faster on a processor: attention by plain products."""


@dataclass(frozen=True)
class Stage:
    """One stage and its peers."""

    unit: str
    completions: int
    counts: dict[str, int]
    """Prompts of a turn, by model."""
    step: int
    """Prompts of an optimiser step, on both sides."""
    peers: dict[str, Options]
    """What each peer is told: `default` as it comes, `best` the fastest settings found, others by name."""
    side: str = "trl-1.16"
    trains: bool = True
    checked: bool = True
    """Whether the first losses can be compared: not where each side samples for itself."""
    precision: str | None = None
    """If this stage has one of its own; else bfloat16 where the processor has it."""
    bars: dict[str, float] = field(default_factory=dict)
    """The least ratio to each peer, and `small` for the best peer on the small model."""


SFT = Stage(
    "tokens",
    1,
    {"tiny": 24, "small": 16},
    24,
    {
        "default": {"each": 8},
        "packed": {"each": 1, "packed": 1024, **PLAIN},
        "best": {"each": 2, "sampling": "group_by_length", **FASTEST},
    },
    bars={"packed": 2.5},
)
REWARD = Stage(
    "pairs",
    2,
    {"tiny": 16, "small": 8},
    16,
    {"default": {"each": 8}, "plain": {"each": 8, **PLAIN}, "best": {"each": 1, **FASTEST}},
    bars={"default": 6, "plain": 5, "best": 5},
)
REWARD_LIST = Stage(
    "lists of 4",
    4,
    {"tiny": 16, "small": 8},
    16,
    {"best": {"each": 1, **FASTEST}},
)
DPO = Stage(
    "pairs",
    2,
    {"tiny": 16, "small": 8},
    16,
    {
        "default": {"each": 8},
        "plain": {"each": 8, "reference_beforehand": True, **PLAIN},
        "best": {"each": 1, "reference_beforehand": True, **FASTEST},
    },
    bars={"default": 10, "plain": 6, "best": 6, "small": 7},
)
ROLLOUT = Stage(
    "tokens",
    8,
    {"tiny": 4, "small": 2},
    1,
    {"default": {}, "ctranslate2": {"engine": "ctranslate2"}},
    trains=False,
    precision="float32",
    bars={"default": 4, "ctranslate2": 1},
)
PPO = Stage(
    "completions",
    4,
    {"tiny": 4, "small": 2},
    1,
    {"default": {"each": 64}, "best": {"each": 64, "half": True}},
    side="trl-1.12",
    checked=False,
    bars={"default": 5, "best": 5},
)
GRPO = Stage(
    "completions",
    8,
    {"tiny": 4, "small": 2},
    1,
    {"default": {"each": 8}, "best": {"each": 8, **FASTEST}},
    bars={"default": 5, "best": 5},
)
STAGES: dict[str, Stage] = {
    "sft": SFT,
    "reward": REWARD,
    "reward-list": REWARD_LIST,
    "dpo": DPO,
    "rollout": ROLLOUT,
    "ppo": PPO,
    "grpo": GRPO,
}
MODELS = ("tiny", "small")
FIRST = ("sft", "reward", "dpo")
"""Stages whose figures on the small model are wanted most."""
MEMORY_BAR, UTILISATION_BAR, LOSS_BAR, LIST_BAR = 0.5, 0.5, 1e-4, 1.5
"""Peak memory on the small model; share of the best product; losses apart; a list of 4 in pairs."""


@dataclass(frozen=True)
class Cell:
    """One comparison: a stage on a model, with so many threads, alone or beside a busy neighbour."""

    stage: str
    model: str
    threads: int
    busy: bool
    peers: tuple[str, ...]

    @property
    def title(self) -> str:
        """For people."""
        company = "busy neighbour" if self.busy else "idle"
        return f"{self.stage}, {self.model}, {self.threads} thread{'s' * (self.threads > 1)}, {company}"


def cells(stages: list[str], quick: bool, cores: int) -> Iterator[Cell]:
    """The most telling comparisons first: time may run out."""
    several = min(2, cores)
    for name in stages:
        yield Cell(name, "tiny", 1, False, tuple(STAGES[name].peers))
    if quick:
        return
    for name in stages:
        if name in FIRST:
            yield Cell(name, "small", several, False, tuple(STAGES[name].peers))
    for threads, busy in ((several, False), (1, True), (several, True)):
        if (threads, busy) == (1, False):
            continue  # a machine of one core has no second way to be idle
        for name in stages:
            yield Cell(name, "tiny", threads, busy, fastest(name))
    for name in stages:
        if name not in FIRST:
            yield Cell(name, "small", several, False, tuple(STAGES[name].peers))


def fastest(stage: str) -> tuple[str, ...]:
    """The peer with its best settings, or the only one there is."""
    peers = STAGES[stage].peers
    return ("best",) if "best" in peers else ("default",)
