"""Settings of the stages that do not learn: sampling, ranking, evaluation, gate."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from concord.settings.closed import Settings
from concord.settings.judging import Habits, Judging, Rule
from concord.settings.people import People
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
    """File of people's rankings, relative to the recipe; needed if `by` is file, put beside a judge's if named."""
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


class Evaluate(Settings):
    """Every policy answers prompts that no stage has seen, before a judge that no training has met."""

    prompts: str = "data/held_out.jsonl"
    """File of held-out prompts, relative to the recipe."""
    judge: str = "starter"
    """`starter` for the starter world's gold judge, or a reward model folder that no stage trained on."""
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
    suites: tuple[str, ...] = ()
    """Suites to try base, supervised policy and candidate with at the first temperature: names, or files."""

    @field_validator("temperatures")
    @classmethod
    def _are_comparable(cls, given: tuple[float, ...]) -> tuple[float, ...]:
        if len(set(given)) < len(given) or 1.0 not in given:
            raise ValueError("name each temperature once, and 1 among them, at which drift is measured")
        return given


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
