"""Settings of reward models."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from concord.settings.closed import Settings
from concord.settings.quantities import Count, Positive, Price


class Ratings(Settings):
    """Numbers that people gave to single answers, learned beside the rankings."""

    file: str | None = None
    """File of ratings, relative to the recipe; none means that there are none."""
    loss: Literal["squared", "hinge"] = "squared"
    """Fit the numbers themselves (in units of their spread), or only the side of 0: labels of +1 and -1."""
    raters: Literal["alike", "leaning"] = "alike"
    """Take everybody's numbers as they are, or learn how high each rater tends to rate."""
    weight: Positive = 1.0
    """What a rating counts for beside a ranking."""
    alone: bool = False
    """Leave the rankings out."""


class Steps(Settings):
    """Marks for the steps of answers, learned by a process reward model."""

    file: str | None = None
    """File of step labels, relative to the recipe; none means that there are none."""
    reading: Literal["count", "log", "product", "weakest", "last"] = "product"
    """How the steps' marks become one number: steps held correct, log-probability or chance that all are, the \
chance of the weakest, the chance of the last."""
    cut: Literal["line", "sentence"] = "line"
    """Where a step ends in an answer that nobody has marked."""
    alone: bool = False
    """Leave rankings and ratings out: the process is all that counts."""
    weight: Positive = 1.0
    """What the process counts for beside the reward model, if there are both."""
    epochs: Count = 2
    """Passes over the step labels."""
    rate: Positive = 5e-4
    """Learning rate at its highest."""
    batch: Count = 16
    """Marked answers in an optimiser step."""


class Members(Settings):
    """Several reward models in place of one, which must agree for a high score."""

    count: Count = 1
    """How many; 1 is a single reward model."""
    differ: Literal["order", "prompts", "aspects"] = "order"
    """Each reads all in an order of its own, or draws its own prompts with replacement, or learns one aspect."""
    penalty: Price = 0.5
    """How many spreads of the members' scores are taken off their mean."""


class Segments(Settings):
    """Where in an answer its score comes from, for methods that credit each token."""

    cut: Literal["whole", "fixed", "sentence", "line", "change"] = "whole"
    """What gets a reward of its own: the answer, so many tokens, each sentence or line, or what moves the score."""
    size: Count = 16
    """Tokens in a segment, for `fixed`."""
    threshold: Positive = 0.5
    """How far the score must move for a segment to end, for `change`."""


class HoldOut(Settings):
    """What is kept back to judge the reward model by; a number alone is the share."""

    share: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of the prompts that are kept back with all their rankings."""
    by: Literal["prompts", "clusters"] = "prompts"
    """Prompts drawn one by one, or about as many in whole groups of prompts that use the same words."""
    clusters: Annotated[int, Field(ge=2)] = 20
    """Groups that all prompts are put into; fewer where there are few prompts."""

    @model_validator(mode="before")
    @classmethod
    def _share_alone(cls, given: Any) -> Any:
        return {"share": given} if isinstance(given, int | float | str) else given


class Reward(Settings):
    """Find the scores under which people's rankings are least surprising."""

    likelihood: Literal[
        "bradley-terry", "bradley-terry-margin", "plackett-luce", "davidson", "ranknet", "listnet"
    ] = "plackett-luce"
    """How a ranking is read: as pairs (soft ones, with a margin, with ties), as choices in turn, as who is first."""
    margin: Positive = 1.0
    """The lead that `bradley-terry-margin` asks for, for each tier of distance."""
    centring: Price = 0.01
    """Pull of each list's mean score toward 0."""
    epochs: Count = 2
    """Passes over the rankings."""
    rate: Positive = 5e-4
    """Learning rate at its highest."""
    batch: Count = 16
    """Rankings in an optimiser step."""
    hold_out: HoldOut = HoldOut()
    """What is kept back to judge the reward model by."""
    aspects: dict[str, Positive] = {}
    """Aspects that are told apart, each with its weight in the score; none means that all guidance is of one."""
    ratings: Ratings = Ratings()
    """Numbers for single answers."""
    steps: Steps = Steps()
    """Marks for the steps of answers."""
    members: Members = Members()
    """How many reward models there are, and how they differ."""

    segments: Segments = Segments()
    """How the score is divided within an answer."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for name, part in (("ratings", self.ratings), ("steps", self.steps)):
            if part.alone and not part.file:
                raise ValueError(f"{name}.alone leaves nothing to learn from; name {name}.file too")
        if self.members.differ == "aspects" and (len(self.aspects) < 2 or self.members.count > 1):
            raise ValueError(
                "members that differ by aspects are as many as the aspects; name at least two, and leave members.count"
            )
        several = bool(self.aspects or self.members.count > 1 or self.steps.file)
        if self.segments.cut != "whole" and several:
            raise ValueError(
                "segments divide the score of one reward model; leave aspects, members and steps as they are"
            )
        return self
