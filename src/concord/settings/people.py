"""Settings of people's ranking: the queue that they work on, and how it is handed out."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from concord.settings.closed import Settings
from concord.settings.quantities import Count, Share

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]


class People(Settings):
    """The queue of tasks for people, if they are the ones who rank."""

    overlap: Annotated[int, Field(ge=1, le=100)] = 1
    """How many people rank each list of answers: exactly so many."""
    store: str | None = None
    """Where judgements are kept: a folder relative to the recipe, or a PostgreSQL URL, which another server
    serves; if not given, a folder in the run, which this stage serves by itself."""
    project: Slug = "rank"
    """The queue's name; a store that several runs share needs one for each."""
    mode: Literal["order", "best-worst", "compare"] = "order"
    """Order all answers, name only the best and the worst, or compare two."""
    partial: bool = False
    """Whether some answers may stay unranked."""
    gold: Share = 0.0
    """Share of tasks whose right answer is known, if such tasks were imported."""
    repeats: Share = 0.0
    """Share of tasks that repeat one of the same person's own."""
    attention: Share = 0.0
    """Share of tasks in which one answer's words are shuffled: it must come last."""
    lease_minutes: Count = 30
    """How long a task is kept for somebody who says nothing."""

    @model_validator(mode="after")
    def _leaves_work(self) -> "People":
        if self.gold + self.repeats + self.attention > 0.5:
            raise ValueError("`gold`, `repeats` and `attention` together may be at most 0.5")
        return self
