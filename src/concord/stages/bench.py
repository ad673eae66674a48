"""The bench: every part that a stage may need, made when it is first asked for; nothing is decided here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from concord import formats
from concord.errors import ModelError
from concord.formats.shape import Kind
from concord.models import Compute, Critic, Policy, RewardModel, choose
from concord.models.bare import Bare
from concord.models.folder import template
from concord.models.trunk import Trunk
from concord.records import Completion, Demonstration, Prompt, Ranking, Stream, digest, manifest, seed_of
from concord.records.files import read_json, write_json
from concord.roles import Sampler, Scorer
from concord.runs import Loaded, Run
from concord.sampling import BestOf, Local
from concord.scoring import Learned
from concord.settings import Learning, Recipe
from concord.stages import opinion, scorers
from concord.stages.plan import base, content, model_folder

R = TypeVar("R")


def rollouts(folder: Path) -> Path:
    """Where a stage keeps what its policy said while it learned."""
    return folder / "rollouts"


@dataclass
class Bench:
    """The parts of one stage of one run."""

    loaded: Loaded
    run: Run
    stage: str
    say: Callable[[str], None]
    from_base: bool = False
    """Whether the policy that learns begins as the recipe's `base`, or as the supervised policy."""
    facts: dict[str, str] = field(default_factory=dict)
    """What the finished stage's folder tells of itself beside its key."""
    said: Sequence[Completion] = ()
    """What the policy said last while it learned."""

    @property
    def recipe(self) -> Recipe:
        """What is asked."""
        return self.loaded.recipe

    @property
    def learning(self) -> Learning:
        """How to learn."""
        return self.recipe.learning

    @property
    def seed(self) -> int:
        """What everything random in this stage follows from."""
        return seed_of(self.recipe.seed, self.stage)

    @cached_property
    def compute(self) -> Compute:
        """Where to compute."""
        return choose(self.learning.device, self.learning.precision)

    def model(self, stage: str) -> Path:
        """The model that a finished stage made; the base for no stage."""
        return self.run.path(stage) / "model" if stage else base(self.loaded)

    @cached_property
    def policy(self) -> Policy:
        """The network that learns to speak."""
        policy = Policy.load(self.model("" if self.from_base else "sft"), self.compute, self.learning.adapter)
        if policy.template.notice:
            self.say(policy.template.notice)
        self.tell("The policy", policy.trunk)
        return policy

    @cached_property
    def supervised(self) -> Policy:
        """The supervised policy, frozen."""
        policy = Policy.load(self.model("sft"), self.compute)
        policy.network.requires_grad_(False)
        return policy

    def other(self, folder: str) -> Policy:
        """Another policy, frozen, from a folder relative to the recipe."""
        policy = Policy.load(model_folder(self.loaded, folder), self.compute)
        policy.network.requires_grad_(False)
        self.tell(f"The policy in {folder}", policy.trunk)
        return policy

    @cached_property
    def reference(self) -> Policy:
        """The supervised policy, frozen; beside a policy that learns by adapters, that one without them."""
        self.name_reference()
        beside = "policy" in vars(self) and self.learning.adapter and not self.from_base
        return Bare.of(self.policy) if beside else self.supervised

    def name_reference(self) -> None:
        """Say and note from which weights drift is counted: by the sha256 of the supervised policy's files."""
        files = read_json(self.model("sft").parent / manifest.NAME)["files"]
        weights = [files[name]["sha256"] for name in sorted(files) if name.endswith(".safetensors")]
        name = weights[0] if len(weights) == 1 else digest(*weights)
        self.facts["reference"] = name
        self.say(f"the reference is the policy of stage sft, sha256 of its weights {name[:16]}.")

    @cached_property
    def critic(self) -> Critic:
        """Begins as the reward model: it already knows what a good completion looks like."""
        if self.opinion is not None:
            return self.expecting(self.opinion)
        self.say(
            "no reward model gives one number in the policy's token ids, so the critic begins as the policy."
        )
        return self.plain_critic

    @cached_property
    def plain_critic(self) -> Critic:
        """Begins as the supervised policy, with a head of zeros."""
        return self.expecting(self.model("sft"))

    @cached_property
    def potential(self) -> Critic:
        """The reward model as one who values every beginning of a completion."""
        if self.opinion is None:
            raise ModelError(
                "`critic.shaping` asks the reward model's opinion at every token, but no reward model gives one number "
                "in the policy's token ids. Set it to 0, or make the reward model from the policy's own family."
            )
        critic = self.expecting(self.opinion)
        critic.network.requires_grad_(False)
        return critic

    def expecting(self, folder: Path) -> Critic:
        """A critic that begins as the model in a folder."""
        critic = Critic.load(folder, self.compute)
        self.tell("The critic", critic.trunk)
        return critic

    @cached_property
    def opinion(self) -> Path | None:
        """The reward model that values a whole answer by one number, in the policy's own token ids, if there is one."""
        first = opinion.first(self.run.path("reward"))
        same = first is not None and self.policy.template.same_ids(template(first))
        return first if same else None

    @cached_property
    def reward_model(self) -> RewardModel:
        """The reward model, frozen."""
        model = RewardModel.load(self.model("reward"), self.compute)
        self.tell("The reward model", model.trunk)
        model.network.requires_grad_(False)
        return model

    @cached_property
    def scorer(self) -> Scorer:
        """Who says what a completion is worth while a policy learns: never the judge of the evaluation."""
        folder, budget = self.run.path("reward"), self.learning.micro_tokens
        what = opinion.described(folder)
        if what == opinion.PLAIN:
            return Learned(self.reward_model, budget)
        return scorers.made(what, folder, self.compute, budget)

    def tell(self, who: str, trunk: Trunk) -> None:
        """Say so if a network has to read slowly."""
        if trunk.padded:
            self.say(f"{who} reads padded rows instead of packed ones, which is slower: {trunk.padded}.")

    @cached_property
    def prompts(self) -> Sequence[Prompt]:
        """What the policy is asked."""
        return self.read(formats.read_prompts, self.loaded.folder / self.recipe.prompts)

    @cached_property
    def completions(self) -> Sequence[Completion]:
        """What the sample stage made."""
        return self.read(formats.read_completions, self.run.path("sample") / "completions.jsonl")

    @cached_property
    def rankings(self) -> Stream[Ranking]:
        """What people prefer."""
        return self.stream(self.run.path("rank") / "rankings.jsonl", "rankings")

    def set_aside(self, some: Sequence[Prompt]) -> None:
        """Take some prompts, and what was said to them, out of all that this stage learns from."""
        names = {prompt.id for prompt in some}
        self.prompts = [prompt for prompt in self.prompts if prompt.id not in names]
        self.rankings = self.rankings.where(
            lambda one: one.prompt.id not in names, "set aside", *sorted(names)
        )

    def demonstrations(self, file: str) -> Stream[Demonstration]:
        """What people wrote themselves."""
        return self.stream(self.loaded.folder / file, "demonstrations")

    def sampler(self, occasion: str, temperature: float, longest: int, best_of: int = 1) -> Sampler:
        """The policy as a speaker, keeping the best of several if asked."""
        return self.speaker(self.policy, self.stage, occasion, temperature, longest, best_of)

    def speaker(
        self, policy: Policy, name: str, occasion: str, temperature: float, longest: int, best_of: int = 1
    ) -> Sampler:
        """Any policy as a speaker with seeds of its own."""
        local = Local(policy, name, seed_of(self.seed, occasion, temperature), temperature, longest)
        return local if best_of == 1 else BestOf(local, self.scorer, best_of)

    def keep(self, turn: int, said: Sequence[Completion]) -> None:
        """Put a round's completions on record, where the evaluation will find them."""
        self.said = said
        formats.write_completions(rollouts(self.run.partial(self.stage)) / f"{turn:06}.jsonl", said)

    def mark(self, turn: int, scores: Sequence[float]) -> None:
        """Put what the scorer gave them beside them, for whoever watches."""
        write_json(
            rollouts(self.run.partial(self.stage)) / f"{turn:06}.scores.json", {"scores": list(scores)}
        )

    def stream(self, path: Path, kind: Kind) -> Stream[Any]:
        """A file's records, read anew whenever they are gone through."""
        return Stream(lambda: iter(formats.Passage(path, kind)), digest(kind, content(path)), self.run.cache)

    def read(self, reader: Callable[[Path], "formats.Rows[R]"], path: Path) -> Sequence[R]:
        """A file's records; what is odd about a file that people brought was told before any stage began."""
        return reader(path).records
