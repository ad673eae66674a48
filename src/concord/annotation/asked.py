"""What pages and scripts may ask: one closed model for each body."""

from typing import Annotated

from pydantic import AfterValidator, Field, StrictBool, StrictInt, model_validator

from concord.annotation.values import (
    LONGEST_FILE,
    MOST_CANDIDATES,
    CandidateId,
    Closed,
    Comment,
    Handle,
    Key,
    Mode,
    Name,
    Reason,
    Role,
    Seconds,
    Secret,
    Serial,
    Share,
    Slug,
    Text,
    Tiers,
)
from concord.records.text import storable


class Login(Closed):
    """The secret of a link."""

    token: Secret
    """What stands in the link behind `#/login/`; it serves once."""


class Aspect(Closed):
    """Something that answers are also rated by, one number each."""

    name: Slug
    """As exports call it."""
    title: Name
    """As people read it."""
    low: StrictInt = 1
    """The worst number."""
    high: StrictInt = 5
    """The best number."""

    @model_validator(mode="after")
    def _has_room(self) -> "Aspect":
        if not -100 <= self.low < self.high <= 100:
            raise ValueError("low must be below high, and both within -100 and 100")
        return self


class NewProject(Closed):
    """A queue of tasks and how they are handed out."""

    slug: Slug
    """Its name in addresses and files."""
    title: Name
    """Its name on pages."""
    overlap: Annotated[StrictInt, Field(ge=1, le=100)] = 1
    """How many people rank each task: exactly so many."""
    mode: Mode = "order"
    """Order all, only the best and the worst, or compare two."""
    aspects: Annotated[list[Aspect], Field(max_length=8)] = []
    """What answers are also rated by."""
    partial_allowed: StrictBool = False
    """Whether some candidates may stay unranked."""
    difference: StrictBool = False
    """Whether the page begins with the view of differences."""
    gold_share: Share = 0.0
    """Share of tasks whose right answer is known."""
    repeat_share: Share = 0.0
    """Share of tasks that repeat one of the same person's own."""
    attention_share: Share = 0.0
    """Share of tasks in which one candidate's words are shuffled: it must come last."""
    lease_minutes: Annotated[StrictInt, Field(ge=1, le=1440)] = 30
    """How long a task is kept for somebody who says nothing."""

    @model_validator(mode="after")
    def _leaves_work(self) -> "NewProject":
        if self.gold_share + self.repeat_share + self.attention_share > 0.5:
            raise ValueError("gold_share, repeat_share and attention_share together may be at most 0.5")
        return self


class Take(Closed):
    """Tasks to work on, please."""

    count: Annotated[StrictInt, Field(ge=1, le=4)] = 2
    """How many to hold in all, those in `holding` included."""
    holding: Annotated[list[Handle], Field(max_length=8)] = []
    """Leases of which the page still has the task; they are renewed and not sent again."""


class Said(Closed):
    """One revision of one person's answer to one task."""

    key: Key
    """Chosen by the page, once for each judgement: whatever is sent twice is stored once."""
    lease: Handle | None = None
    """The hold on the task, if the page still knows it."""
    task: Handle
    """The task, as this person's page was told."""
    tiers: Tiers = []
    """Candidates, best tier first; those in no tier are not ranked."""
    all_bad: StrictBool = False
    """None of them is acceptable."""
    skip: Annotated[Comment, Field(min_length=1)] | None = None
    """Why the task was not answered; then nothing else is."""
    comment: Comment | None = None
    """A remark."""
    aspects: Annotated[
        dict[Slug, Annotated[dict[CandidateId, float], Field(max_length=MOST_CANDIDATES)]],
        Field(max_length=8),
    ] = {}
    """For each aspect, a number for some of the candidates."""
    edits: Annotated[dict[CandidateId, Text], Field(max_length=MOST_CANDIDATES)] = {}
    """Better texts for some of the candidates."""
    shown: Annotated[list[CandidateId], Field(max_length=MOST_CANDIDATES)] = []
    """The order on the screen."""
    active_seconds: Seconds
    """Time with the page in view and a sign of life in the last two minutes."""
    idle_seconds: Seconds
    """The other time from showing to sending."""
    first_seconds: Seconds | None = None
    """From showing to the first key or click."""
    keystrokes: Annotated[StrictInt, Field(ge=0, le=100_000)] = 0
    """Keys and clicks."""
    guideline: Annotated[StrictInt, Field(ge=0, le=2**31)] = 0
    """The version that was in force when the task was shown; 0 if there was none."""
    revises: Serial | None = None
    """The judgement that this one replaces."""


class Adjudication(Closed):
    """A reviewer's decision on a task."""

    key: Key
    """Chosen by the page, once for each decision."""
    tiers: Tiers
    """Candidates, best tier first, by the ids of the reviewer's own view."""
    all_bad: StrictBool = False
    """None of them is acceptable."""
    reason: Reason
    """Why the others differed."""
    comment: Comment | None = None
    """A remark."""


class NewGuideline(Closed):
    """The next version of what people are told to look for."""

    text: Text
    """Markdown."""
    must_acknowledge: StrictBool = False
    """Whether people have to confirm it before they get another task."""


class Acknowledgement(Closed):
    """Read and understood."""

    version: Annotated[StrictInt, Field(ge=1, le=2**31)]
    """Which version."""


class NewPerson(Closed):
    """Somebody to invite."""

    name: Name
    """As reviewers and exports of the operator know them."""
    role: Role = "annotator"
    """What they may do."""
    projects: Annotated[list[Slug], Field(max_length=200)] = []
    """Where they may do it; an admin may everywhere."""


class NewRole(Closed):
    """What somebody may do from now on."""

    role: Role
    """What they may do."""
    projects: Annotated[list[Slug], Field(max_length=200)] | None = None
    """Where they may do it; as before if not given."""


class NewToken(Closed):
    """A key for a script."""

    name: Name
    """What it is for."""
    person: Serial | None = None
    """Who the script acts as; whoever asks, if not given."""
    role: Role = "annotator"
    """The most that it may do; never more than the person may."""


class NewTasks(Closed):
    """Prompts with their candidates: rows of a file of completions or rankings, as text or as objects."""

    format: Annotated[str, Field(max_length=60)] | None = None
    """One of the formats of completions or rankings; recognised if not given."""
    rows: Annotated[list[dict[str, object]], Field(max_length=100_000, fail_fast=True)] | None = None
    """The rows themselves."""
    text: Annotated[str, Field(max_length=LONGEST_FILE)] | None = None
    """Or the content of a JSONL file."""
    gold: StrictBool = False
    """Whether the rankings are known to be right: then people are measured by their pairs."""

    @model_validator(mode="after")
    def _is_one(self) -> "NewTasks":
        if (self.rows is None) == (self.text is None):
            raise ValueError("give either rows or text")
        return self


class Erasure(Closed):
    """A prompt to be forgotten."""

    prompt_id: Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(storable)]
    """As reviewers and exports know it."""
    reason: Annotated[Comment, Field(min_length=1)]
    """What the tombstone says; no personal data belongs in it."""


class Priorities(Closed):
    """Which tasks should come earlier among equally often judged ones."""

    values: Annotated[dict[str, float], Field(max_length=100_000)]
    """A number for each prompt id; higher comes earlier."""
