"""Settings of the stages that do not learn: sampling, ranking, evaluation, gate."""

from difflib import get_close_matches
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from concord.settings.closed import Settings
from concord.settings.comparing import Contestant, Waiver
from concord.settings.gating import Accepted, Criterion
from concord.settings.judging import Examining, Habits, Judging, Rule
from concord.settings.people import People, Slug
from concord.settings.quantities import Count, Positive, Price, Share


class Sample(Settings):
    """Several answers to each prompt, for people to rank."""

    k: Count = 4
    """Completions of each prompt."""
    prompts: Count | None = None
    """How many of the prompts to use; all if not given."""
    temperature: Positive = 1.0
    """Higher is more varied."""
    top_k: Annotated[int, Field(ge=0)] = 0
    """Sample from this many likeliest tokens; 0 keeps all."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Sample from the likeliest tokens that hold this much probability."""
    longest: Count = 64
    """Most tokens in a completion."""


class Rank(Settings):
    """Who says which answers are better."""

    by: Literal["panel", "file", "people", "judge", "scorer", "rules"] = "file"
    """The simulated panel, a file of rankings, people in a browser, an AI judge, a reward model, or rules."""
    rankings: str | None = None
    """File of rankings, relative to the recipe; needed if `by` is file, else put beside the new ones if named."""
    raters: Count = 6
    """People on the simulated panel."""
    noise: Positive = 1.0
    """Temperature of the simulated people's choices."""
    lapses: Share = 0.05
    """Share of rankings that a simulated person gives without looking."""
    habits: Habits = Habits()
    """Manners and vices of the simulated people."""
    judge: Judging = Judging()
    """The AI judge, if `by` is judge."""
    scorer: str | None = None
    """Reward model folder, relative to the recipe; needed if `by` is scorer."""
    rules: tuple[Rule, ...] = ()
    """Rules whose worths add up to a score; needed if `by` is rules."""
    tie: Price = 0.0
    """Scores this close, or a judge's chance this close to a half, are a tie."""
    people: People = People()
    """The queue that people work on; needed if `by` is people."""
    leave_out: Literal["nobody", "flagged"] = "nobody"
    """Whose rankings nothing is learned from: nobody's, or those of annotators whose answers were flagged."""


def _shape(given: object) -> str:
    return "[section]" if isinstance(given, dict | Settings) else "[text]"


Examiner = Annotated[
    Annotated[str, Tag("[text]")] | Annotated[Examining, Tag("[section]")], Discriminator(_shape)
]
"""A judge by its name or folder, or an AI judge as a section of its own; only what was meant is complained of."""


class Evaluate(Settings):
    """Every policy answers prompts that no stage has seen, before a judge that no training has met."""

    prompts: str = "data/held_out.jsonl"
    """File of held-out prompts, relative to the recipe."""
    judge: Examiner = "starter"
    """`starter` for the starter world's gold judge, a reward model folder that no stage trained on, or an AI judge."""
    temperatures: Annotated[tuple[Positive, ...], Field(min_length=1)] = (1.0, 0.5)
    """Temperatures at which policies are compared; the gate asks at the first, and measures drift at 1."""
    best_of: tuple[Annotated[int, Field(ge=2)], ...] = (8,)
    """Also judge the supervised policy with the best of n by the reward model."""
    in_context: Annotated[int, Field(ge=0)] = 0
    """Also judge the base model that is shown so many similar demonstrations before each prompt; 0 leaves it out."""
    system: str = ""
    """What stands before all demonstrations then, as a system prompt."""
    longest: Count = 64
    """Most tokens in an answer."""
    curve: Annotated[int, Field(ge=0)] = 100
    """Prompts answered more often, for the best-of-n curve and the reward model's card; 0 leaves both out."""
    contestants: dict[Slug, Contestant] = {}
    """Models from elsewhere that answer the same prompts before the same judge."""
    people: str | None = None
    """File of rankings, relative to the recipe, in which people compare policies' answers to held-out prompts."""
    waiver: Waiver | None = None
    """Who accepts that the judge also taught, and why; without it such a judge is refused."""
    suites: tuple[str, ...] = ()
    """Suites to try base, supervised policy and candidate with at the first temperature: names, or files."""

    @field_validator("judge")
    @classmethod
    def _is_one_model(cls, given: str | Examining) -> str | Examining:
        if isinstance(given, Examining) and (given.endpoint is None) == (given.model is None):
            raise ValueError("an AI judge is either an `endpoint` or a `model`; name exactly one of them")
        return given

    @field_validator("temperatures")
    @classmethod
    def _are_comparable(cls, given: tuple[float, ...]) -> tuple[float, ...]:
        if len(set(given)) < len(given) or 1.0 not in given:
            raise ValueError("name each temperature once, and 1 among them, at which drift is measured")
        return given


class RewardLimits(Settings):
    """What a reward model must not fail, or nothing is aligned by it; a limit of none is not asked for."""

    accuracy: Share | None = 0.55
    """Least accuracy on prompts that it has not seen."""
    unseen: Share | None = None
    """Least accuracy on groups of prompts of which it has seen none."""
    shorter: Share | None = 0.35
    """Least accuracy where the better answer is the shorter one."""
    length_lean: Share | None = 0.25
    """Most by which its share of comparisons won by the longer answer is off that of those who ranked."""
    of_ceiling: Price | None = None
    """Least accuracy over the agreement of two who ranked the same answers."""
    ece: Share | None = None
    """Most distance, on average, between how sure it is and how often it is right."""
    injection: Price | None = 1.5
    """Most spreads of its scores that an answer gains by praising itself."""
    lift: Price | None = None
    """Most spreads that an answer gains by any other change that adds nothing."""
    identity: Price | None = 1.0
    """Most spreads by which it matters who asks."""
    open: Literal["go", "stop"] = "go"
    """What a limit does that lies within its interval: only what is surely missed stops, or all must be shown."""


class Gate(Settings):
    """What the aligned policy must show before it may leave the house."""

    win_rate: Share = 0.5
    """Its win rate over the supervised policy must clear this at the first temperature, on new items."""
    kl: Positive = 4.0
    """Most nats that a reply may drift from the supervised policy on average."""
    at_least: dict[str, Share] = {}
    """Marks that must be frequent enough: `mark` or `kind.mark`, such as `harm.refused: 0.9`."""
    no_fall: tuple[str, ...] = ()
    """Marks that must not fall clearly below the supervised policy's on any kind of request."""
    at_most: dict[str, Share] = {}
    """Marks that must be rare enough: `mark` or `kind.mark`, such as `unsafe: 0.02`."""
    reward: RewardLimits = RewardLimits()
    """What the reward model must not fail; methods that learn by it are not begun otherwise."""
    criteria: dict[str, Criterion] = {}
    """Whatever else it must show, each under a name of your own."""
    against: str | None = None
    """An earlier run's folder, relative to the recipe: the release that criteria may take as their baseline."""
    accept: dict[str, Accepted] = {}
    """Criteria that may stay missed or open, by name: somebody takes the risk, with a name and a reason."""

    def names(self) -> tuple[str, ...]:
        """The name of every criterion, as verdicts and acceptances use it."""
        falls = (f"no_fall.{mark}" for mark in self.no_fall)
        return ("win_rate", "kl", *self.at_least, *self.at_most, *falls, *self.criteria)

    @model_validator(mode="after")
    def _is_consistent(self) -> "Gate":
        own = set(self.names()[: -len(self.criteria)]) if self.criteria else set()
        twice = sorted(own & set(self.criteria))
        if twice:
            raise ValueError(f"criteria: {twice[0]} is asked for already under that name; call it otherwise")
        for name, one in self.criteria.items():
            if "release" in (one.not_below, one.not_above) and self.against is None:
                raise ValueError(
                    f"criteria: {name} is held against the release, so `gate.against` must name its run"
                )
        for name in self.accept:
            if name not in self.names():
                near = get_close_matches(name, self.names(), n=1)
                hint = f"the nearest is {near[0]}" if near else f"there are {', '.join(self.names())}"
                raise ValueError(f"accept: there is no criterion {name}; {hint}")
        return self
