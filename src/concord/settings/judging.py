"""Settings of annotators who are not people: judges, rules, and the manners of the simulated panel."""

from typing import Annotated, Literal

from pydantic import Field

from concord.settings.closed import Settings
from concord.settings.quantities import Count, Positive, Price, Share

SHORT, PLACE = 16, 8
"""Tokens that a verdict without reasons may take, and one more answer in an order."""


class Endpoint(Settings):
    """A chat endpoint in OpenAI's shape, on this machine or elsewhere; only the recipe names it."""

    url: Annotated[str, Field(pattern=r"^https?://[^\s/?#@]+(/[^\s?#@]*)?$")]
    """Where its version begins, such as `https://host/v1`; no name, key or question mark may stand in it."""
    model: Annotated[str, Field(min_length=1)]
    """The model to ask for."""
    key: Annotated[str, Field(pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$")] = ""
    """Environment variable that holds the key, if one is needed; the key itself stands in no file."""
    at_once: Count = 4
    """Most calls under way at the same time."""
    seconds: Positive = 120.0
    """Longest time that one call may take from its first byte to its last."""
    tries: Count = 5
    """How often a call is made while the endpoint is busy, broken or silent; the wait doubles in between."""
    seeded: bool = True
    """Whether to send a seed with each call; some endpoints refuse it."""
    logprobs: bool = True
    """Whether to ask for log-probabilities where they are of use; some endpoints refuse it."""
    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What the endpoint calls the most tokens of an answer."""
    price_read: Price = 0.0
    """Cost of a million tokens that it reads, in any currency; costs are told in the same."""
    price_said: Price = 0.0
    """Cost of a million tokens that it says."""


class Examining(Settings):
    """An AI judge that compares two answers at a time, in both orders: whom to ask, by which rubric, how often."""

    endpoint: Endpoint | None = None
    """The endpoint to ask."""
    model: str | None = None
    """Or a model on this machine: a causal model folder, relative to the recipe, or `starter`."""
    rubric: str | None = None
    """Text file with what counts, relative to the recipe; lines that begin with `- ` are principles."""
    principles: Annotated[int, Field(ge=0)] = 0
    """Principles drawn anew for each prompt; 0 takes all."""
    examples: str | None = None
    """File of rankings, relative to the recipe, from which judged examples are shown first."""
    reasons: bool = False
    """Whether the judge reasons in words before its verdict."""
    rounds: Count = 1
    """How often both orders of a pair, a list and its reverse, or one answer are asked about."""
    temperature: Price = 0.0
    """Higher is more varied; 0 takes the likeliest."""
    longest: Count = 512
    """Most tokens of a verdict with its reasons."""
    screen: bool = True
    """Whether sentences that speak to the judge are withheld from it, and counted."""

    @property
    def name(self) -> str:
        """Which model judges, in a word."""
        return self.endpoint.model if self.endpoint else str(self.model)

    def orders(self, answers: int) -> tuple[int, int]:
        """How many questions a list of answers takes, and how many answers each of them shows."""
        return self.rounds * answers * (answers - 1), 2

    def room(self, shown: int) -> int:
        """Most tokens of the verdict on so many answers."""
        return self.longest if self.reasons else SHORT


class Judging(Examining):
    """An AI judge that ranks: besides what it is asked, in which manner, and how much its word counts."""

    manner: Literal["pairs", "list", "points"] = "pairs"
    """Compare two at a time in both orders, order whole lists and their reverses, or give marks from 1 to 9."""
    weight: Positive = 1.0
    """How much a judge's ranking counts in learning beside a person's."""

    def orders(self, answers: int) -> tuple[int, int]:
        """How many questions a list of answers takes, and how many answers each of them shows."""
        manners = {
            "pairs": super().orders(answers),
            "list": (2 * self.rounds, answers),
            "points": (self.rounds * answers, 1),
        }
        return manners[self.manner]

    def room(self, shown: int) -> int:
        """Most tokens of the verdict on so many answers."""
        named = PLACE * shown if self.manner == "list" and not self.reasons else 0
        return super().room(shown) + named


class Habits(Settings):
    """Manners and vices of the simulated panel; none of them by default."""

    position: float = 0.0
    """Worth that the answer shown first gains; the last gains none."""
    length: float = 0.0
    """Worth that each word gains."""
    laziness: Share = 0.0
    """Share of the lists of which a rater names the best answer alone and ties the rest."""
    skill: Price = 0.0
    """How far raters differ in noise: the standard deviation of its logarithm."""
    flippers: Annotated[int, Field(ge=0)] = 0
    """Raters who rank upside down."""
    lefties: Annotated[int, Field(ge=0)] = 0
    """Raters who always rank as shown, the first first."""
    copiers: Annotated[int, Field(ge=0)] = 0
    """Raters who hand in what the first rater did."""


class Matches(Settings):
    """The answer has, or must not have, a pattern."""

    method: Literal["matches"] = "matches"
    """The name of this rule in a recipe."""
    pattern: Annotated[str, Field(min_length=1, max_length=2000)]
    """Regular expression that is looked for anywhere in the answer."""
    whole: bool = False
    """Whether the answer must match from its first letter to its last."""
    wanted: bool = True
    """Whether the answer must match; false if it must not."""
    seconds: Positive = 1.0
    """Longest time for one answer; a search that takes longer is killed, counted, and earns nothing."""
    worth: float = 1.0
    """Added to the score of an answer that keeps the rule."""


class Contains(Settings):
    """The answer holds certain words, or none of others, whatever their case."""

    method: Literal["contains"] = "contains"
    """The name of this rule in a recipe."""
    every: tuple[str, ...] = ()
    """Texts that must all stand in the answer."""
    none: tuple[str, ...] = ()
    """Texts of which none may stand in it."""
    worth: float = 1.0
    """Added to the score of an answer that keeps the rule."""


class Length(Settings):
    """The answer is neither too short nor too long."""

    method: Literal["length"] = "length"
    """The name of this rule in a recipe."""
    least: Annotated[int, Field(ge=0)] = 0
    """Fewest of them."""
    most: Count | None = None
    """Most of them; any number if not given."""
    of: Literal["words", "characters"] = "words"
    """What is counted."""
    worth: float = 1.0
    """Added to the score of an answer that keeps the rule."""


class RightAnswer(Settings):
    """The answer gives the known result of its prompt: the reward of tasks that can be checked."""

    method: Literal["answer"] = "answer"
    """The name of this rule in a recipe."""
    answers: str
    """File of demonstrations, relative to the recipe, whose completions are the right results."""
    kind: Literal["exact", "number"] = "exact"
    """Compare texts, whatever their case, spacing and full stop, or the last number in each."""
    after: str = ""
    """Look only at what follows the last occurrence of this text, such as `####`."""
    tolerance: Price = 0.0
    """How far a number may be off."""
    worth: float = 1.0
    """Added to the score of an answer that keeps the rule."""


class ValidJson(Settings):
    """The whole answer is JSON."""

    method: Literal["json"] = "json"
    """The name of this rule in a recipe."""
    keys: tuple[str, ...] = ()
    """Keys that its object must have."""
    worth: float = 1.0
    """Added to the score of an answer that keeps the rule."""


Rule = Annotated[Matches | Contains | Length | RightAnswer | ValidJson, Field(discriminator="method")]
