"""What an annotator is told."""

from typing import Literal

from concord.annotation.asked import Aspect
from concord.annotation.values import Closed, Mode, Role, When


class Me(Closed):
    """Whoever asks."""

    id: int
    """A number that stays."""
    name: str
    """As it was given."""
    role: Role
    """What they may do."""
    projects: list[str]
    """Where they may do it."""


class ProjectLine(Closed):
    """A project in a list."""

    slug: str
    """Its name in addresses."""
    title: str
    """Its name on pages."""
    done: int
    """Judgements that its tasks have."""
    total: int
    """Judgements that its tasks need."""


class Project(Closed):
    """All that a page needs to know to show a project's tasks."""

    slug: str
    """Its name in addresses."""
    title: str
    """Its name on pages."""
    overlap: int
    """How many people rank each task."""
    aspects: list[Aspect]
    """What answers are also rated by."""
    partial_allowed: bool
    """Whether some candidates may stay unranked."""
    mode: Mode
    """Order all, only the best and the worst, or compare two."""
    guideline: int
    """The version in force; 0 if there is none."""
    must_acknowledge: bool
    """Whether whoever asks has to confirm it first."""
    difference: bool
    """Whether the page begins with the view of differences."""


class Turn(Closed):
    """One message of a prompt."""

    role: Literal["system", "user", "assistant"]
    """Who speaks."""
    content: str
    """What is said: text, never markup."""


class PromptView(Closed):
    """A prompt as it is shown."""

    id: str
    """A name of it that gives nothing away."""
    messages: list[Turn]
    """The dialogue."""


class CandidateView(Closed):
    """A candidate as it is shown: nothing but its text."""

    id: str
    """Good for this person and this task only."""
    text: str
    """What it says: text, never markup."""


class Task(Closed):
    """A prompt and its candidates, held for one person."""

    lease: str | None
    """The hold on it; none for one that is only looked at again."""
    expires: When | None
    """When the hold ends."""
    task: str
    """What this person calls it."""
    prompt: PromptView
    """What was asked."""
    candidates: list[CandidateView]
    """In the order to be shown."""


class Leases(Closed):
    """Tasks to work on."""

    tasks: list[Task]
    """Those that the page does not have yet."""
    left: int
    """About how many more there may be for this person after these; it never tells what kind of task one is."""


class Renewed(Closed):
    """A hold goes on."""

    lease: str
    """The hold."""
    expires: When
    """When it ends."""


class Range(Closed):
    """An estimate and how far it can be trusted."""

    value: float
    """The estimate."""
    low: float
    """Where it may lie at least."""
    high: float
    """Where it may lie at most."""
    n: int
    """How many comparisons it stands on."""


class Progress(Closed):
    """How far things are."""

    today: int
    """Judgements of this person since midnight UTC."""
    mine: int
    """All of theirs."""
    done: int
    """Judgements that the project's tasks have; for annotators, with all that tell how somebody works."""
    total: int
    """Judgements that they need; for annotators, with as many more as those are expected to be."""
    median_seconds: float | None
    """This person's active seconds a task, over their last hundred."""
    agreement: Range | None
    """Krippendorff's alpha of the project with its interval; none while there is too little."""


class Stored(Closed):
    """A judgement is safe: it survives whatever happens to the server."""

    judgement: int
    """Its number."""
    revision: int
    """1 for the first answer to a task."""
    progress: Progress
    """How far things are now."""


class Judged(Closed):
    """One's own answer to one task, to be looked at, undone or changed."""

    judgement: int
    """Its number."""
    revision: int
    """1 for the first answer."""
    at: When
    """When it was stored."""
    task: Task
    """What was judged, in the order that it was shown."""
    tiers: list[list[str]]
    """Best tier first."""
    all_bad: bool
    """None of them is acceptable."""
    skip: str | None
    """Why it was not answered."""
    comment: str | None
    """A remark."""
    aspects: dict[str, dict[str, float]]
    """Numbers by aspect and candidate."""
    edits: dict[str, str]
    """Better texts."""


class Mine(Closed):
    """One's own latest answers, the newest first."""

    judgements: list[Judged]
    """At most as many as were asked for."""


class Guideline(Closed):
    """What people are told to look for."""

    version: int
    """0 if nothing was written yet."""
    text: str
    """Markdown."""
    acknowledged: bool
    """Whether whoever asks has confirmed this version."""
    must_acknowledge: bool
    """Whether they have to before they get another task."""


class GuidelineVersion(Closed):
    """One of its versions."""

    version: int
    """From 1 up."""
    text: str
    """Markdown."""
    must_acknowledge: bool
    """Whether people had to confirm it."""
    at: When
    """When it came into force."""
    by: str
    """Who wrote it."""


class Versions(Closed):
    """All its versions, the newest first."""

    versions: list[GuidelineVersion]
    """None is ever changed."""
