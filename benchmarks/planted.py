"""The faults that `benchmarks.pathologies` plants: settings, data and parts of the bench that are not what they say."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from concord import formats
from concord.models import Policy
from concord.monitoring.habits import HABITS
from concord.records import Completion, Demonstration, Message, Prompt, Ranking, manifest, seed_of
from concord.records.files import read_rows, write_rows
from concord.roles import Sampler, Scorer
from concord.stages.bench import Bench
from concord.stages.plan import base

Data = Callable[[Path, Path, int], None]
"""Changes the trial's own copy of the data and of the shared stages."""

ALONE = ("learning.workers=1", "learning.threads=1")
PPO = ("align.method=ppo", "align.rollout.rounds=12", "align.rollout.prompts=16", *ALONE)
GRPO = ("align={method: grpo, rollout: {rounds: 12, prompts: 8, samples: 8}}", *ALONE)


def nothing(data: Path, run: Path, seed: int) -> None:
    """The data stay as they are."""


@dataclass(frozen=True)
class Fault:
    """One trial: what is planted, and which cause should be named for it."""

    name: str
    causes: tuple[str, ...] = ()
    settings: tuple[str, ...] = PPO
    stages: tuple[str, ...] = ("align",)
    data: Data = nothing
    scores: Callable[[Sequence[Completion]], list[float]] | None = None
    """Takes the reward model's place."""
    heat: float = 1.0
    """What the sampler's temperature is multiplied by behind the learner's back."""
    stranger: bool = False
    """Whether drift is counted from another model than the one that learning began with."""


@dataclass(frozen=True)
class Scores:
    """Any function as a scorer."""

    of: Callable[[Sequence[Completion]], list[float]]

    def score(self, completions: Sequence[Completion]) -> list[float]:
        """One number a completion."""
        return self.of(completions)


@dataclass
class Planted(Bench):
    """The bench of a stage, with the fault in it."""

    fault: Fault = field(kw_only=True)

    @cached_property
    def scorer(self) -> Scorer:
        """The reward model, or what took its place."""
        return Scores(self.fault.scores) if self.fault.scores else super().scorer

    @cached_property
    def reference(self) -> Policy:
        """The supervised policy, or the base model where a stranger was planted."""
        if not self.fault.stranger:
            return super().reference
        policy = Policy.load(base(self.loaded), self.compute)
        policy.network.requires_grad_(False)
        return policy

    def sampler(self, occasion: str, temperature: float, longest: int, best_of: int = 1) -> Sampler:
        """The policy as a speaker, at another temperature than it says if that was planted."""
        return super().sampler(occasion, temperature * self.fault.heat, longest, best_of)


USUAL = {"length": (14.0, 6.0), "format": (0.0, 1.0), "repetition": (0.0, 1.0)}
"""Mean and spread of a habit in the supervised policy's answers, roughly: a score is told in units like a reward's."""


def counted(habit: str) -> Callable[[Sequence[Completion]], list[float]]:
    """A score that counts one habit and nothing else."""
    mean, spread = USUAL[habit]
    return lambda said: [(HABITS[habit](one.text) - mean) / spread for one in said]


def by_prompt(said: Sequence[Completion]) -> list[float]:
    """The same number for all answers to a prompt."""
    return [seed_of("worth", one.prompt.id) % 1000 / 250 - 2 for one in said]


def constant(said: Sequence[Completion]) -> list[float]:
    """One number for everything."""
    return [0.25] * len(said)


def ranked(run: Path, change: Callable[[list[Ranking]], list[Ranking]]) -> None:
    """Change the rankings, as if people had given others."""
    folder = run / "rank"
    facts = manifest.facts(folder)
    rows = change(list(formats.read_rankings(folder / "rankings.jsonl").records))
    formats.write_rankings(folder / "rankings.jsonl", rows)
    (folder / manifest.NAME).unlink()
    manifest.seal(folder, {**facts, "key": f"{facts['key']}-changed"})


def believed(scores: Callable[[Sequence[Completion]], list[float]]) -> Data:
    """The reward model's own record of held-out rankings says what the scorer in its place would say."""

    def change(data: Path, run: Path, seed: int) -> None:
        folder = run / "reward"
        facts = manifest.facts(folder)
        rows = []
        for row in read_rows(folder / "held_out.jsonl"):
            asked = Prompt((Message("user", ""),), id=row["prompt_id"])
            rows.append({**row, "scores": scores([Completion(asked, text) for text in row["texts"]])})
        write_rows(folder / "held_out.jsonl", rows)
        (folder / manifest.NAME).unlink()
        manifest.seal(folder, facts)

    return change


def scored(
    name: str, cause: str, scores: Callable[[Sequence[Completion]], list[float]], *settings: str
) -> Fault:
    """A trial with another scorer in the reward model's place."""
    return Fault(name, (cause,), settings or PPO, data=believed(scores), scores=scores)


def elsewhere(data: Path, run: Path, seed: int) -> None:
    """The reward model learns from rankings of a few kinds of request; the policy is asked the others."""
    few = {"harm", "severe", "mild"}
    ranked(run, lambda rows: [one for one in rows if few & set(one.prompt.tags)])
    asked = [one for one in formats.read_prompts(data / "prompts.jsonl").records if not few & set(one.tags)]
    formats.write_prompts(data / "prompts.jsonl", asked)


def contradicted(data: Path, run: Path, seed: int) -> None:
    """A third of the rankings stand in the file once more, upside down; and prompts of the evaluation leak in."""

    def change(rows: list[Ranking]) -> list[Ranking]:
        return rows + [replace(one, tiers=one.tiers[::-1], by="flipped") for one in rows[::3]]

    ranked(run, change)
    held = formats.read_prompts(data / "held_out.jsonl").records[:60]
    leaked = [replace(one, messages=tuple(spaced(turn) for turn in one.messages), id="") for one in held]
    mine = list(formats.read_prompts(data / "prompts.jsonl").records)
    formats.write_prompts(data / "prompts.jsonl", mine[len(leaked) :] + leaked)


def spaced(turn: Message) -> Message:
    """The same words with other spacing and case."""
    return replace(turn, content=f" {turn.content.upper()}  ")


def narrow(data: Path, run: Path, seed: int) -> None:
    """Demonstrations of yes-or-no questions alone; the others show what is forgotten by that."""
    path = data / "more_demonstrations.jsonl"
    every = list(formats.read_demonstrations(path).records)
    few: list[Demonstration] = [one for one in every if "yesno" in one.prompt.tags]
    rest = [one for one in every if "yesno" not in one.prompt.tags]
    formats.write_demonstrations(data / "demonstrations.jsonl", few * 2)
    formats.write_demonstrations(data / "general.jsonl", rest[:100])


FAULTS = (
    Fault("rate-30", ("learning rate too high",), (*PPO, "align.rate=6e-3")),
    Fault(
        "kl-0",
        ("price of drift too low",),
        (*PPO, "align.kl=0", "align.rate=6e-4", "align.rollout.rounds=20"),
    ),
    Fault("kl-5", ("price of drift too high",), (*PPO, "align.kl=5")),
    scored("counts-words", "hacking by length", counted("length")),
    scored("counts-marks", "hacking by format", counted("format")),
    scored("counts-repeats", "hacking by repetition", counted("repetition")),
    Fault("strange-reference", ("wrong reference",), stranger=True),
    Fault("reward-elsewhere", ("reward model off its ground",), stages=("reward", "align"), data=elsewhere),
    Fault(
        "idle-critic",
        ("critic not learning",),
        (*PPO, "align.critic.begins=policy", "align.critic_rate=1e-9"),
    ),
    Fault("hot-sampler", ("sampler and learner disagree",), heat=1.5),
    Fault("longest-6", ("answers cut off",), (*PPO, "align.rollout.longest=6")),
    scored("equal-groups", "advantages collapsed", by_prompt, *GRPO),
    scored("constant", "dead reward", constant),
    Fault(
        "flipped-leaked",
        ("contradictory data", "leaked data"),
        (*PPO, "align.rollout.rounds=4", "reward.epochs=1"),
        stages=("reward", "align"),
        data=contradicted,
    ),
    Fault(
        "narrow-sft",
        ("forgetting",),
        (*PPO, "sft.general=data/general.jsonl", "sft.epochs=12", "sft.rate=2e-3", "align.rollout.rounds=4"),
        stages=("sft", "align"),
        data=narrow,
    ),
)
HEALTHY = (
    Fault("well-ppo"),
    Fault("well-grpo", settings=GRPO),
    Fault("well-rloo", settings=("align={method: rloo, rollout: {rounds: 12, prompts: 8}}", *ALONE)),
    Fault(
        "well-reinforce", settings=("align={method: reinforce-pp, rollout: {rounds: 12, prompts: 8}}", *ALONE)
    ),
    Fault("well-remax", settings=("align={method: remax, rollout: {rounds: 12, prompts: 48}}", *ALONE)),
    Fault("well-dpo", settings=("align={method: dpo}", *ALONE)),
    Fault("well-online-dpo", settings=("align={method: online-dpo}", *ALONE)),
    Fault("well-shared-critic", settings=(*PPO, "align.critic.begins=shared")),
    Fault("well-target", settings=(*PPO, "align.target_kl=1.0")),
    Fault("well-longer", settings=(*PPO, "align.rollout.rounds=24")),
)
