"""Settings of the watch over what learns: looks at a policy while it learns, and alarms."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from concord.settings.closed import Settings
from concord.settings.quantities import Count, Positive, Share

Action = Literal["off", "warn", "stop", "roll-back"]
Rule = Literal[
    "not-finite",
    "drift",
    "length",
    "entropy",
    "group-spread",
    "clipped",
    "critic",
    "gradient",
    "mismatch",
    "repetition",
    "sameness",
    "truncated",
    "constant",
]
"""The rules that have a limit; what they look at stands in the table of the room of training."""


class Alarm(Settings):
    """One rule of the watch: where its limit lies, and what follows when it is passed."""

    limit: float | None = None
    """Where too much begins, instead of the rule's own limit."""
    rounds: Count | None = None
    """Rounds in a row beyond the limit before it counts, instead of the rule's own number."""
    action: Action = "warn"
    """Look away, write it down, stop with the weights of now, or stop with those of the best look."""


class Watch(Settings):
    """What is looked at while a policy learns from preferences, and when learning stops by itself."""

    every: Annotated[int, Field(ge=0)] = 0
    """Rounds between two looks, or steps where the policy does not speak in rounds; 0 takes none."""
    judge: str | None = None
    """Who judges at a look: `starter`, or a reward model folder that nothing of this run has learned from."""
    prompts: Count = 128
    """Prompts that are answered at each look, taken out of those that the policy learns on."""
    samples: Count = 1
    """Answers to each of them; more prompts tell more than more answers."""
    temperature: Positive = 1.0
    """Temperature of these answers; drift is measured at it too."""
    longest: Count = 64
    """Most tokens in one of these answers."""
    fall: Action = "roll-back"
    """What follows when the judge's score has clearly fallen from its best look."""
    past_peak: Share = 0.95
    """Chance of being past the fitted peak from which on a smaller fall is enough."""
    alarms: dict[Rule, Alarm] = {}
    """Rules that shall not merely warn at their own limit, by name."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        back = [name for name, one in self.alarms.items() if one.action == "roll-back"]
        if not self.every and (back or self.judge is not None):
            what = f"`alarms.{back[0]}` rolls back to a look" if back else "a judge is named"
            raise ValueError(f"{what}, but every is 0, so no look is taken; set every to 1 or more")
        return self
